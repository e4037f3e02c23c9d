"""A shop for each test, and workers in this process on demand."""

from collections.abc import Callable, Iterator

import pytest

from hunfly_box import reactions, simulator, worker
from hunfly_box.channels import jobs
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.job_queue import JobQueue
from hunfly_box.outbound.pacing import Gaps
from tests.conftest import Box
from tests.integration.outbound.shop import QUICK_GAPS, Shop

StartWorker = Callable[..., worker.RunningWorker]


@pytest.fixture
def shop(box: Box) -> Iterator[Shop]:
    with simulator.start(time_scale=0.02, seed=7) as sim:
        made = Shop(box, sim, f"loja{new_id().hex[-6:]}")
        made.open()
        yield made
        made.execute(
            "UPDATE app.deliveries SET state = 'cancelled' WHERE state IN ('queued', 'claimed', 'dispatching')"
        )
        made.execute("DELETE FROM app.pending_changes")
        made.execute("UPDATE app.work SET state = 'done' WHERE state IN ('queued', 'claimed')")


@pytest.fixture
def nobody_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test says what state the number is in."""
    monkeypatch.setattr(jobs, "TIMETABLE", ())


@pytest.fixture
def start_worker(box: Box) -> Iterator[StartWorker]:
    running: list[worker.RunningWorker] = []
    box.resources.redis.flushdb()

    def start(gaps: Gaps = QUICK_GAPS, threads: int = 6) -> worker.RunningWorker:
        queue = JobQueue(box.resources.redis_url, threads=threads)
        reactions.connect(box.resources, queue, lambda resources, changes: None)
        running.append(worker.start(box.resources, queue, gaps))
        return running[-1]

    yield start
    for one in running:
        one.stop(5.0)
