"""Repeated calls are a fifth of the first ones; past that one at a time tries the ground. In virtual time on the real scripts."""

import time
from collections.abc import Iterator

import pytest
import redis

from hunfly_box.kit.ids import new_id
from hunfly_box.kit.retry_budget import ALWAYS_ALLOWED, Line, RetryBudget
from tests.conftest import Box
from tests.integration.outbound.conftest import StartWorker
from tests.integration.outbound.shop import Shop, eventually

START = 1_800_000_000
VIRTUAL_CLOCK = "redis.call('HMGET', 'virtual-clock', 'seconds', 'microseconds')"


class Later:
    """A budget whose clock stands still until it is moved."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.now = START
        self.line = Line(box.cast.tenant_a, new_id(), "reply")
        self.budget = RetryBudget(box.resources.redis, read_clock=VIRTUAL_CLOCK)
        self.pass_(0)

    def pass_(self, seconds: int) -> None:
        self.now += seconds
        self.box.resources.redis.hset("virtual-clock", mapping={"seconds": self.now, "microseconds": 0})

    def first(self, times: int) -> None:
        for _ in range(times):
            self.budget.count_first(self.line)

    def may(self, call: str) -> bool:
        return self.budget.seconds_until_again(self.line, call) == 0

    def use_up(self) -> int:
        return sum(self.may(f"{self.now} {n}") for n in range(100))

    def told(self, call: str, *, is_well: bool) -> None:
        self.budget.told(self.line, call, is_well=is_well)


@pytest.fixture
def later(box: Box) -> Iterator[Later]:
    yield Later(box)
    box.resources.redis.delete("virtual-clock")


def test_a_fifth_may_be_repeated_and_a_few_always(later: Later) -> None:
    later.first(3)
    assert later.use_up() == ALWAYS_ALLOWED
    later.pass_(30)
    later.may("probe")
    later.told("probe", is_well=True)
    later.pass_(600)
    later.first(200)
    assert later.use_up() == 40
    assert later.may(f"{later.now} 0"), "asking again for a call that may go is no second call"
    other = RetryBudget(later.box.resources.redis, read_clock=VIRTUAL_CLOCK)
    assert other.seconds_until_again(later.line, "another process") >= 30
    assert other.seconds_until_again(Line(later.line.tenant_id, later.line.channel_id, "campaign"), "x") == 0
    assert other.seconds_until_again(Line(later.line.tenant_id, new_id(), "reply"), "x") == 0


def test_past_the_budget_one_call_tries_the_ground_and_the_pause_doubles_up_to_five_minutes(later: Later) -> None:
    later.use_up()
    for pause in (30, 60, 120, 240, 300, 300):
        later.pass_(pause - 1)
        assert not later.may("too early")
        later.pass_(1)
        assert later.may(f"probe after {pause}")
        assert not later.may("beside the probe")
        later.told(f"probe after {pause}", is_well=False)


def test_a_probe_that_goes_well_lets_the_others_follow(later: Later) -> None:
    later.use_up()
    later.pass_(30)
    assert later.may("probe")
    later.told("probe", is_well=True)
    assert later.use_up() == ALWAYS_ALLOWED
    # A worker that died with its probe says nothing: the next one comes a pause later.
    later.pass_(30)
    assert later.may("lost probe")
    later.pass_(30)
    assert later.may("next probe")


def test_what_went_well_is_not_counted(later: Later) -> None:
    for n in range(10 * ALWAYS_ALLOWED):
        assert later.may(f"{n}")
        later.told(f"{n}", is_well=True)


def test_without_redis_the_delays_alone_hold_back(box: Box) -> None:
    budget = RetryBudget(redis.Redis.from_url("unix:///nowhere.sock"))
    line = Line(box.cast.tenant_a, new_id(), "reply")
    budget.count_first(line)
    assert [budget.seconds_until_again(line, str(n)) for n in range(50)] == [0.0] * 50
    budget.told(line, "0", is_well=False)


def test_an_engine_that_refuses_everything_is_asked_a_fifth_more_at_most_and_new_replies_still_go(
    shop: Shop, start_worker: StartWorker
) -> None:
    count = 60
    shop.sim.fault("fail", status=429, message="slow down")
    people = [shop.customer() for _ in range(count)]
    ids = [shop.write(person, f"{n}") for n, person in enumerate(people)]
    start_worker()

    def calls() -> int:
        return len([call for call in shop.sim.calls() if "sendText" in call.path])

    def everything_is_due() -> None:
        """Nobody asks for so many waits of half a minute in a test."""
        shop.execute("UPDATE app.deliveries SET run_at = now() WHERE state = 'queued'")

    eventually(lambda: calls() >= count, 20)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        everything_is_due()
        time.sleep(0.5)
    assert count < calls() <= count * 1.2
    shop.sim.command("clear_faults")
    shop.wait_for_status(shop.write(shop.customer(), "primeira vez"), "sent")
    assert {shop.message(one)["status"] for one in ids} <= {"waiting_channel", "queued"}
    for line in shop.resources.redis.scan_iter("*:again:*:facts"):
        shop.resources.redis.hset(line, "until", 0)

    def is_all_sent() -> bool:
        everything_is_due()
        time.sleep(0.5)
        return all(shop.message(one)["status"] == "sent" for one in ids)

    eventually(is_all_sent, 30)
