"""One box with servers of its own for a module, under load from its first test to its last."""

from collections.abc import Iterator

import pytest

from tests.chaos.trial import Trial, trial
from tests.chaos.world import embedded_world

# High enough for many sends in a short time, low enough to be asked for.
SENDS_PER_MINUTE = 300
PACES = {"customer_pace": 0.5, "stranger_pace": 0.5, "reply_pace": 0.5}


@pytest.fixture(scope="module")
def night() -> Iterator[Trial]:
    with (
        embedded_world(1, HUNFLY_SENDS_PER_MINUTE=str(SENDS_PER_MINUTE)) as (world, box),
        trial(world, SENDS_PER_MINUTE, box, **PACES) as made,
    ):
        yield made
