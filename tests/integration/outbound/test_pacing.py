"""The limiter, hour by hour in virtual time on the real script: no 60 seconds ever hold more than the limit."""

import bisect
import heapq
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
import redis

from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.outbound.pacing import VALID_SECONDS, WINDOW_SECONDS, Gaps, Grant, Pacing, Remembered, Send, Wait
from hunfly_box.outbound.pacing_script import ASK
from tests.conftest import Box

LIMIT = 20
NO_GAPS = Gaps(LIMIT, 0.0, 0.0, 0.0)
VIRTUAL_CLOCK = "redis.call('HMGET', 'virtual-clock', 'seconds', 'microseconds')"
START = 1_800_000_000.0


@dataclass
class VirtualHours:
    """Workers that ask, wait, sleep between the grant and the call, and die; one thread plays them all."""

    box: Box
    gaps: Gaps
    script: str = ASK
    seed: int = 1
    now: float = START
    uptime_offset: float = 0.0
    app_skews: tuple[float, ...] = ()
    is_prompt: bool = False
    sends: list[float] = field(default_factory=list)
    log: list[tuple[float, UUID]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    asked: int = 0
    channel_id: UUID = field(default_factory=new_id)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.redis = self.box.resources.redis
        self.pacing = Pacing(
            self.redis,
            self.box.resources.database,
            self.gaps,
            ask_script=self.script,
            read_clock=VIRTUAL_CLOCK,
            uptime=lambda: self.now - START + 5_000.0,
            remembered=self.remember,
        )

    def remember(self, send: Send) -> list[Remembered]:
        return [Remembered(name, (self.now - at) * 1000) for at, name in self.log if at > self.now - WINDOW_SECONDS]

    def set_clock(self, skew: float = 0.0) -> None:
        shown = self.now + skew + self.uptime_offset
        microseconds = int((shown % 1) * 1_000_000)
        self.redis.hset("virtual-clock", mapping={"seconds": int(shown), "microseconds": microseconds})

    def send(self, lane: str = "reply", recipient: str = "somebody") -> Send:
        return Send(self.box.cast.tenant_a, self.channel_id, new_id(), 0, recipient, lane)

    def ask(self, send: Send, worker: int = 0) -> Grant | Wait:
        self.asked += 1
        self.set_clock(self.app_skews[worker] if self.app_skews else 0.0)
        return self.pacing.ask(send)

    def run(self, asks: int, workers: int = 8, flush_every: float | None = None, jump_at: int | None = None) -> None:
        turns = [(self.now + number / 100, number, self.send()) for number in range(workers)]
        heapq.heapify(turns)
        next_flush = self.now + flush_every if flush_every else float("inf")
        while self.asked < asks:
            at, number, send = heapq.heappop(turns)
            self.now = max(self.now, at)
            if self.now >= next_flush and flush_every:
                next_flush += flush_every
                self.redis.flushdb()
            if jump_at is not None and self.asked >= jump_at:
                self.uptime_offset, jump_at = self.dice.choice((7200.0, -7200.0)), None
            again_at, next_send = self._turn(send, number)
            heapq.heappush(turns, (again_at, number, next_send))

    def _turn(self, send: Send, worker: int) -> tuple[float, Send]:
        answer = self.ask(send, worker)
        if isinstance(answer, Wait):
            # Rung a little late now and then, and once in a while much too late.
            late = 0.0 if self.is_prompt else self.dice.choice((0.0, 0.0, 0.0, 0.001, 0.5, 8.0))
            return self.now + answer.seconds + late, send
        good_for = min(VALID_SECONDS, answer.until - time.monotonic())
        pause = 0.0 if self.is_prompt else self.dice.choice((0.0, 0.01, 1.0, 4.9, 6.0))
        if not self.is_prompt and self.dice.random() < 0.02:
            return self.now + 1.0, self.send()  # the worker died with its grant
        if pause >= good_for:
            return self.now + pause, send
        if sum(at > self.now - WINDOW_SECONDS for at, _ in self.log[-3 * LIMIT :]) >= self.gaps.limit:
            return self.now + 1.0, send  # what write_down says
        self.log.append((self.now, send.log_id))
        self.sends.append(self.now + pause)
        return self.now + pause, self.send()

    def burst(self, sends: int) -> None:
        for _ in range(sends):
            if isinstance(self.ask(self.send()), Grant):
                self.sends.append(self.now)

    def most_in_a_minute(self) -> int:
        times = sorted(self.sends)
        return max((bisect.bisect_left(times, at + 60.0) - index for index, at in enumerate(times)), default=0)


@pytest.fixture(autouse=True)
def empty_redis(box: Box) -> Iterator[None]:
    box.resources.redis.flushdb()
    yield
    box.resources.redis.flushdb()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("asks", [80_000 if os.environ.get("HUNFLY_TEST_THOROUGH") else 10_000])
def test_eight_workers_with_thousands_of_requests_never_pass_the_limit(box: Box, asks: int) -> None:
    hours = VirtualHours(box, NO_GAPS)
    hours.run(asks=asks)
    assert hours.most_in_a_minute() <= LIMIT


def test_the_limit_is_used_to_the_full(box: Box) -> None:
    """Exact means neither more nor less: a slot counts for 65 s, so twenty of them let 18 a minute through."""
    hours = VirtualHours(box, NO_GAPS, is_prompt=True)
    hours.run(asks=2_000)
    assert hours.most_in_a_minute() == LIMIT
    assert len(hours.sends) > (hours.now - START) / 65 * LIMIT * 0.95


def test_with_the_usual_pauses_no_two_sends_are_closer_than_the_gap(box: Box) -> None:
    hours = VirtualHours(box, Gaps(LIMIT))
    hours.run(asks=1_500)
    granted = sorted(at for at, _ in hours.log)
    assert hours.most_in_a_minute() <= LIMIT
    assert len(granted) > 50


def test_redis_emptied_again_and_again_lets_nothing_more_through(box: Box) -> None:
    hours = VirtualHours(box, NO_GAPS)
    hours.run(asks=2_500, flush_every=23.0)
    assert hours.most_in_a_minute() <= LIMIT
    assert len(hours.sends) > 80


@pytest.mark.parametrize("seed", [1, 2])
def test_a_clock_that_jumps_two_hours_changes_nothing(box: Box, seed: int) -> None:
    hours = VirtualHours(box, NO_GAPS, seed=seed)
    hours.run(asks=1_500, jump_at=700)
    before = len(hours.sends)
    hours.run(asks=3_000)
    assert hours.most_in_a_minute() <= LIMIT
    assert len(hours.sends) - before > 50


GUARDS = ("now = math.max(now, last)\n", "if math.abs(jump) > 30000 then")
MUTANTS = {
    "the app's clock instead of Redis's": (
        lambda script: script.replace(GUARDS[0], "").replace(GUARDS[1], "if false then"),
        tuple(60.0 * worker for worker in range(8)),
    ),
    "no look at the nth send before": (lambda script: script.replace("if nth[2] then", "if false then"), ()),
    "a log that forgets after half a minute": (
        lambda script: script.replace(
            "'ZREMRANGEBYSCORE', log, '-inf', now - window", "'ZREMRANGEBYSCORE', log, '-inf', now - 30000"
        ),
        (),
    ),
    "a window of 50 seconds": (lambda script: script.replace("tonumber(ARGV[5])", "50000"), ()),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_limiter_is_noticed(box: Box, name: str) -> None:
    """The mutants have no second lock behind them: the log of sends is left out here."""
    change, skews = MUTANTS[name]
    assert change(ASK) != ASK
    hours = VirtualHours(box, NO_GAPS, script=change(ASK), app_skews=skews, is_prompt=True)
    hours.gaps = Gaps(1_000_000, 0.0, 0.0, 0.0)
    for _ in range(10):
        hours.now += 40.0
        hours.burst(LIMIT)
    hours.run(asks=2_000)
    assert hours.most_in_a_minute() > LIMIT


def test_asking_twice_is_one_slot(box: Box) -> None:
    hours = VirtualHours(box, Gaps(LIMIT))
    send = hours.send()
    assert isinstance(hours.ask(send), Grant)
    assert isinstance(hours.ask(send), Grant)
    other = hours.send()
    first, second = hours.ask(other), hours.ask(other)
    assert isinstance(first, Wait)
    assert isinstance(second, Wait)
    assert first.seconds == second.seconds


def test_replies_wait_little_while_a_campaign_runs(box: Box) -> None:
    hours = VirtualHours(box, Gaps(LIMIT))
    campaign = [hours.send("campaign", f"c{number}") for number in range(5_000)]
    waits, campaigns = [], 0
    hours.now += 61.0
    hours.ask(hours.send())
    hours.now += 61.0
    for second in range(600):
        hours.now += 1.0
        if isinstance(hours.ask(campaign[campaigns]), Grant):
            campaigns += 1
        if second % 10 == 0:
            reply = hours.send("reply", f"r{second}")
            answer = hours.ask(reply)
            waits.append(answer.seconds if isinstance(answer, Wait) else 0.0)
    waits.sort()
    assert waits[int(len(waits) * 0.95)] <= 6.0
    assert campaigns > 50


def test_two_sends_to_one_person_are_three_seconds_apart(box: Box) -> None:
    hours = VirtualHours(box, Gaps(LIMIT, 0.0, 0.0, 3.0))
    assert isinstance(hours.ask(hours.send(recipient="maria")), Grant)
    waiting = hours.ask(hours.send(recipient="maria"))
    assert isinstance(waiting, Wait)
    assert waiting.seconds == pytest.approx(3.0, abs=0.01)


def test_the_log_in_postgres_says_no_whatever_redis_said(box: Box) -> None:
    pacing = Pacing(box.resources.redis, box.resources.database, Gaps(3, 0.0, 0.0, 0.0))
    channel_id = make_channel(box)
    written = [write_down(box, pacing, channel_id) for _ in range(5)]
    assert written == [True, True, True, False, False]


def test_without_redis_the_log_decides_at_half_the_rate(box: Box) -> None:
    nowhere = redis.Redis.from_url("unix:///nowhere.sock")
    pacing = Pacing(nowhere, box.resources.database, Gaps(6, 0.0, 0.0, 0.0))
    channel_id = make_channel(box)
    answers = []
    for _ in range(5):
        send = Send(box.cast.tenant_a, channel_id, new_id(), 0, "somebody")
        answer = pacing.ask(send)
        if isinstance(answer, Grant):
            with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
                assert pacing.write_down(tx, send, answer)
        answers.append(type(answer))
    assert answers == [Grant, Grant, Grant, Wait, Wait]


def write_down(box: Box, pacing: Pacing, channel_id: UUID) -> bool:
    send = Send(box.cast.tenant_a, channel_id, new_id(), 0, "somebody")
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        return pacing.write_down(tx, send, Grant(0.0))


def make_channel(box: Box) -> UUID:
    channel_id = new_id()
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        tx.execute(
            "INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets)"
            " VALUES (:tenant, :id, 'Loja', 'evolution', :name, 'http://127.0.0.1:9', :name, '')",
            tenant=box.cast.tenant_a,
            id=channel_id,
            name=channel_id.hex,
        )
    return channel_id
