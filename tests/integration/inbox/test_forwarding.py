"""Sending on what a message says: everything a customer may be sent, and in words what may not."""

from typing import Any
from uuid import UUID

import pytest

from hunfly_box.inbox import queries
from hunfly_box.inbox.commands import noting, replying
from hunfly_box.inbox.objects import Message
from hunfly_box.inbox.outgoing import Outgoing
from hunfly_box.kit.errors import Invalid
from hunfly_box.kit.ids import new_id
from hunfly_box.outbound import composing
from hunfly_box.providers.evolution import outgoing
from tests.cast import Person
from tests.integration.inbox.conftest import World
from tests.integration.inbox.programs import Programs
from tests.integration.inbox.test_media import send, upload

pytestmark = pytest.mark.services

PLACE = {"latitude": -19.9, "longitude": -43.9, "name": "Padaria", "address": "Rua 1"}
CARDS = [
    {"name": "Rui", "phones": [{"number": "+5511912345678", "wa_id": "5511912345678"}], "emails": ["rui@example.com"]},
    {"name": "Eva", "phones": [{"number": "+551133334444"}], "organization": "Padaria"},
]
POLL = {
    "question": "Que dia?",
    "options": ["Sexta", "Sábado"],
    "selectable": 1,
    "tally": [{"name": "Sexta", "voters": ["+5511900000000"]}],
}


def forward(world: World, message_id: UUID, who: Person | None = None) -> Message:
    """To a conversation of who forwards."""
    person = who or world.box.cast.ana
    with world.database.transaction(person.scope) as tx:
        sent = replying.reply(
            tx, world.conversation("Outra", assignee=person), Outgoing(type="forward", forward_id=message_id)
        )
        return queries.message(tx, sent)


def told(world: World, text: str | None, type_: str, payload: dict[str, Any]) -> UUID:
    return world.incoming(world.conversation(), text, type=type_, payload=payload)  # type: ignore[arg-type]


def request_for(world: World, message: Message) -> tuple[str, dict[str, Any]]:
    """What the engine will be asked."""
    world.change(
        "INSERT INTO app.contact_identities (tenant_id, id, contact_id, kind, value, address)"
        " SELECT v.tenant_id, :id, v.contact_id, 'phone', :value, '5531@s.whatsapp.net' FROM app.conversations v"
        " WHERE v.id = :conversation",
        id=new_id(),
        value=f"+{new_id().int % 10**12}",
        conversation=UUID(message.conversation_id),
    )
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        draft = composing.read_draft(tx, UUID(message.id))
    return outgoing.request_for(composing.compose(world.box.resources, world.tenant_id, draft))


@pytest.mark.parametrize("type_", ["location", "live_location"])
def test_a_place_is_sent_on(world: World, type_: str) -> None:
    message = forward(world, told(world, None, type_, PLACE | {"accuracy": 5}))
    assert (message.type, message.forwarded, message.text) == ("location", True, None)
    assert message.location is not None
    assert (message.location.lat, message.location.name) == (-19.9, "Padaria")
    path, body = request_for(world, message)
    assert path == "/message/sendLocation"
    assert (body["latitude"], body["longitude"], body["name"], body["address"]) == (-19.9, -43.9, "Padaria", "Rua 1")


def test_cards_are_sent_on_with_all_they_say(world: World) -> None:
    message = forward(world, told(world, None, "contacts", {"contacts": CARDS}))
    assert [card.name for card in message.contacts or ()] == ["Rui", "Eva"]
    path, body = request_for(world, message)
    assert path == "/message/sendContact"
    assert [(card["fullName"], card.get("email"), card.get("organization")) for card in body["contact"]] == [
        ("Rui", "rui@example.com", None),
        ("Eva", None, "Padaria"),
    ]


def test_a_poll_is_asked_anew_without_its_votes(world: World) -> None:
    message = forward(world, told(world, "Que dia?", "poll", POLL))
    assert message.poll is not None
    assert [(option.name, option.votes) for option in message.poll.options] == [("Sexta", 0), ("Sábado", 0)]
    path, body = request_for(world, message)
    assert path == "/message/sendPoll"
    assert (body["name"], body["values"], body["selectableCount"]) == ("Que dia?", ["Sexta", "Sábado"], 1)


@pytest.mark.parametrize(("type_", "text"), [("text", "oi\nvocê"), ("reply_button", "Sim"), ("order", "2 pães")])
def test_words_are_sent_on_as_text(world: World, type_: str, text: str) -> None:
    message = forward(world, told(world, text, type_, {}))
    assert (message.type, message.text, message.forwarded) == ("text", text, True)


def test_a_picture_goes_on_with_its_caption_as_a_row_of_its_own(world: World) -> None:
    ana = world.box.cast.ana
    conversation_id = world.conversation()
    media_id = send(world, ana, conversation_id, upload(world, ana))
    [source] = world.rows("SELECT id FROM app.messages WHERE media_id = :id", id=media_id)
    message = forward(world, source["id"])
    assert (message.type, message.text) == ("image", "veja")
    assert message.media is not None
    assert message.media.id != str(media_id)


@pytest.mark.parametrize(
    ("type_", "text", "payload", "code"),
    [
        ("view_once", "olha", {}, "message.not_forwardable"),
        ("unsupported", None, {}, "message.not_forwardable"),
        ("location", None, {}, "message.not_forwardable"),
        ("contacts", None, {"contacts": [{"name": "Rui", "phones": []}]}, "message.not_forwardable"),
        ("poll", "?", POLL | {"options": ["Só uma"]}, "message.poll_options"),
        ("poll", "?", POLL | {"options": [str(n) for n in range(11)]}, "message.poll_options"),
        ("note", "só nossa", {}, "unknown"),
        ("system", "entrou", {}, "unknown"),
    ],
)
def test_what_cannot_be_sent_on_says_why(
    world: World, type_: str, text: str | None, payload: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        forward(world, told(world, text, type_, payload))
    assert [(error.field, error.code) for error in refused.value.errors] == [("forward_id", code)]


def test_nobody_sends_on_what_they_may_not_read_or_what_was_taken_back(world: World) -> None:
    cast = world.box.cast
    hidden = world.incoming(world.conversation("Da Bia", assignee=cast.bia), "segredo")
    gone = world.incoming(world.conversation("Do Bruno", assignee=cast.bruno), "apagada")
    world.change("UPDATE app.messages SET deleted_at = now() WHERE id = :id", id=gone)
    for message_id in (hidden, gone, new_id()):
        with pytest.raises(Invalid):
            forward(world, message_id, cast.bruno)


def test_a_program_forwards_and_a_note_never_does(world: World, programs: Programs) -> None:
    source = told(world, None, "location", PLACE)
    path = f"/api/v1/conversations/{world.conversation()}/messages"
    ana = world.box.cast.ana
    answer = programs.call(ana, "POST", path, {"type": "forward", "forward_id": str(source)})
    assert (answer.status_code, answer.json()["type"]) == (201, "location")
    for body in (
        {"type": "forward"},
        {"type": "forward", "forward_id": str(source), "text": "e mais"},
        {"type": "text", "text": "oi", "forward_id": str(source)},
    ):
        assert programs.call(ana, "POST", path, body).status_code == 422
    with pytest.raises(Invalid), world.database.transaction(ana.scope) as tx:
        noting.note(tx, world.conversation(), Outgoing(type="note", text="x", forward_id=source))
