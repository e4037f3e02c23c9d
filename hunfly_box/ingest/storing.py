"""A few deliveries → one call of app.ingest(), and what to do when it does not take them all."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from hunfly_box.ingest.connection import Away, IngestConnection
from hunfly_box.ingest.gathering import Gathered, Row, gather, remembered
from hunfly_box.ingest.people import Key, KnownPeople
from hunfly_box.ingest.received import POISON, Part
from hunfly_box.ingest.statement import Answer, parameters
from hunfly_box.kit.crash import crash_point

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
# Making a contact takes twenty times as long as storing a message: a call stays short also when nobody is known yet.
MOST_NEW_PEOPLE = 60
# The proof of life of a channel is written this often at most.
HEALTH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Stored:
    """One committed batch: what the live stream and the workers are told."""

    batch: Gathered
    answer: Answer

    def inserted(self) -> list[Row]:
        """The plain messages that were new; the others had been stored before."""
        new = set(self.answer.summary.inserted or ())
        return [row for row in self.batch.rows if row.id in new]


Watched = Callable[[UUID], bool]
OnStored = Callable[[Stored], None]


@dataclass
class Storer:
    connection: IngestConnection
    on_stored: OnStored
    watches: Watched = lambda tenant_id: False
    known: KnownPeople = field(default_factory=KnownPeople)
    batches: int = 0
    rows: int = 0
    heard_at: dict[str, float] = field(default_factory=dict)
    wrote_at: dict[str, float] = field(default_factory=dict)

    async def store(self, parts: list[Part]) -> None:
        """Raises Away. What fails by itself is parked; what was merged away meanwhile is tried again."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                again = await self._call(parts)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                if attempt == MAX_ATTEMPTS:
                    raise Away from None
                continue
            except psycopg.Error as error:
                await self._isolate(parts, error)
                return
            if not again:
                return
            parts = again
        for part in parts:
            await self._park(part, "nobody to store it under")

    async def _isolate(self, parts: list[Part], error: psycopg.Error) -> None:
        """One row made the whole call fail: each goes alone, and the guilty one is parked."""
        if len(parts) == 1:
            await self._park(parts[0], f"{error.sqlstate} {type(error).__name__}")
            return
        for part in parts:
            await self.store([part])

    async def _park(self, part: Part, why: str) -> None:
        log.error("delivery %s is parked: %s", part.received.journal_id, why)
        part.received.state, part.received.reason = "parked", POISON
        await self._call([Part(part.received, (), is_last=True)])

    async def _call(self, parts: list[Part]) -> list[Part]:
        """The parts whose person or conversation was not there, to be tried again."""
        batch = gather(parts, self.known)
        if len(batch.wanted) > MOST_NEW_PEOPLE and len(parts) > 1:
            half = len(parts) // 2
            return await self._call(parts[:half]) + await self._call(parts[half:])
        watched = [UUID(tenant) for tenant in dict.fromkeys(batch.tenants) if self.watches(UUID(tenant))]
        crash_point("I1")
        answer = await self.connection.call(parameters(batch, self._heard(batch), watched))
        crash_point("I3")
        self.batches += 1
        self.rows += len(batch.rows) + len(batch.events)
        summary = answer.summary
        if summary.conversations is not None and summary.people is not None:
            remembered(batch, summary.conversations, summary.people)
        for number, why in summary.failed.items():
            log.warning("an event was parked: delivery %s: %s", number, why.split(" ", 1)[0])
            self._mark_failed(batch, number)
        self.on_stored(Stored(batch, answer))
        return self._missing(batch, answer)

    def _mark_failed(self, batch: Gathered, number: str) -> None:
        """A slice before the last one: its journal row comes with a later call."""
        if number == "0":
            for part, _ in batch.event_parts:
                if not part.is_last:
                    part.received.state, part.received.reason = "parked", POISON

    def _missing(self, batch: Gathered, answer: Answer) -> list[Part]:
        again: list[Part] = []
        for n in answer.summary.missing or ():
            row = batch.rows[n - 1]
            self._forget(row.keys)
            again.append(Part(row.part.received, (row.event,), is_last=False))
        for n in answer.summary.missing_events or ():
            part, event = batch.event_parts[n - 1]
            self._forget(batch.event_keys[n - 1])
            again.append(Part(part.received, (event,), is_last=False))
        return again

    def _forget(self, keys: tuple[Key, ...]) -> None:
        for key in keys:
            self.known.forget(key)

    def _heard(self, batch: Gathered) -> list[int]:
        """Channels whose proof of life is due. That a customer wrote must not hide behind a tick a moment before."""
        now = time.monotonic()
        heard = []
        for channel, c in batch.channels.items():
            is_due = now - self.heard_at.get(channel, -HEALTH_SECONDS) >= HEALTH_SECONDS
            wrote = c in batch.wrote
            if wrote and now - self.wrote_at.get(channel, -HEALTH_SECONDS) >= HEALTH_SECONDS:
                self.wrote_at[channel] = now
                is_due = True
            if is_due:
                self.heard_at[channel] = now
                heard.append(c)
        return heard
