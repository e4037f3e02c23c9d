"""A browser at the Channels page, and a simulated engine to pair numbers with."""

from collections.abc import Iterator

import pytest

from hunfly_box import simulator
from hunfly_box.app import create_app
from hunfly_box.simulator import Simulator
from tests.conftest import Box
from tests.integration.access.conftest import Browsers

QUICK = 0.02


@pytest.fixture(scope="module")
def browsers(box: Box) -> Iterator[Browsers]:
    opened = Browsers(create_app(box.resources))
    yield opened
    opened.close()


@pytest.fixture
def engine() -> Iterator[Simulator]:
    with simulator.start(time_scale=QUICK, seed=7) as started:
        yield started
