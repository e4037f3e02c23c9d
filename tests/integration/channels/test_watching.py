"""What the engine says when it is asked about a number, every half minute."""

from collections.abc import Iterator
from typing import Any

import pytest

from hunfly_box import simulator
from hunfly_box.channels import connecting
from hunfly_box.kit.ids import new_id
from tests.conftest import Box
from tests.integration.outbound.shop import Shop

pytestmark = pytest.mark.services


@pytest.fixture
def shop(box: Box) -> Iterator[Shop]:
    with simulator.start(time_scale=0.02, seed=7) as sim:
        made = Shop(box, sim, f"loja{new_id().hex[-6:]}")
        made.open()
        yield made


def state_of(shop: Shop) -> tuple[str, str | None]:
    connecting.poll(shop.resources, shop.tenant_id, shop.channel_id)
    with shop.resources.database.transaction(shop.system) as tx:
        row = tx.one(dict[str, Any], "SELECT state, cause FROM app.channels WHERE id = :id", id=shop.channel_id)
    return row["state"], row["cause"]


def test_an_engine_that_lost_the_number_leaves_it_logged_out(shop: Shop) -> None:
    assert state_of(shop) == ("open", None)
    fault = {"action": "refuse", "path": "instance/*", "status": 404, "message": "does not exist"}
    shop.sim.fault(**fault)
    assert state_of(shop) == ("logged_out", "removed")
    shop.sim.command("clear_faults")
    assert state_of(shop) == ("open", None)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"action": "refuse", "status": 401}, "engine.unauthorized"),
        ({"action": "license"}, "engine.license_required"),
        ({"action": "reset"}, "engine.unreachable"),
    ],
)
def test_an_engine_that_serves_nobody_is_down_with_its_cause(shop: Shop, fault: dict[str, Any], cause: str) -> None:
    shop.sim.fault(**fault, path="instance/*")
    assert state_of(shop) == ("engine_down", cause)
    shop.sim.command("clear_faults")
    assert state_of(shop) == ("open", None)


def test_a_passing_refusal_says_nothing_about_the_number(shop: Shop) -> None:
    shop.sim.fault(action="refuse", path="instance/*", status=429)
    assert state_of(shop) == ("open", None)
