"""kill -9 of the box at each named point, of Postgres and of Valkey, with messages and replies in flight.

The box, its load and its streams are the same from the first test to the last, which judges the whole night.
"""

import contextlib
import os
import signal
import time

import pytest

from hunfly_box.ingest import spill
from tests.chaos.boxes import BoxProcess, wait_until
from tests.chaos.trial import Trial

pytestmark = [pytest.mark.chaos, pytest.mark.services, pytest.mark.timeout(240)]

# At which passage: late enough for the box to be ready and loaded, and the sends of before to be under way.
POINTS = {
    "I1": 30,
    "I2": 30,
    "I3": 30,
    "I4": 30,
    "I5": 60,
    "I6": 30,
    "O1": 5,
    "O2": 5,
    "O3": 5,
    "O4": 5,
    "O5": 5,
    "O6": 5,
    "O7": 1,
}
ORDER = list(POINTS)
READY_SECONDS = 8.0
CRASH_SECONDS = 40.0
UNDISTURBED_SECONDS = 1.0
armed: dict[str, str] = {}


def box_of(night: Trial) -> BoxProcess:
    assert night.box is not None
    return night.box


def restart(night: Trial, point: str | None) -> None:
    """The next start has the next point armed: one start for each."""
    box = box_of(night)
    armed["point"] = point or ""
    box.start(f"{point}:{POINTS[point]}" if point else "")
    night.ready_after.append(box.wait_ready())


@pytest.mark.parametrize("point", ORDER)
def test_the_box_killed_at_a_point_is_back_at_once_and_does_nothing_twice(night: Trial, point: str) -> None:
    box = box_of(night)
    if armed.get("point") != point:
        box.kill()
        restart(night, point)
    shop = night.world.shops[0]
    if point == "O7":
        # Nobody listens there: the send is known not to have left.
        night.world.execute(shop, "UPDATE app.channels SET engine_url = 'http://127.0.0.1:9'")
    box.wait_killed(CRASH_SECONDS)
    night.world.execute(shop, "UPDATE app.channels SET engine_url = :url", url=night.world.sim.url)
    following = ORDER[ORDER.index(point) + 1 :]
    restart(night, following[0] if following else None)
    assert night.ready_after[-1].own_seconds <= READY_SECONDS
    night.look()


@pytest.mark.parametrize(
    ("server", "how"),
    [
        ("postgres", signal.SIGKILL),
        ("valkey", signal.SIGKILL),
        ("postgres", signal.SIGINT),
        ("valkey", signal.SIGTERM),
    ],
    ids=["postgres killed", "valkey killed", "postgres restarted", "valkey restarted"],
)
def test_a_server_that_ends_under_load_is_back_at_once(night: Trial, server: str, how: signal.Signals) -> None:
    box = box_of(night)
    if armed.get("point"):
        box.kill()
        restart(night, None)
    answered = answered_so_far(night)
    night.ready_after.append(box.end_server(server, how))
    assert night.ready_after[-1].own_seconds <= READY_SECONDS
    assert box.is_running()
    wait_until(lambda: answered_so_far(night) > answered + 10, "messages to be taken again", 20)
    night.look()


def test_a_cache_that_forgets_everything_costs_nothing_also_while_postgres_is_away(night: Trial) -> None:
    """What was answered 202 has a second copy on the disk. The box dies as well, and its successor finds that."""
    box = box_of(night)
    night.world.resources.redis.flushall()
    time.sleep(UNDISTURBED_SECONDS)
    wait_until(lambda: postgres_stays_away(box) and spill.waiting(night.world.resources.redis) > 3, "the spill", 20)
    night.world.resources.redis.flushall()
    box.kill()
    restart(night, None)
    night.look()


def test_after_the_night_nothing_is_lost_doubled_stale_or_with_the_neighbours(night: Trial) -> None:
    if not box_of(night).is_running():
        restart(night, None)
    verdict = night.end()
    verdict.refuse()
    assert verdict.figures["customers' messages"] == verdict.figures["of them acknowledged"]
    assert verdict.figures["sends at the engine"] > 0
    print(
        verdict.figures,
        "ready after",
        [(round(back.seconds, 1), round(back.own_seconds, 1)) for back in night.ready_after],
    )


def postgres_stays_away(box: BoxProcess) -> bool:
    """The box starts it again and again."""
    with contextlib.suppress(OSError):
        os.kill(box.server_pid("postgres"), signal.SIGKILL)
    return True


def answered_so_far(night: Trial) -> int:
    return sum(one.answered is not None for one in (*night.history.all_of("in"), *night.history.all_of("out")))
