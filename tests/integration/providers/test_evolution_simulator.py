"""The client and the parser against a whole engine: every call of the port, every webhook it causes."""

import base64
import io
from collections.abc import Iterator

import pytest
from PIL import Image

from hunfly_box import simulator
from hunfly_box.providers.evolution import parsing
from hunfly_box.providers.evolution.redaction import redact
from hunfly_box.providers.messenger import (
    MessageKey,
    Messenger,
    NotSent,
    OutgoingContact,
    OutgoingLocation,
    OutgoingMedia,
    OutgoingMessage,
    Refused,
    Unknown,
    WebhookSetup,
)
from hunfly_box.providers.port import (
    ContactSeen,
    Edited,
    Event,
    IncomingMessage,
    Parked,
    ReactionChanged,
    Revoked,
    StatusChange,
    TypingSeen,
)
from hunfly_box.providers.registry import Credentials, messenger_for
from tests.integration.simulator.house import start_hook

QUICK = 0.02
LOJA = "loja"
MARIA = "5511988880000"
CHAT = f"{MARIA}@s.whatsapp.net"


@pytest.fixture
def world() -> Iterator[simulator.Simulator]:
    with simulator.start(time_scale=QUICK, seed=7) as sim:
        yield sim


@pytest.fixture
def webhook() -> Iterator[WebhookSetup]:
    """Somebody who says thanks; what was delivered is read from the simulator."""
    hook, server = start_hook()
    yield WebhookSetup(hook.url, "X-Secret", "v" * 43, "j" * 43)
    server.shutdown()
    server.server_close()


@pytest.fixture
def messenger(world: simulator.Simulator, webhook: WebhookSetup) -> Messenger:
    """Of a number that is linked."""
    found = messenger_for("evolution", Credentials(world.url, world.api_key, LOJA))
    assert found.create(webhook)
    found.connect()
    world.scan(LOJA, number="5511999990000")
    world.wait_idle()
    return found


@pytest.fixture
def maria(world: simulator.Simulator) -> str:
    return world.add_contact("Maria", number=MARIA, lid="222333444555666")


def told(world: simulator.Simulator) -> list[Event]:
    """Everything the webhooks said, each body once, in order."""
    world.wait_idle()
    events: list[Event] = []
    for attempt in world.deliveries(instance=LOJA):
        if attempt.attempt == 1:
            delivery, kept = parsing.read_and_redact(attempt.body)
            assert delivery.channel_ref == LOJA
            assert parsing.read(kept).kind == delivery.kind
            assert b"messageSecret" not in kept or b'"messageSecret":null' in kept
            assert redact(kept)
            events.extend(delivery.events)
    return events


def png() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(made, "PNG")
    return made.getvalue()


def test_a_number_is_linked_described_and_let_go(world: simulator.Simulator, webhook: WebhookSetup) -> None:
    messenger = messenger_for("evolution", Credentials(world.url, world.api_key, LOJA))
    assert messenger.create(webhook)
    assert not messenger.create(webhook)
    assert messenger.webhook_is(webhook)
    changed = WebhookSetup(webhook.url, "X-Secret", "w" * 43, webhook.jwt_key)
    assert not messenger.webhook_is(changed)
    messenger.configure_webhook(changed)
    assert messenger.webhook_is(changed)
    messenger.apply_settings()
    pairing = messenger.connect()
    for _ in range(50):
        if pairing.png_base64:
            break
        pairing = messenger.connect()
    assert pairing.state == "qr"
    assert base64.b64decode(pairing.png_base64 or "").startswith(b"\x89PNG")
    world.scan(LOJA, number="5511999990000", name="Loja")
    world.wait_idle()
    assert messenger.connect().state == "open"
    assert messenger.state().state == "open"
    own = messenger.own()
    assert own.own_address is not None
    assert own.own_address.value == "+5511999990000"
    messenger.logout()
    messenger.logout()
    assert messenger.state().state == "logged_out"
    messenger.remove()
    with pytest.raises(Refused) as refusal:
        messenger.state()
    assert refusal.value.code == "engine.instance_missing"
    messenger.remove()


def test_every_kind_of_message_goes_out_and_comes_back_as_an_echo(
    world: simulator.Simulator, messenger: Messenger, maria: str
) -> None:
    picture = OutgoingMedia(png(), "image/png", "a.png")
    document = OutgoingMedia(b"%PDF-1.4", "application/pdf", "a.pdf")
    messages = [
        OutgoingMessage(CHAT, "text", "oi"),
        OutgoingMessage(CHAT, "image", "legenda", picture),
        OutgoingMessage(CHAT, "document", None, document),
        OutgoingMessage(CHAT, "sticker", None, picture),
        OutgoingMessage(CHAT, "location", location=OutgoingLocation(-23.5, -46.6)),
        OutgoingMessage(CHAT, "contacts", contacts=(OutgoingContact("João", "+5511977770000"),)),
    ]
    sent = {messenger.send(message).provider_id: message for message in messages}
    echoes = {
        event.provider_id: event for event in told(world) if isinstance(event, IncomingMessage) and event.is_api_echo
    }
    assert echoes.keys() == sent.keys()
    for provider_id, message in sent.items():
        echo = echoes[provider_id]
        assert (echo.type, echo.direction, echo.chat.value) == (message.type, "out", "+5511988880000")
        assert echo.text == message.text
    statuses = {event.provider_id for event in told(world) if isinstance(event, StatusChange)}
    assert sent.keys() <= statuses


