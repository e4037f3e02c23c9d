"""Simulators for the tests: quick ones, whose waits are a fiftieth of the real ones."""

from collections.abc import Iterator

import pytest

from hunfly_box import simulator
from tests.integration.simulator.house import Hook, House, start_hook

QUICK = 0.02


@pytest.fixture
def hook() -> Iterator[Hook]:
    made, server = start_hook()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def house(hook: Hook) -> Iterator[House]:
    with simulator.start(time_scale=QUICK, seed=7) as sim:
        made = House(sim, hook)
        made.people()
        made.link()
        yield made
        made.close()


@pytest.fixture
def empty_house(hook: Hook) -> Iterator[House]:
    """No number yet, nobody known."""
    with simulator.start(time_scale=QUICK, seed=7) as sim:
        made = House(sim, hook)
        yield made
        made.close()
