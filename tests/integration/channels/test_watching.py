"""What the engine says when it is asked about a number, every half minute."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from hunfly_box import simulator
from hunfly_box.bootstrap import Resources
from hunfly_box.channels import connecting
from hunfly_box.channels.queries import Line
from hunfly_box.kit.ids import new_id
from hunfly_box.providers.port import ChannelState
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


Told = list[ChannelState | None]


@pytest.fixture
def meanwhile(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Runs a statement between the engine's answer and its being noted. The list holds what was answered."""

    def arrange(statement: str, **params: str) -> Told:
        ask = connecting._told_state
        told: Told = []

        def answer_late(resources: Resources, tenant_id: UUID, line: Line) -> ChannelState | None:
            told.append(ask(resources, tenant_id, line))
            shop.execute(statement, id=line.id, **params)
            return told[-1]

        monkeypatch.setattr(connecting, "_told_state", answer_late)
        return told

    return arrange


def test_what_was_said_while_the_engine_was_asked_is_newer_than_its_answer(
    shop: Shop, meanwhile: Callable[..., Told]
) -> None:
    told = meanwhile("UPDATE app.channels SET state = 'logged_out', cause = 'by_phone' WHERE id = :id")
    assert state_of(shop) == ("logged_out", "by_phone")
    assert [one.state for one in told if one] == ["open"]


def test_the_silence_of_an_engine_that_was_just_replaced_says_nothing_of_the_new_one(
    shop: Shop, meanwhile: Callable[..., Told]
) -> None:
    shop.execute("UPDATE app.channels SET engine_url = 'http://127.0.0.1:9' WHERE id = :id", id=shop.channel_id)
    told = meanwhile("UPDATE app.channels SET engine_url = :url WHERE id = :id", url=shop.sim.url)
    assert state_of(shop) == ("open", None)
    assert told == [ChannelState("engine_down", cause="engine.unreachable")]
