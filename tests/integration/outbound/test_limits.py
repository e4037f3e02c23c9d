"""The limit as the provider sees it, with several worker processes, and with Redis emptied in the middle."""

import bisect
import time

from tests.integration.outbound.shop import Shop, eventually
from tests.integration.outbound.test_kills import Processes, processes

__all__ = ["processes"]
LIMIT = 6


def most_in_a_minute(times: list[float]) -> int:
    ordered = sorted(times)
    return max((bisect.bisect_left(ordered, at + 60.0) - index for index, at in enumerate(ordered)), default=0)


def test_two_processes_and_an_emptied_redis_never_pass_the_limit(shop: Shop, processes: Processes) -> None:
    for _ in range(2):
        processes.start(HUNFLY_TEST_LIMIT=str(LIMIT))
    people = [shop.customer() for _ in range(LIMIT * 2)]
    ids = [shop.write(person, f"{number}") for number, person in enumerate(people)]
    until = time.monotonic() + 12
    while time.monotonic() < until:
        time.sleep(1.0)
        shop.resources.redis.flushdb()
    times = [one.at for one in shop.sim.sent(instance=shop.instance)]
    assert 2 <= len(times) <= LIMIT
    assert most_in_a_minute(times) <= LIMIT
    assert {shop.message(one)["status"] for one in ids} <= {"queued", "sent"}


def test_the_pauses_between_sends_are_kept(shop: Shop, processes: Processes) -> None:
    for _ in range(2):
        processes.start(HUNFLY_TEST_LIMIT="20")
    people = [shop.customer() for _ in range(4)]
    ids = [shop.write(person, f"{number}") for number, person in enumerate(people)]
    eventually(lambda: all(shop.message(one)["status"] == "sent" for one in ids), 40)
    times = sorted(one.at for one in shop.sim.sent(instance=shop.instance))
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    # A tenth of a second of the gap may be lost between the slot and the engine's clock.
    assert min(gaps) > 1.1
    assert max(gaps) < 8.0
