"""Work rows: done once, tried again, parked, taken over; the queue may lose every ring."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis

from hunfly_box.bootstrap import Resources
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.job_queue import Job, JobQueue, Timed
from hunfly_box.kit.leases import LeaseKeeper
from hunfly_box.kit.retry_budget import ALWAYS_ALLOWED
from hunfly_box.kit.work import POISON, GiveUp, RetryLater, WorkKind, WorkRunner, put_work
from tests.conftest import Box
from tests.integration.outbound.shop import eventually


def put(box: Box, kind: str, key: str, **options: Any) -> UUID | None:
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        return put_work(tx, kind, key, {"key": key}, **options)


def row(box: Box, work_id: UUID | None) -> dict[str, Any]:
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        return tx.one(dict, "SELECT * FROM app.work WHERE id = :id", id=work_id)


def change(box: Box, statement: str, work_id: UUID | None) -> None:
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        tx.execute(f"UPDATE app.work SET {statement} WHERE id = :id", id=work_id)


def runner(box: Box, **kinds: WorkKind) -> WorkRunner:
    return WorkRunner(box.resources.database, box.resources, kinds, LeaseKeeper(), "me")


def test_the_same_work_waits_once_and_may_come_again_when_done(box: Box) -> None:
    done: list[str] = []
    work = runner(box, once=WorkKind(lambda resources, tenant_id, payload: done.append(payload["key"])))
    first = put(box, "once", "a")
    assert put(box, "once", "a") is None
    assert first is not None
    work.run(box.cast.tenant_a, first)
    work.run(box.cast.tenant_a, first)
    assert done == ["a"]
    assert row(box, first)["state"] == "done"
    assert put(box, "once", "a") is not None


def test_a_failure_is_tried_again_later_and_parked_in_the_end(box: Box) -> None:
    def fail(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
        raise RuntimeError("broken")

    work = runner(box, bad=WorkKind(fail))
    work_id = put(box, "bad", "b", max_attempts=3)
    assert work_id is not None
    for attempt in (1, 2, 3):
        work.run(box.cast.tenant_a, work_id)
        state = row(box, work_id)
        assert state["attempts"] == attempt
        work.run(box.cast.tenant_a, work_id)
        assert row(box, work_id)["attempts"] == attempt
        change(box, "run_at = now()", work_id)
    assert row(box, work_id)["state"] == "parked"
    assert row(box, work_id)["last_error"] == "RuntimeError: broken"


def test_a_handler_says_when_or_whether_to_come_again(box: Box) -> None:
    def later(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
        raise RetryLater("busy", after_seconds=600)

    def never(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
        raise GiveUp("no such thing")

    work = runner(box, later=WorkKind(later), never=WorkKind(never))
    waiting, parked = put(box, "later", "c"), put(box, "never", "c")
    assert waiting is not None
    assert parked is not None
    work.run(box.cast.tenant_a, waiting)
    work.run(box.cast.tenant_a, parked)
    assert row(box, waiting)["run_at"].timestamp() - time.time() == pytest.approx(600, abs=30)
    assert row(box, parked)["state"] == "parked"


def test_a_worker_that_slept_through_its_lease_writes_nothing(box: Box) -> None:
    taken, let_go = threading.Event(), threading.Event()

    def slow(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
        taken.set()
        let_go.wait(10)

    work_id = put(box, "slow", "d")
    assert work_id is not None
    thread = threading.Thread(target=runner(box, slow=WorkKind(slow)).run, args=(box.cast.tenant_a, work_id))
    thread.start()
    taken.wait(10)
    change(box, "lease_until = now() - interval '1 second'", work_id)
    runner(box, slow=WorkKind(lambda resources, tenant_id, payload: None)).run(box.cast.tenant_a, work_id)
    assert row(box, work_id)["state"] == "done"
    finished_at = row(box, work_id)["finished_at"]
    let_go.set()
    thread.join()
    assert row(box, work_id)["finished_at"] == finished_at


def test_who_is_concerned_is_told_when_work_is_parked(box: Box) -> None:
    told: list[str] = []

    def fail(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
        raise RetryLater("not today", after_seconds=0)

    work = runner(box, last=WorkKind(fail, max_attempts=2, on_parked=lambda *given: told.append(given[2]["key"])))
    work_id = put(box, "last", "l")
    assert work_id is not None
    work.run(box.cast.tenant_a, work_id)
    assert told == []
    work.run(box.cast.tenant_a, work_id)
    assert told == ["l"]


def test_a_retry_beyond_the_budget_waits_and_costs_no_attempt(box: Box) -> None:
    asked: list[str] = []

    def busy(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
        asked.append(payload["key"])
        raise RetryLater("busy", after_seconds=0)

    work = runner(box, busy=WorkKind(busy, asks_provider=True, max_attempts=20))
    crowd = [put(box, "busy", f"q{n}") for n in range(2 * ALWAYS_ALLOWED)]
    for _ in range(3):
        for one in crowd:
            assert one is not None
            work.run(box.cast.tenant_a, one)
    assert len(asked) == len(crowd) + ALWAYS_ALLOWED
    waiting = [row(box, one) for one in crowd]
    assert sum(one["attempts"] for one in waiting) == len(asked)
    postponed = [one["run_at"].timestamp() - time.time() for one in waiting if one["attempts"] == 1]
    assert postponed
    assert all(20 < seconds < 60 for seconds in postponed)


def test_a_lease_is_extended_while_the_work_runs(box: Box) -> None:
    work_id = put(box, "long", "e")
    assert work_id is not None
    leases = []

    def long(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
        for _ in range(2):
            leases.append(row(box, work_id)["lease_until"])
            time.sleep(1.8)

    runner(box, long=WorkKind(long, lease_seconds=3)).run(box.cast.tenant_a, work_id)
    assert leases[1] > leases[0]


def test_rings_reach_a_worker_without_redis_and_again_with_it(box: Box) -> None:
    heard: list[UUID] = []
    jobs = JobQueue("unix:///nowhere.sock", threads=3)
    job = Job(lambda resources, tenant_id, entity_id: heard.append(entity_id))
    jobs.start(box.resources, {"a.job": job, "a.tick": job}, [Timed("a.tick", 0.2)])
    try:
        wanted = new_id()
        jobs.ring(Ring("a.job", box.cast.tenant_a, wanted))
        eventually(lambda: wanted in heard, 5)
        eventually(lambda: heard.count(UUID(int=0)) >= 3, 5)
        assert jobs.is_healthy()
    finally:
        jobs.stop(3)


def test_an_alarm_rings_on_time(box: Box) -> None:
    heard: list[float] = []
    jobs = JobQueue(box.resources.redis_url, threads=3)
    jobs.start(box.resources, {"a.job": Job(lambda *_: heard.append(time.monotonic()))}, [])
    try:
        began = time.monotonic()
        jobs.ring_later(Ring("a.job", box.cast.tenant_a, new_id()), 0.3)
        eventually(lambda: bool(heard), 5)
        assert 0.3 <= heard[0] - began < 0.6
    finally:
        jobs.stop(3)


def test_slow_jobs_leave_threads_for_the_others(box: Box) -> None:
    let_go, ran = threading.Event(), threading.Event()
    slow_runs: list[UUID] = []

    def slow(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
        let_go.wait(10)
        slow_runs.append(entity_id)

    jobs = JobQueue(box.resources.redis_url, threads=4)
    table = {"a.slow": Job(slow, is_slow=True), "a.quick": Job(lambda *_: ran.set())}
    jobs.start(box.resources, table, [])
    try:
        for _ in range(10):
            jobs.ring(Ring("a.slow", box.cast.tenant_a, new_id()))
        jobs.ring(Ring("a.quick", box.cast.tenant_a, new_id()))
        assert ran.wait(5)
        let_go.set()
        eventually(lambda: len(slow_runs) == 10, 5)
    finally:
        jobs.stop(3)


def test_what_is_not_a_ring_is_dropped(box: Box) -> None:
    ran = threading.Event()
    jobs = JobQueue(box.resources.redis_url, threads=2)
    client = redis.Redis.from_url(box.resources.redis_url)
    client.lpush(
        "hb:{box}:jobs", b"\x80\x04cos\nsystem\n", b"[1, 2]", b'["a.quick", "x", "y", 1]', b'["nobody.knows", "a"]'
    )
    jobs.start(box.resources, {"a.quick": Job(lambda *_: ran.set())}, [])
    try:
        jobs.ring(Ring("a.quick", box.cast.tenant_a, new_id()))
        assert ran.wait(5)
    finally:
        jobs.stop(3)
        client.close()


def sink(box: Box, name: str) -> tuple[Path, Callable[[], "subprocess.Popen[bytes]"]]:
    """The effects are files in a folder: doing one twice shows as one, not doing it shows as missing."""
    folder = box.resources.settings.data_dir / name
    folder.mkdir()
    known = {name: value for name, value in os.environ.items() if not name.startswith("HUNFLY_")}
    environment = {**known, **box.environment, "HUNFLY_TEST_SINK": str(folder)}
    command = [sys.executable, "-m", "tests.integration.outbound.sink_process"]
    return folder, lambda: subprocess.Popen(command, env=environment)


def test_work_that_kills_its_worker_is_parked_after_three_deaths_and_the_rest_goes_on(box: Box) -> None:
    folder, start = sink(box, "deadly-sink")
    deadly = put(box, "sink", "deadly")
    for _ in range(3):
        victim = start()
        assert victim.wait(timeout=30) == -signal.SIGKILL
        change(box, "lease_until = now() - interval '1 second'", deadly)
    survivor = start()
    try:
        put(box, "sink", "harmless")
        eventually(lambda: row(box, deadly)["state"] == "parked" and (folder / "harmless").exists(), 20)
        assert survivor.poll() is None
        assert row(box, deadly)["last_error"] == POISON
    finally:
        survivor.kill()
        survivor.wait()


def test_everything_is_done_though_workers_die_and_redis_forgets(box: Box) -> None:
    folder, start = sink(box, "sink")
    workers = [start(), start()]
    try:
        count = 200
        for number in range(count):
            put(box, "sink", str(number))
            if number % 60 == 40:
                victim = workers.pop(0)
                victim.kill()
                victim.wait()
                box.resources.redis.flushdb()
                workers.append(start())
        eventually(lambda: len(list(folder.iterdir())) == count, 60, lambda: str(len(list(folder.iterdir()))))
    finally:
        for one in workers:
            one.kill()
            one.wait()
