"""The counters' rules with a clock of their own; the script in Redis is held to the same in integration/access."""

import redis

from hunfly_box.kit.throttle import Limit, LocalCounters, Throttle

PLAIN = Limit("plain", 3, 60)
GROWING = Limit("growing", 2, 900, 3600)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class GoneRedis:
    """Answers nothing, as Redis does when it is away."""

    def __init__(self) -> None:
        self.calls = 0

    def register_script(self, script: str) -> object:
        def run(**_: object) -> object:
            self.calls += 1
            raise redis.ConnectionError("away")

        return run

    def delete(self, *keys: str) -> None:
        raise redis.ConnectionError("away")


def test_what_stays_below_the_limit_never_waits() -> None:
    counters = LocalCounters(Clock())
    assert [counters.wait([(PLAIN, "a")]) for _ in range(3)] == [0, 0, 0]


def test_what_is_above_waits_until_the_window_is_over() -> None:
    clock = Clock()
    counters = LocalCounters(clock)
    for _ in range(3):
        counters.wait([(PLAIN, "a")])
    clock.now += 20
    assert counters.wait([(PLAIN, "a")]) == 40
    clock.now += 40
    assert counters.wait([(PLAIN, "a")]) == 0


def test_one_does_not_wait_for_another() -> None:
    counters = LocalCounters(Clock())
    for _ in range(4):
        counters.wait([(PLAIN, "a")])
    assert counters.wait([(PLAIN, "b")]) == 0


def test_each_block_in_a_row_is_twice_as_long_up_to_an_hour() -> None:
    clock = Clock()
    counters = LocalCounters(clock)
    pauses = []
    for _ in range(4):
        while (pause := counters.wait([(GROWING, "a")])) == 0:
            pass
        pauses.append(pause)
        clock.now += pause
    assert pauses == [900, 1800, 3600, 3600]


def test_an_attempt_that_one_counter_refuses_is_counted_by_none() -> None:
    counters = LocalCounters(Clock())
    for _ in range(3):
        counters.wait([(PLAIN, "a")])
    for _ in range(10):
        counters.wait([(PLAIN, "a"), (PLAIN, "b")])
    assert [counters.wait([(PLAIN, "b")]) for _ in range(3)] == [0, 0, 0]


def test_what_is_cleared_begins_anew() -> None:
    counters = LocalCounters(Clock())
    for _ in range(4):
        counters.wait([(PLAIN, "a")])
    counters.clear([(PLAIN, "a")])
    assert counters.wait([(PLAIN, "a")]) == 0


def test_without_redis_the_process_counts_by_itself_and_is_never_open() -> None:
    clock, gone = Clock(), GoneRedis()
    throttle = Throttle(gone, clock)  # type: ignore[arg-type]
    assert [throttle.wait_seconds((PLAIN, "a")) for _ in range(4)] == [0, 0, 0, 60]
    assert gone.calls == 1


def test_many_addresses_do_not_fill_the_memory_and_blocks_outlive_them() -> None:
    counters = LocalCounters(Clock(), most=500)
    for _ in range(4):
        counters.wait([(PLAIN, "blocked")])
    for number in range(510):
        counters.wait([(PLAIN, str(number))])
    assert len(counters) <= 500
    assert counters.wait([(PLAIN, "blocked")]) > 0
