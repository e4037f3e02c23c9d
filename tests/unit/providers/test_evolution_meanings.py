"""Every recorded webhook, and what it means to a person."""

import json

import pytest

from hunfly_box.providers.evolution import parsing, quick
from hunfly_box.providers.evolution.redaction import redact
from hunfly_box.providers.port import IncomingMessage, QrShown
from tests.unit.providers import recorded
from tests.unit.providers.reading import readable


def test_no_recorded_webhook_is_missing_from_the_table_and_none_is_invented() -> None:
    assert recorded.names() == sorted(recorded.MEANINGS)
    assert len(recorded.MEANINGS) > 150


@pytest.mark.parametrize("name", recorded.names())
def test_a_recorded_webhook_means_what_the_table_says(name: str) -> None:
    delivery = parsing.parse(recorded.body(name))
    assert [readable(event) for event in delivery.events] == recorded.MEANINGS[name]
    assert parsing.read(recorded.raw(name)) == delivery


@pytest.mark.parametrize("name", recorded.names())
def test_what_is_kept_of_a_webhook_means_the_same(name: str) -> None:
    raw = recorded.raw(name)
    delivery, kept = parsing.read_and_redact(raw)
    assert delivery == parsing.read(raw)
    for copy in (kept, redact(raw), redact(kept)):
        again = parsing.read(copy)
        if isinstance(delivery.events[0], QrShown):
            # A code links a device to the number: only that there was one is kept.
            assert again.events == (QrShown(None),)
        else:
            assert again == delivery


def test_the_quick_way_serves_the_usual_text_and_agrees_with_the_long_way() -> None:
    served = [name for name in recorded.names() if quick.read(recorded.raw(name)) is not None]
    assert "baileys-sim/in-text.1.messages.upsert.json" in served
    assert "baileys-sim/in-text-pn-with-lid-alt.1.messages.upsert.json" in served
    for name in served:
        assert quick.read(recorded.raw(name)) == parsing.parse(recorded.body(name))


@pytest.mark.parametrize("status", ["SERVER_ACK", "READ", "nonsense", None])
@pytest.mark.parametrize("from_me", [True, False])
@pytest.mark.parametrize("name", ["Maria", "5511888880000", "222333444555666", " ", "\x00", "x" * 300, None])
def test_the_quick_way_agrees_on_every_field(status: str | None, from_me: bool, name: str | None) -> None:
    body = recorded.body("baileys-sim/in-text-pn-with-lid-alt.1.messages.upsert.json")
    body["data"] |= {"status": status, "pushName": name, "messageTimestamp": 1795379072123}
    body["data"]["key"]["fromMe"] = from_me
    body["data"]["message"]["conversation"] = "a\x00b"
    raw = _written(body)
    quickly = quick.read(raw)
    assert quickly is not None
    assert quickly == parsing.parse(body)
    assert isinstance(quickly.events[0], IncomingMessage)
    assert quickly.events[0].text == "ab"


def test_the_quick_way_declines_what_it_does_not_know_whole() -> None:
    body = recorded.body("baileys-sim/in-text.1.messages.upsert.json")
    body["data"]["message"]["imageMessage"] = {}
    assert quick.read(_written(body)) is None
    deep: object = 1
    for _ in range(60):
        deep = [deep]
    body = recorded.body("baileys-sim/in-text.1.messages.upsert.json")
    body["data"]["message"]["messageContextInfo"] = deep
    assert quick.read(_written(body)) is None


def _written(body: object) -> bytes:
    return json.dumps(body).encode()
