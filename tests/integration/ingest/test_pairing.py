"""A customer whom history names by a privacy id and webhooks by the number is one, as soon as the engine knows it."""

from collections.abc import Iterator
from typing import Any

import pytest

from hunfly_box.ingest import pairing
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.work import RetryLater
from tests.conftest import Box
from tests.integration.ingest.engine import Engine, engine
from tests.integration.ingest.harness import upsert

pytestmark = pytest.mark.services


@pytest.fixture
def loja(box: Box) -> Iterator[Engine]:
    with engine(box) as made:
        yield made


def digits(length: int, first: str) -> str:
    return first + f"{new_id().int % 10 ** (length - len(first)):0{length - len(first)}d}"


def from_history(loja: Engine, lid: str, text: str) -> dict[str, Any]:
    """History is not rewritten, and names the privacy id alone."""
    record = upsert(loja.instance, f"{lid}@lid", new_id().hex, text)
    return record | {"event": "messages.set", "data": [record["data"]]}


def live(loja: Engine, number: str, text: str) -> dict[str, Any]:
    """The engine has put the number in the place of the privacy id: both fields say the same."""
    key = {"remoteJidAlt": f"{number}@s.whatsapp.net", "addressingMode": "lid"}
    return upsert(loja.instance, f"{number}@s.whatsapp.net", new_id().hex, text, at=1_790_000_100, key=key)


def conversations(loja: Engine) -> list[list[str]]:
    """What is said in each, oldest first."""
    found = loja.rows(
        "SELECT array_agg(m.text ORDER BY m.sent_at, m.id) AS said FROM app.messages m"
        " WHERE m.channel_id = :channel GROUP BY m.conversation_id ORDER BY min(m.sent_at)",
        channel=loja.channel_id,
    )
    return [row["said"] for row in found]


def look(loja: Engine) -> int:
    """What a worker does; how many people it was asked about."""
    waiting = loja.take_work("contacts.pair")
    for payload in waiting:
        pairing.pair(loja.box.resources, loja.box.cast.tenant_a, payload)
    return len(waiting)


def test_history_by_privacy_id_and_live_by_number_become_one_conversation(loja: Engine) -> None:
    number, lid = digits(13, "55119"), digits(15, "77")
    loja.sim.add_contact("Lia", number=number, lid=lid, addressing="lid")
    loja.deliver(from_history(loja, lid, "antigo"))
    loja.sim.receive(loja.instance, number, "novo")
    loja.deliver(live(loja, number, "novo"))
    assert conversations(loja) == [["antigo"], ["novo"]]

    assert look(loja) == 1

    assert conversations(loja) == [["antigo", "novo"]]
    (contact,) = loja.rows(
        "SELECT c.phone, array_agg(i.kind ORDER BY i.kind) AS kinds FROM app.contacts c"
        " JOIN app.contact_identities i ON i.contact_id = c.id WHERE c.phone = :phone GROUP BY c.phone",
        phone=f"+{number}",
    )
    assert contact["kinds"] == ["lid", "phone"]
    loja.deliver(live(loja, number, "e mais"))
    assert look(loja) == 0
    assert conversations(loja) == [["antigo", "novo", "e mais"]]


def test_who_writes_by_privacy_id_alone_gets_the_number_the_engine_has_stored(loja: Engine) -> None:
    number, lid = digits(13, "55119"), digits(15, "77")
    loja.sim.add_contact("Lia", number=number, lid=lid, addressing="lid")
    loja.sim.receive(loja.instance, number, "guardado")
    loja.deliver(upsert(loja.instance, f"{lid}@lid", new_id().hex, "oi"))
    assert look(loja) == 1
    assert loja.rows("SELECT id FROM app.contacts WHERE phone = :phone", phone=f"+{number}")


def test_two_people_whom_nothing_pairs_stay_two(loja: Engine) -> None:
    number, lid = digits(13, "55119"), digits(15, "77")
    loja.sim.add_contact("Rui", number=number)
    loja.deliver(from_history(loja, lid, "de outra pessoa"))
    loja.sim.receive(loja.instance, number, "oi")
    loja.deliver(live(loja, number, "oi"))
    assert look(loja) == 1
    assert conversations(loja) == [["de outra pessoa"], ["oi"]]


def test_an_engine_that_is_away_is_asked_again(loja: Engine) -> None:
    number, lid = digits(13, "55119"), digits(15, "77")
    loja.deliver(from_history(loja, lid, "antigo"), live(loja, number, "novo"))
    loja.sim.fault("reset", path="chat/findMessages", times=1)
    with pytest.raises(RetryLater):
        look(loja)
