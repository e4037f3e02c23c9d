"""Group commit: what arrives together is stored by one call and answered after its COMMIT."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hunfly_box.ingest.arrivals import LINGER_SECONDS, PAUSE_SECONDS
from hunfly_box.ingest.connection import Away
from hunfly_box.ingest.received import Part, Received, parts_of
from hunfly_box.ingest.storing import Storer
from hunfly_box.kit.crash import crash_point

log = logging.getLogger(__name__)

MAX_WEIGHT = 500
# So many at once are a crowd: then larger batches are worth more than haste, and the wait begins at the last flush.
CROWD = 20
MOST_WAITING = 5_000

STORED, SPILLED, REFUSED = "stored", "spilled", "refused"


Spill = Callable[[list[Received]], Awaitable[bool]]


@dataclass
class Batcher:
    storer: Storer
    spill: Spill
    spilled: int = 0
    waiting_events: int = 0

    def __post_init__(self) -> None:
        self._queue: list[tuple[Part, asyncio.Future[str]]] = []
        self._wake = asyncio.Event()
        self._last_arrival = 0.0
        self._waiting_since = 0.0
        self._paused = True
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """What was taken is stored or spilled first."""
        self._is_stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self.storer.connection.close()

    @property
    def is_full(self) -> bool:
        return self.waiting_events >= MOST_WAITING or self._is_stopping

    async def put(self, one: Received, arrived_at: float | None = None) -> str:
        """Answers when the delivery is safe: stored, spilled, or refused. What it waited before counts as waiting."""
        outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        now = arrived_at or time.monotonic()
        if not self._queue:
            self._paused = now - self._last_arrival > PAUSE_SECONDS
            self._waiting_since = now
        self._last_arrival = now
        for part in parts_of(one):
            self._queue.append((part, outcome))
            self.waiting_events += len(part.events) or 1
        self._wake.set()
        return await outcome

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._is_stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            if not self._paused and self.waiting_events < MAX_WEIGHT and not self._is_stopping:
                await asyncio.sleep(self._waiting_since + LINGER_SECONDS - time.monotonic())
            taken = self._take()
            try:
                outcome = await self._flush([part for part, _ in taken])
            except Exception:  # noqa: BLE001 - the loop must outlive any one batch; its senders will try again
                log.exception("a batch of %d deliveries could not be stored", len(taken))
                outcome = REFUSED
            crash_point("I4")
            self._answer(taken, outcome)
            if len(taken) >= CROWD:
                self._waiting_since = time.monotonic()

    def _take(self) -> list[tuple[Part, asyncio.Future[str]]]:
        weight = 0
        for count, (part, _) in enumerate(self._queue):
            weight += part.weight
            if weight > MAX_WEIGHT and count:
                break
        else:
            count = len(self._queue)
        taken = self._queue[:count]
        del self._queue[:count]
        self._paused = False
        return taken

    def _answer(self, taken: list[tuple[Part, "asyncio.Future[str]"]], outcome: str) -> None:
        for part, future in taken:
            self.waiting_events -= len(part.events) or 1
            if not future.done() and (part.is_last or outcome != STORED):
                future.set_result(outcome)

    async def _flush(self, parts: list[Part]) -> str:
        try:
            await self.storer.store(parts)
        except Away:
            # Each delivery once, and whole: slices that are stored already change nothing when they come again.
            whole = list({id(part.received): part.received for part in parts}.values())
            if not await self.spill(whole):
                return REFUSED
            self.spilled += len(whole)
            return SPILLED
        return STORED
