"""How long until the next try."""

import random

import pytest

from hunfly_box.kit.work import RETRY_CAP_SECONDS, retry_delay
from hunfly_box.outbound.pacing import Gaps


def test_delays_double_and_are_capped_and_spread() -> None:
    random.seed(3)
    for attempts, usual in (
        (1, 2.0),
        (2, 4.0),
        (3, 8.0),
        (8, 256.0),
        (20, RETRY_CAP_SECONDS),
        (5_000, RETRY_CAP_SECONDS),
    ):
        delays = [retry_delay(attempts) for _ in range(200)]
        assert usual * 0.5 <= min(delays)
        assert max(delays) <= usual * 1.5
        assert max(delays) - min(delays) > usual * 0.5


@pytest.mark.parametrize(("limit", "gap"), [(20, 1.2), (5, 1.2), (200, 0.12)])
def test_a_higher_limit_has_shorter_pauses(limit: int, gap: float) -> None:
    assert Gaps.for_limit(limit).gap_seconds == pytest.approx(gap)
