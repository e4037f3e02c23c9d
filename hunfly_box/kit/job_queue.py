"""Huey, wrapped once: it rings for work that lies in the database, and keeps the worker threads and the clock.

A ring is (job name, tenant, row) as JSON. It may be lost at any moment: sweeps on the timetable find what nobody
rang for.
"""

import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from huey import Huey
from huey.consumer import Consumer, Scheduler, Worker
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hunfly_box.kit import metrics
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.redis import connect, key
from hunfly_box.kit.ring_store import RingStorage, packed_ring, read_ring
from hunfly_box.kit.slots import Slots

NOBODY = UUID(int=0)
# A worker blocks this long for a ring; it is also the longest a stop waits for an idle worker.
READ_SECONDS = 1
SOCKET_SECONDS = 2.5
# After a failure the others do not line up at the same closed door.
AWAY_SECONDS = 1.0
MOST_LOCAL_RINGS = 2_000
# Slow jobs wait for other people's servers: they never take the last threads, nor the background those of replies.
THREADS_KEPT_FREE = 2
BACKGROUND_SHARE = 0.4
HEALTH_SECONDS = 10.0
CLOCK_STEP_SECONDS = 0.5
# What is on the timetable begins within this time.
SPREAD_SECONDS = 1.0

AWAY = (OperationalError, InterfaceError, PoolTimeout, redis.ConnectionError, redis.TimeoutError)

JobFunction = Callable[[Any, UUID, UUID], None]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """`function(resources, tenant_id, entity_id)`.

    `is_slow`: it may wait for a server that is not ours. `is_background`: that too, and nobody waits for it.
    """

    function: JobFunction
    is_slow: bool = False
    is_background: bool = False


@dataclass(frozen=True, slots=True)
class Timed:
    """Rings `job` for nobody in particular. `is_shared`: once for all processes together, not once in each."""

    job: str
    every_seconds: float
    is_shared: bool = True


class JobQueue:
    """Every process may ring; those that call `start` also answer."""

    def __init__(self, redis_url: str, *, threads: int = 10) -> None:
        # One connection for each thread that blocks on the queue, some more for those who ring.
        self._redis = connect(redis_url, SOCKET_SECONDS, max_connections=threads + 64)
        self._threads = threads
        self._huey = Huey(
            "jobs", results=False, storage_class=RingStorage, client=self._redis, read_timeout=READ_SECONDS
        )
        self._jobs: Mapping[str, Job] = {}
        self._resources: Any = None
        self._consumer: Any = None
        self._local: queue.Queue[Ring] = queue.Queue(MOST_LOCAL_RINGS)
        self._away_until = 0.0
        slots = threads - THREADS_KEPT_FREE
        self._background = Slots(max(1, int(slots * BACKGROUND_SHARE)))
        self._slow = Slots(max(1, slots - int(slots * BACKGROUND_SHARE)))
        self._clock = _Clock(self)

    def ring(self, ring: Ring) -> None:
        """Never raises. Without Redis the ring stays in this process, if it has workers."""
        if time.monotonic() >= self._away_until:
            try:
                self._huey.storage.enqueue(packed_ring(ring), int(ring.is_urgent))
            except redis.RedisError as error:
                self._redis_is_away(error)
            else:
                return
        if self._consumer is not None:
            try:
                self._local.put_nowait(ring)
            except queue.Full:
                log.warning("too many rings without Redis; the sweep will find %s", ring.job)

    def ring_later(self, ring: Ring, seconds: float) -> None:
        """Precise, and kept in this process only: a restart leaves it to the sweep."""
        self._clock.add(ring, seconds)

    def start(self, resources: Any, jobs: Mapping[str, Job], timetable: Sequence[Timed]) -> None:
        unknown = [entry.job for entry in timetable if entry.job not in jobs]
        if unknown:
            raise ValueError(f"on the timetable, but no job: {unknown}")
        self._jobs = jobs
        self._resources = resources
        self._clock.begin(timetable)
        self._consumer = _Consumer(self, self._huey, self._threads)
        self._consumer.start()

    def stop(self, timeout_seconds: float = 20.0) -> None:
        """Takes nothing new, waits for what runs. What is still running then is left to its lease."""
        if self._consumer is not None:
            self._consumer.shutdown_timeout = timeout_seconds
            self._consumer.stop_flag.set()
            self._clock.wake()
            self._consumer.stop(graceful=True)
            self._consumer = None
        self._redis.close()

    def pending(self) -> int | None:
        """Rings that wait; None when Redis does not tell."""
        try:
            return int(self._huey.storage.queue_size())
        except redis.RedisError:
            return None

    def is_healthy(self, at_most_seconds: float = 30.0) -> bool:
        """The clock ticks and the workers live; those that died are replaced."""
        if self._consumer is None:
            return False
        self._consumer.check_worker_health()
        return time.monotonic() - self._clock.last_tick < at_most_seconds

    # What the threads do.

    def work_once(self) -> None:
        ring = self._next_ring()
        while ring is not None:
            waiting = self._answer(ring)
            ring = None if self._is_stopping() else waiting

    def step_clock(self) -> None:
        self._clock.step()

    def tick(self, due: Timed) -> None:
        if not due.is_shared or self._claim(due):
            self.ring(Ring(due.job, NOBODY, NOBODY, is_urgent=True))

    def check_workers(self) -> None:
        if self._consumer is not None:
            self._consumer.check_worker_health()

    def _is_stopping(self) -> bool:
        return self._consumer is None or bool(self._consumer.stop_flag.is_set())

    def _next_ring(self) -> Ring | None:
        try:
            return self._local.get_nowait()
        except queue.Empty:
            pass
        try:
            packed = self._huey.storage.dequeue()
        except redis.RedisError as error:
            self._redis_is_away(error)
            try:
                return self._local.get(timeout=AWAY_SECONDS)
            except queue.Empty:
                return None
        return read_ring(packed) if packed is not None else None

    def _answer(self, ring: Ring) -> Ring | None:
        """The next slow ring that waited for this thread, if any."""
        job = self._jobs.get(ring.job)
        if job is None:
            log.warning("nobody answers to %r", ring.job)
            return None
        slots = self._background if job.is_background else self._slow if job.is_slow else None
        if slots is None:
            self._run(ring, job)
            return None
        if not slots.take(ring):
            return None
        try:
            self._run(ring, job)
        finally:
            waiting = slots.free()
        return waiting

    def _run(self, ring: Ring, job: Job) -> None:
        try:
            with metrics.job_timed(ring.job):
                job.function(self._resources, ring.tenant_id, ring.entity_id)
        except AWAY as error:
            # A server that is away says so many times a minute; where in our code it was noticed is no news.
            log.warning("job %s stopped: %s", ring.job, type(error).__name__)
        except Exception:  # noqa: BLE001 - the job runner: one bad job must not take the thread with it
            log.exception("job %s failed for %s", ring.job, ring.entity_id)

    def _claim(self, due: Timed) -> bool:
        """Several processes read the same timetable; one of them rings. Without Redis each does: the jobs allow it."""
        if time.monotonic() < self._away_until:
            return True
        milliseconds = max(1, int(due.every_seconds * 900))
        try:
            return bool(self._redis.set(key(None, "tick", due.job), b"1", nx=True, px=milliseconds))
        except redis.RedisError as error:
            self._redis_is_away(error)
            return True

    def _redis_is_away(self, error: redis.RedisError) -> None:
        now = time.monotonic()
        if now >= self._away_until:
            log.warning("Redis does not answer (%s); rings stay in this process", type(error).__name__)
        self._away_until = now + AWAY_SECONDS


