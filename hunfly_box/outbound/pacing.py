"""At most so many sends a minute from a number, exactly, whatever fails: numbers that burst get banned.

Two locks on one door. Redis gives out slots, with the pauses of a human hand; Postgres writes every send down before it
leaves and counts once more. Without Redis the log in Postgres decides at half the rate, without both nothing is sent.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

import redis

from hunfly_box.kit.database import Database, Scope, TenantTransaction
from hunfly_box.kit.redis import READ_CLOCK, key
from hunfly_box.outbound.pacing_script import ASK, SEED

USUAL_LIMIT = 20
# A slot counts for 65 s and is good for 5: a send that leaves late still lies in its own minute.
WINDOW_SECONDS = 65.0
VALID_SECONDS = 5.0
HORIZON_SECONDS = 600.0
# Of twenty, twelve at most for campaigns; replies keep the rest.
CAMPAIGN_SHARE = 0.6
CAMPAIGN_PAUSE_SECONDS = 60.0
GRANTED, WAIT, LOST = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Gaps:
    """Pauses that look like a human hand: between any two sends, and between two to one person."""

    limit: int = USUAL_LIMIT
    gap_seconds: float = 1.2
    jitter_seconds: float = 2.5
    recipient_seconds: float = 3.0

    @classmethod
    def for_limit(cls, limit: int) -> "Gaps":
        """Who allows more sends a minute wants shorter pauses too, else the pauses would be the limit."""
        scale = min(1.0, USUAL_LIMIT / limit)
        return cls(limit, 1.2 * scale, 2.5 * scale, 3.0 * scale)


@dataclass(frozen=True, slots=True)
class Grant:
    """Good until `until` on this process's monotonic clock; to be checked again right before the first byte."""

    until: float
    is_fallback: bool = False

    def is_good(self) -> bool:
        return time.monotonic() < self.until


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Send:
    """What asks for a slot. `attempt` counts: a second try is a second send."""

    tenant_id: UUID
    channel_id: UUID
    delivery_id: UUID
    attempt: int
    recipient: str
    lane: str = "reply"

    @property
    def log_id(self) -> UUID:
        return uuid5(self.delivery_id, str(self.attempt))