def test_a_conversation_is_heard(world: simulator.Simulator, messenger: Messenger, maria: str) -> None:
    asked = world.receive(LOJA, maria, "quanto custa?")
    chat = messenger.send(OutgoingMessage(CHAT, "text", "dez", quoted=MessageKey(asked, CHAT, from_me=False)))
    world.command("react", instance=LOJA, contact=maria, message=chat.provider_id, emoji="👍")
    world.command("edit", instance=LOJA, message=asked, text="quanto custa o bolo?")
    world.command("revoke", instance=LOJA, message=asked)
    # Evolution hears of typing only where it has typed itself.
    messenger.typing(CHAT, "composing", 0.1)
    world.command("typing", instance=LOJA, contact=maria, state="composing")
    events = told(world)
    assert not [event for event in events if isinstance(event, Parked)]
    said = next(e for e in events if isinstance(e, IncomingMessage) and e.provider_id == asked)
    assert (said.text, said.chat.value, said.author_name) == ("quanto custa?", "+5511988880000", "Maria")
    reply = next(e for e in events if isinstance(e, IncomingMessage) and e.provider_id == chat.provider_id)
    assert reply.quoted is not None
    assert reply.quoted.provider_id == asked
    reaction = next(e for e in events if isinstance(e, ReactionChanged))
    assert (reaction.target_provider_id, reaction.emoji, reaction.from_me) == (chat.provider_id, "👍", False)
    assert any(isinstance(e, Edited) and e.text == "quanto custa o bolo?" for e in events)
    assert any(isinstance(e, Revoked) and e.provider_id == asked for e in events)
    assert any(isinstance(e, TypingSeen) and e.kind == "composing" for e in events)
    assert any(isinstance(e, ContactSeen) and e.name == "Maria" for e in events)


def test_what_was_sent_can_be_changed_and_found(world: simulator.Simulator, messenger: Messenger, maria: str) -> None:
    sent = messenger.send(OutgoingMessage(CHAT, "text", "oi"))
    ours = MessageKey(sent.provider_id, CHAT, from_me=True)
    messenger.edit(ours, "olá")
    received = world.receive(LOJA, maria, "oi")
    theirs = MessageKey(received, CHAT, from_me=False)
    assert messenger.react(theirs, "👍").provider_id
    messenger.mark_read([theirs])
    messenger.typing(CHAT, "composing", 0.1)
    found = {
        event.provider_id: event for event in messenger.find_messages(0.0, CHAT) if isinstance(event, IncomingMessage)
    }
    assert found[sent.provider_id].text == "olá"
    assert found[received].direction == "in"
    messenger.delete(ours)
    assert any(isinstance(event, Edited) and event.text == "olá" for event in told(world))
    assert any(isinstance(event, Revoked) and event.provider_id == sent.provider_id for event in told(world))


def test_a_picture_of_the_customer_is_fetched(world: simulator.Simulator, messenger: Messenger, maria: str) -> None:
    received = world.receive(LOJA, maria, kind="image", media=base64.b64encode(png()).decode(), mimetype="image/png")
    fetched = messenger.fetch_media(received)
    assert Image.open(io.BytesIO(fetched.content)).size == (8, 8)
    with pytest.raises(Refused):
        messenger.fetch_media("nothing")
    text = world.receive(LOJA, maria, "oi")
    with pytest.raises(Refused):
        messenger.fetch_media(text)


def test_numbers_are_looked_up(world: simulator.Simulator, messenger: Messenger, maria: str) -> None:
    world.command("not_on_whatsapp", numbers=["5511900000000"])
    known, unknown = sorted(messenger.check_numbers([MARIA, "5511900000000"]), key=lambda check: not check.exists)
    assert (known.exists, unknown.exists) == (True, False)
    assert known.address is not None
    assert known.address.value == "+5511988880000"
    with pytest.raises(Refused) as refusal:
        messenger.send(OutgoingMessage("5511900000000", "text", "oi"))
    assert refusal.value.code == "contact.not_on_whatsapp"


@pytest.mark.parametrize(("action", "expected"), [("reset", Unknown), ("license", Refused), ("not_json", Unknown)])
def test_troubles_of_the_engine_are_told_apart(
    world: simulator.Simulator, messenger: Messenger, maria: str, action: str, expected: type[Exception]
) -> None:
    world.fault(action, times=1)
    with pytest.raises(expected):
        messenger.send(OutgoingMessage(CHAT, "text", "oi"))
    world.command("clear_faults")
    assert messenger.send(OutgoingMessage(CHAT, "text", "de novo")).provider_id


def test_a_dead_socket_is_unknown_and_says_so(world: simulator.Simulator, messenger: Messenger, maria: str) -> None:
    world.command("dead_socket", instance=LOJA, is_dead=True)
    with pytest.raises(Unknown) as trouble:
        messenger.send(OutgoingMessage(CHAT, "text", "oi"))
    assert trouble.value.is_disconnected
    assert world.sent(instance=LOJA) == []


def test_an_engine_that_is_gone_got_nothing() -> None:
    with simulator.start(time_scale=QUICK) as sim:
        messenger = messenger_for("evolution", Credentials(sim.url, sim.api_key, LOJA))
    with pytest.raises(NotSent):
        messenger.send(OutgoingMessage(CHAT, "text", "oi"))