class _Consumer(Consumer):  # type: ignore[misc]
    def __init__(self, jobs: JobQueue, huey: Huey, threads: int) -> None:
        self._job_queue = jobs
        super().__init__(huey, workers=threads, periodic=False)

    def _create_worker(self) -> Worker:
        return _RingWorker(self._job_queue, self.huey, self.stop_flag)

    def _create_scheduler(self) -> Scheduler:
        return _ClockThread(self._job_queue, self.huey, self.stop_flag)

    def _set_signal_handlers(self) -> None:
        """The process has its own; Huey is a guest here."""


class _RingWorker(Worker):  # type: ignore[misc]
    def __init__(self, jobs: JobQueue, huey: Huey, stop_flag: threading.Event) -> None:
        super().__init__(huey, stop_flag, default_delay=0.1, max_delay=2.0, backoff=1.15)
        self._job_queue = jobs

    def loop(self, now: Any = None) -> None:
        self._job_queue.work_once()


class _ClockThread(Scheduler):  # type: ignore[misc]
    def __init__(self, jobs: JobQueue, huey: Huey, stop_flag: threading.Event) -> None:
        super().__init__(huey, stop_flag, interval=1, periodic=False)
        self._job_queue = jobs

    def loop(self, now: Any = None) -> None:
        try:
            self._job_queue.step_clock()
        except Exception:  # noqa: BLE001 - the clock is what starts again everything else that died
            log.exception("the clock stumbled")
            self.stop_flag.wait(CLOCK_STEP_SECONDS)


class _Clock:
    """Alarms to the millisecond and the timetable, on Huey's scheduler thread."""

    def __init__(self, jobs: JobQueue) -> None:
        self._jobs = jobs
        self._changed = threading.Condition()
        self._count = itertools.count()
        self._heap: list[tuple[float, int, Ring | Timed]] = []
        self._next_health_check = time.monotonic() + HEALTH_SECONDS
        self.last_tick = time.monotonic()

    def begin(self, timetable: Sequence[Timed]) -> None:
        """One after the other: what begins together would come together for ever, and hold up messages meanwhile."""
        now = time.monotonic()
        for number, entry in enumerate(timetable):
            self._push(now + number * SPREAD_SECONDS / len(timetable), entry)

    def add(self, ring: Ring, seconds: float) -> None:
        self._push(time.monotonic() + max(0.0, seconds), ring)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def step(self) -> None:
        """Rings what is due, or sleeps until something is; at most half a second, to see a stop."""
        now = self.last_tick = time.monotonic()
        if now >= self._next_health_check:
            self._next_health_check = now + HEALTH_SECONDS
            self._jobs.check_workers()
        due = list(self._due(now))
        for entry in due:
            if isinstance(entry, Timed):
                # From now, not from when it was due: after a stall there is nothing to catch up with.
                self._push(now + entry.every_seconds, entry)
                self._jobs.tick(entry)
            else:
                self._jobs.ring(entry)
        if due:
            return
        with self._changed:
            wait = self._heap[0][0] - time.monotonic() if self._heap else CLOCK_STEP_SECONDS
            if wait > 0:
                self._changed.wait(min(wait, CLOCK_STEP_SECONDS))

    def _due(self, now: float) -> Iterator[Ring | Timed]:
        with self._changed:
            while self._heap and self._heap[0][0] <= now:
                yield heapq.heappop(self._heap)[2]

    def _push(self, at: float, entry: Ring | Timed) -> None:
        with self._changed:
            heapq.heappush(self._heap, (at, next(self._count), entry))
            self._changed.notify_all()
