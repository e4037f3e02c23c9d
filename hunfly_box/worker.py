"""The worker's composition: every job by name, every kind of work, the timetable. Any number may run side by side."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import text

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import jobs as channel_jobs
from hunfly_box.inbox import jobs as inbox_jobs
from hunfly_box.inbox import live_relay
from hunfly_box.ingest import jobs as ingest_jobs
from hunfly_box.ingest import pairing
from hunfly_box.kit import metrics
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.job_queue import Job, JobFunction, JobQueue, Timed
from hunfly_box.kit.leases import LeaseKeeper
from hunfly_box.kit.redis import key
from hunfly_box.kit.work import WorkKind, WorkRunner
from hunfly_box.media import jobs as media_jobs
from hunfly_box.outbound import jobs as outbound_jobs
from hunfly_box.outbound.commands import DELIVER
from hunfly_box.outbound.courier import Courier
from hunfly_box.outbound.pacing import Gaps

# How long a ring that got lost can delay its work.
SWEEP_SECONDS = 2.0
MOST_SWEPT = 1_000
# A queue this long is being worked on; sweeping would only ring for the same rows again.
LONG_QUEUE = 1_000
# Words are indexed beside what is being stored: in steps that nobody has to wait for, larger ones only for a backlog.
FIRST_INDEX_STEP = 100
LARGEST_INDEX_STEP = 500
INDEX_PAUSE_SECONDS = 0.02
MOST_INDEX_STEPS = 12
PURGE_BATCH = 5_000
PURGE_FOR_SECONDS = 20.0
PURGE = "SELECT app.purge(:most)"
JOURNAL_MOST_BYTES = 500_000_000
TRIM_JOURNAL = "SELECT app.trim_journal(:bytes, :most)"
BEAT_SECONDS = 5.0
BEAT_LIVES_SECONDS = 30
STATEMENT_SECONDS = 60

Entry = TypeVar("Entry")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunningWorker:
    queue: JobQueue

    def stop(self, timeout_seconds: float = 20.0) -> None:
        self.queue.stop(timeout_seconds)

    def is_healthy(self) -> bool:
        return self.queue.is_healthy()


def start(resources: Resources, queue: JobQueue, gaps: Gaps | None = None) -> RunningWorker:
    """`gaps`: the pauses between sends, where a test wants them other than the limit asks for."""
    keeper = LeaseKeeper()
    courier = Courier(resources, queue, keeper, gaps or Gaps.for_limit(resources.settings.sends_per_minute))
    work = _merged(outbound_jobs.work(courier), media_jobs.WORK, pairing.WORK)
    runner = WorkRunner(resources.database, resources, work, keeper, resources.process_id)
    jobs = _merged(
        _own_jobs(queue, work),
        outbound_jobs.jobs(courier),
        _work_jobs(runner, work),
        channel_jobs.JOBS,
        ingest_jobs.JOBS,
        {"inbox.wake_snoozed": Job(wake_snoozed)},
    )
    metrics.jobs_are(jobs)
    queue.start(resources, jobs, [*TIMETABLE, *channel_jobs.TIMETABLE, *ingest_jobs.TIMETABLE])
    return RunningWorker(queue)


def _merged(*tables: Mapping[str, Entry]) -> dict[str, Entry]:
    """Raises when two slices use one name."""
    merged: dict[str, Entry] = {}
    for table in tables:
        twice = merged.keys() & table.keys()
        if twice:
            raise ValueError(f"named twice: {sorted(twice)}")
        merged.update(table)
    return merged


def _work_jobs(runner: WorkRunner, work: dict[str, WorkKind]) -> dict[str, Job]:
    def run(resources: Resources, tenant_id: UUID, work_id: UUID) -> None:
        runner.run(tenant_id, work_id)

    return dict.fromkeys(work, Job(run, is_background=True))


def _own_jobs(queue: JobQueue, work: dict[str, WorkKind]) -> dict[str, Job]:
    return {
        "worker.sweep": Job(_sweep(queue, set(work))),
        "worker.index": Job(index_messages),
        "worker.purge": Job(purge, is_background=True),
        "worker.beat": Job(beat),
    }


TIMETABLE: tuple[Timed, ...] = (
    Timed("worker.sweep", SWEEP_SECONDS),
    Timed("worker.index", 1.0),
    Timed("worker.purge", 120.0),
    Timed("inbox.wake_snoozed", 10.0),
    Timed("worker.beat", BEAT_SECONDS, is_shared=False),
)


def _sweep(queue: JobQueue, kinds: set[str]) -> JobFunction:
    """Rings again for everything that is due: lost rings, run-out leases, work whose time has come."""

    def sweep(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
        pending = queue.pending() or 0
        if pending > LONG_QUEUE:
            metrics.backlog_is(pending)
            return
        with resources.database.fenced() as tx:
            deliveries = tx.all(_DueDelivery, "SELECT * FROM app.due_deliveries(:most)", most=MOST_SWEPT)
            work = tx.all(_DueWork, "SELECT * FROM app.due_work(:most)", most=MOST_SWEPT)
        metrics.backlog_is(pending + len(deliveries) + len(work))
        for delivery in deliveries:
            queue.ring(Ring(DELIVER, delivery.tenant_id, delivery.conversation_id, is_urgent=True))
        for row in work:
            if row.kind in kinds:
                queue.ring(Ring(row.kind, row.tenant_id, row.id))

    return sweep


def index_messages(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
    """Again and again while full steps come, but never so long that others wait for the thread."""
    step = FIRST_INDEX_STEP
    for _ in range(MOST_INDEX_STEPS):
        with resources.database.fenced() as tx:
            indexed: int = tx.scalar("SELECT app.index_messages(:most)", most=step)
        if indexed < step:
            return
        time.sleep(INDEX_PAUSE_SECONDS)
        step = min(2 * step, LARGEST_INDEX_STEP)


def purge(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
    """In small bites, so that nobody waits long for a lock; as many as there is time for."""
    until = time.monotonic() + PURGE_FOR_SECONDS
    gone = _in_bites(resources, until, PURGE, {"most": PURGE_BATCH})
    gone += trim_journal(resources, until)
    if gone:
        log.info("purged %d old rows", gone)


def trim_journal(resources: Resources, until: float, most_bytes: int = JOURNAL_MOST_BYTES) -> int:
    return _in_bites(resources, until, TRIM_JOURNAL, {"bytes": most_bytes, "most": PURGE_BATCH})


def _in_bites(resources: Resources, until: float, sql: str, params: dict[str, int]) -> int:
    """How many rows went until there were no more, or no more time."""
    gone, bite = 0, PURGE_BATCH
    while bite >= PURGE_BATCH and time.monotonic() < until:
        with resources.database.fenced() as tx:
            tx.connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'"))
            bite = tx.scalar(sql, **params)
        gone += bite
    return gone


def wake_snoozed(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
    inbox_jobs.wake_snoozed(resources)


def beat(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
    """Says that this process works: health reads the keys of all of them, web processes hear that others write."""
    resources.redis.set(key(None, "worker", resources.process_id), b"1", ex=BEAT_LIVES_SECONDS)
    live_relay.announce_worker(resources)


@dataclass(frozen=True, slots=True)
class _DueDelivery:
    tenant_id: UUID
    channel_id: UUID
    conversation_id: UUID


@dataclass(frozen=True, slots=True)
class _DueWork:
    tenant_id: UUID
    id: UUID
    kind: str