def uptime_seconds() -> float:
    """Of the machine, not of the process: all processes on it read the same, and nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def machine_name() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


class Pacing:
    def __init__(
        self,
        client: "redis.Redis",
        database: Database,
        gaps: Gaps,
        *,
        ask_script: str = ASK,
        read_clock: str = READ_CLOCK,
        uptime: Callable[[], float] = uptime_seconds,
        remembered: "Callable[[Send], list[Remembered]] | None" = None,
    ) -> None:
        """What comes after the star is for tests in virtual time only."""
        self._database = database
        self._remembered = remembered or self._read_log
        self._gaps = gaps
        self._uptime = uptime
        self._machine = machine_name()
        self._ask_script = client.register_script(ask_script.replace(READ_CLOCK, read_clock))
        self._seed_script = client.register_script(SEED.replace(READ_CLOCK, read_clock))

    def ask(self, send: Send) -> Grant | Wait:
        """Asking twice for one send is one slot."""
        began = time.monotonic()
        try:
            code, milliseconds = self._ask_redis(send)
            if code == LOST:
                self._seed(send)
                began = time.monotonic()
                code, milliseconds = self._ask_redis(send)
        except redis.RedisError:
            return self._ask_postgres(send)
        if code == GRANTED:
            return Grant(began + milliseconds / 1000)
        # Lost again between two steps: somebody empties Redis; a second later is soon enough.
        return Wait(milliseconds / 1000 if code == WAIT else 1.0)

    def write_down(self, tx: TenantTransaction, send: Send, grant: Grant) -> bool:
        """In the transaction that commits the intent to send. False: the log says no, whatever Redis said."""
        channel = {"tenant_id": send.tenant_id, "channel_id": send.channel_id}
        tx.execute(LOCK_LOG, channel_id=str(send.channel_id))
        limit, gap = self._gaps.limit, 0.0
        if grant.is_fallback:
            limit, gap = self._half(), self._gaps.gap_seconds * 2
        written = tx.execute(WRITE_DOWN, **channel, log_id=send.log_id, window=WINDOW_SECONDS, limit=limit, gap=gap)
        return written == 1

    def _ask_redis(self, send: Send) -> tuple[int, int]:
        gaps = self._gaps
        answer = self._ask_script(
            keys=_keys(send),
            args=[
                str(send.log_id),
                send.lane,
                send.recipient,
                gaps.limit,
                _ms(WINDOW_SECONDS),
                _ms(gaps.gap_seconds + random.uniform(0, gaps.jitter_seconds)),  # noqa: S311 - a pause, not a secret
                _ms(gaps.recipient_seconds),
                _ms(HORIZON_SECONDS),
                _ms(VALID_SECONDS),
                self._machine,
                _ms(self._uptime()),
                max(1, int(gaps.limit * CAMPAIGN_SHARE)),
            ],
        )
        return int(answer[0]), int(answer[1])

    def _seed(self, send: Send) -> None:
        pairs = [text for row in self._remembered(send) for text in (str(row.log_id), str(int(row.age_ms)))]
        self._seed_script(keys=_keys(send), args=[_ms(CAMPAIGN_PAUSE_SECONDS), *pairs])

    def _read_log(self, send: Send) -> "list[Remembered]":
        with self._database.transaction(Scope.system(send.tenant_id)) as tx:
            return tx.all(Remembered, REMEMBERED, **_channel(send), window=WINDOW_SECONDS)

    def _ask_postgres(self, send: Send) -> Grant | Wait:
        """Only reads: the slot is taken by write_down, under the lock."""
        if send.lane == "campaign":
            return Wait(CAMPAIGN_PAUSE_SECONDS)
        began = time.monotonic()
        with self._database.transaction(Scope.system(send.tenant_id)) as tx:
            row = tx.one(_Standing, STANDING, **_channel(send), window=WINDOW_SECONDS, nth=max(0, self._half() - 1))
        gap = self._gaps.gap_seconds * 2
        spread = random.uniform(0, self._gaps.jitter_seconds)  # noqa: S311 - a pause, not a secret
        if row.nth_age is not None:
            return Wait(WINDOW_SECONDS - row.nth_age + spread)
        if row.last_age is not None and row.last_age < gap:
            return Wait(gap - row.last_age + spread)
        return Grant(began + VALID_SECONDS, is_fallback=True)

    def _half(self) -> int:
        return max(1, self._gaps.limit // 2)


@dataclass(frozen=True, slots=True)
class Remembered:
    log_id: UUID
    age_ms: float


@dataclass(frozen=True, slots=True)
class _Standing:
    """Ages in seconds of the newest send, and of the one that must leave the window first."""

    last_age: float | None
    nth_age: float | None


def _keys(send: Send) -> list[str]:
    return [key(send.tenant_id, "pace", send.channel_id, part) for part in ("log", "facts", "to", "campaigns")]


def _channel(send: Send) -> dict[str, UUID]:
    return {"tenant_id": send.tenant_id, "channel_id": send.channel_id}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


LOCK_LOG = "SELECT pg_advisory_xact_lock(hashtextextended('pace:' || :channel_id, 0))"
IN_WINDOW = """FROM app.channel_sends s WHERE s.tenant_id = :tenant_id AND s.channel_id = :channel_id
  AND s.granted_at > clock_timestamp() - make_interval(secs => :window)"""
WRITE_DOWN = f"""
INSERT INTO app.channel_sends (tenant_id, channel_id, delivery_id, granted_at)
SELECT :tenant_id, :channel_id, :log_id, clock_timestamp()
WHERE (SELECT count(*) {IN_WINDOW}) < :limit
  AND NOT EXISTS (SELECT 1 {IN_WINDOW} AND s.granted_at > clock_timestamp() - make_interval(secs => :gap))
ON CONFLICT DO NOTHING
"""
REMEMBERED = f"""
SELECT s.delivery_id AS log_id,
       CAST(greatest(0, extract(epoch FROM clock_timestamp() - s.granted_at)) * 1000 AS double precision) AS age_ms
{IN_WINDOW}
"""
AGE = "CAST(extract(epoch FROM clock_timestamp() - s.granted_at) AS double precision)"
STANDING = f"""
SELECT (SELECT min({AGE}) {IN_WINDOW}) AS last_age,
       (SELECT {AGE} {IN_WINDOW} ORDER BY s.granted_at DESC OFFSET :nth LIMIT 1) AS nth_age
"""
