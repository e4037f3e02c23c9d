"""The client against a server that misbehaves in every way the engine has been seen to."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from hunfly_box.providers.evolution import transport
from hunfly_box.providers.evolution.client import WEBHOOK_EVENTS, EvolutionClient
from hunfly_box.providers.evolution.transport import Transport
from hunfly_box.providers.messenger import (
    MessageKey,
    Messenger,
    NotSent,
    OutgoingContact,
    OutgoingLocation,
    OutgoingMedia,
    OutgoingMessage,
    Pairing,
    Refused,
    SentMessage,
    Unknown,
    WebhookSetup,
)
from hunfly_box.providers.port import Address, ChannelState, GroupSeen, IncomingMessage, Revoked
from hunfly_box.providers.registry import Credentials, UnknownProvider, messenger_for

RECORDED = Path(__file__).resolve().parents[2] / "fixtures" / "evolution"
MARIA = "5511888880000@s.whatsapp.net"
PHONE = Address("phone", "+5511888880000", MARIA)
TEXT = OutgoingMessage(MARIA, "text", "oi")
WEBHOOK = WebhookSetup("http://127.0.0.1:9/hook", "X-Secret", "v" * 43, "j" * 43)
KEY = MessageKey("A1", MARIA, from_me=False)
INSTANCE = "loja 1/á"


class Engine:
    """Answers one request a connection with the bytes it was given; None cuts the line."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.answers: list[bytes | None | float] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def says(self, status: int, body: Any, *headers: str) -> None:
        content = json.dumps(body).encode()
        head = "\r\n".join((f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", *headers))
        self.answers.append(head.encode() + b"\r\n\r\n" + content)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        received = connection.makefile("rb")
        method, path, _ = received.readline().decode().split(" ")
        headers = {}
        while line := received.readline().decode().strip():
            field, _, value = line.partition(": ")
            headers[field.lower()] = value
        body = received.read(int(headers.get("content-length", "0")))
        self.requests.append((method, path, headers, json.loads(body) if body else None))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, float):
            time.sleep(answer)
        elif answer is None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        else:
            connection.sendall(answer)
        received.close()


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.stop()


@pytest.fixture
def client(engine: Engine) -> EvolutionClient:
    return EvolutionClient(Transport(f"http://127.0.0.1:{engine.port}/evo/", "the-key"), INSTANCE)


def recorded(name: str) -> tuple[int, Any]:
    answer = json.loads((RECORDED / f"{name}.0.api-response.json").read_text())
    return answer["http_status"], answer["body"]


def sent_body(engine: Engine) -> Any:
    return engine.requests[-1][3]


def test_a_sent_message_is_named_by_the_engine(engine: Engine, client: EvolutionClient) -> None:
    engine.says(*recorded("baileys-sim/out-text"))
    assert client.send(TEXT) == SentMessage(
        "3EB0A4D92D937D309DDF9B", PHONE, "sending", 1795379102.0
    )  # fmt: skip
    method, path, headers, body = engine.requests[0]
    assert (method, path) == ("POST", "/evo/message/sendText/loja%201%2F%C3%A1")
    assert headers["apikey"] == "the-key"
    assert body == {"number": MARIA, "text": "oi", "linkPreview": False}


def test_each_kind_of_message_goes_its_way(engine: Engine, client: EvolutionClient) -> None:
    media = OutgoingMedia(b"\x89PNG", "image/png", "a.png")
    encoded = base64.b64encode(media.content).decode()
    file = {"mimetype": "image/png", "fileName": "a.png", "media": encoded}
    place = OutgoingLocation(-23.5, -46.6, "Praça", "Rua X")
    card = OutgoingContact("João", "+55 11 7777", "Padaria", "a@b.c")
    cases: list[tuple[OutgoingMessage, str, dict[str, Any]]] = [
        (OutgoingMessage(MARIA, "image", "oi", media), "sendMedia", {"mediatype": "image", **file, "caption": "oi"}),
        (OutgoingMessage(MARIA, "video", None, media), "sendMedia", {"mediatype": "video", **file}),
        (OutgoingMessage(MARIA, "document", None, media), "sendMedia", {"mediatype": "document", **file}),
        (OutgoingMessage(MARIA, "audio", None, media), "sendMedia", {"mediatype": "audio", **file}),
        (OutgoingMessage(MARIA, "voice", None, media), "sendWhatsAppAudio", {"audio": encoded}),
        (OutgoingMessage(MARIA, "video_note", None, media), "sendPtv", {"video": encoded}),
        (OutgoingMessage(MARIA, "sticker", None, media), "sendSticker", {"sticker": encoded}),
        (
            OutgoingMessage(MARIA, "location", location=place),
            "sendLocation",
            {"latitude": -23.5, "longitude": -46.6, "name": "Praça", "address": "Rua X"},
        ),
        (
            OutgoingMessage(MARIA, "location", location=OutgoingLocation(1, 2)),
            "sendLocation",
            {"latitude": 1, "longitude": 2, "name": "1.000000, 2.000000", "address": "1.000000, 2.000000"},
        ),
        (
            OutgoingMessage(MARIA, "contacts", contacts=(card,)),
            "sendContact",
            {
                "contact": [
                    {
                        "fullName": "João",
                        "phoneNumber": "+55 11 7777",
                        "wuid": "55117777",
                        "organization": "Padaria",
                        "email": "a@b.c",
                    }
                ]
            },
        ),
    ]
    for message, path, expected in cases:
        engine.says(201, {"key": {"id": "B1", "remoteJid": MARIA}})
        assert client.send(message).provider_id == "B1"
        assert engine.requests[-1][1].startswith(f"/evo/message/{path}/")
        assert sent_body(engine) == {"number": MARIA, **expected}


def test_a_quote_and_mentions_travel_along(engine: Engine, client: EvolutionClient) -> None:
    engine.says(*recorded("baileys-sim/out-text-quoted"))
    client.send(OutgoingMessage(MARIA, "text", "oi", quoted=KEY, quoted_text="antes", mentions=("222@lid",)))
    assert sent_body(engine)["quoted"] == {
        "key": {"id": "A1", "remoteJid": MARIA, "fromMe": False},
        "message": {"conversation": "antes"},
    }
    assert sent_body(engine)["mentioned"] == ["222"]


def test_a_message_without_its_content_is_never_sent(engine: Engine, client: EvolutionClient) -> None:
    for kind in ("text", "image", "voice", "location", "contacts", "poll", "system"):
        with pytest.raises(Refused) as refusal:
            client.send(OutgoingMessage(MARIA, kind))  # type: ignore[arg-type]
        assert refusal.value.permanent
    assert engine.requests == []


def test_nothing_left_when_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}", "http://no-such-host.invalid"):
        client = EvolutionClient(Transport(url, "k"), "i")
        with pytest.raises(NotSent):
            client.send(TEXT)


def test_nothing_left_when_tls_fails(engine: Engine) -> None:
    client = EvolutionClient(Transport(f"https://127.0.0.1:{engine.port}", "k"), "i")
    engine._answer = lambda connection: connection.sendall(b"HTTP/1.1 400 no tls here\r\n\r\n")  # type: ignore[method-assign]
    with pytest.raises(NotSent):
        client.send(TEXT)


def test_a_cut_line_leaves_it_unknown(engine: Engine, client: EvolutionClient) -> None:
    with pytest.raises(Unknown):
        client.send(TEXT)
    engine.answers.append(b"HTTP/1.1 201 X\r\nContent-Length: 500\r\n\r\n{")
    with pytest.raises(Unknown):
        client.send(TEXT)
    engine.answers.append(b"HTTP/1.1 201 X\r\n")
    with pytest.raises(Unknown):
        client.send(TEXT)
    engine.answers.append(b"nonsense\r\n\r\n")
    with pytest.raises(Unknown):
        client.send(TEXT)
    assert len(engine.requests) == 4


def test_silence_leaves_it_unknown(engine: Engine, client: EvolutionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.answers.append(0.6)
    with pytest.raises(Unknown):
        client._transport.call("POST", "/x", {}, seconds=0.2)
    assert len(engine.requests) == 1


def test_an_answer_without_end_leaves_it_unknown(engine: Engine, client: EvolutionClient) -> None:
    engine.says(201, {"key": {"id": "x" * 5000}})
    with pytest.raises(Unknown):
        client._transport.call("POST", "/x", {}, max_answer=1000)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"status": 500, "error": "Internal Server Error", "response": {"message": "boom"}}),
        (502, None),
        (503, {"message": "busy"}),
        (504, "x"),
        (408, {}),
        (201, {}),
        (201, {"key": {}}),
        (201, {"key": {"id": ""}}),
        (200, None),
        (201, []),
    ],
)
def test_an_answer_that_names_no_message_leaves_it_unknown(
    engine: Engine, client: EvolutionClient, status: int, body: Any
) -> None:
    engine.says(status, body)
    with pytest.raises(Unknown):
        client.send(TEXT)
    assert len(engine.requests) == 1


def test_a_dead_socket_behind_the_engine_is_told(engine: Engine, client: EvolutionClient) -> None:
    engine.says(500, {"status": 500, "error": "Internal Server Error", "response": {"message": "Connection Closed"}})
    with pytest.raises(Unknown) as trouble:
        client.send(TEXT)
    assert trouble.value.is_disconnected


@pytest.mark.parametrize(
    ("status", "body", "code", "permanent"),
    [
        (*recorded("baileys-sim/out-text-notonwa"), "contact.not_on_whatsapp", True),
        (400, {"response": {"message": [[{"jid": "x", "exists": False, "number": "1"}]]}}, "contact.not_on_whatsapp", True),
        (*recorded("baileys-sim/out-text-blank"), "engine.refused", True),
        (400, {"status": 400, "error": "Internal Server Error", "response": {"message": "bad json"}}, "engine.refused", True),
        (401, {"status": 401, "error": "Unauthorized", "response": {"message": "Unauthorized"}}, "engine.unauthorized", False),
        (404, {"response": {"message": ['The "i" instance does not exist']}}, "engine.instance_missing", False),
        (413, None, "engine.refused", True),
        (302, None, "engine.redirect", False),
        (503, {"code": "LICENSE_REQUIRED", "register_url": "x"}, "engine.license_required", False),
        (200, {"error": True, "message": "[object Object]"}, "engine.refused", False),
        (201, {"message": "Invalid token", "type": "OAuthException", "code": 190, "fbtrace_id": "x"}, "engine.refused", True),
    ],
)  # fmt: skip
def test_a_refusal_says_why_and_whether_for_good(
    engine: Engine, client: EvolutionClient, status: int, body: Any, code: str, permanent: bool
) -> None:
    engine.says(status, body)
    with pytest.raises(Refused) as refusal:
        client.send(TEXT)
    assert (refusal.value.code, refusal.value.permanent) == (code, permanent)
    assert len(engine.requests) == 1


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7),
        (formatdate(time.time() + 90_000, usegmt=True), 3600),
        (formatdate(time.time() - 90, usegmt=True), 0),
        ("99999999999", 3600),
        ("nan", 30),
        ("-1", 30),
        ("soon", 30),
    ],
    ids=["seconds", "a date", "a date gone by", "years", "no number", "below nothing", "a word"],
)
def test_too_many_requests_say_how_long_to_wait(
    engine: Engine, client: EvolutionClient, told: str, seconds: float
) -> None:
    engine.says(429, {"message": "slow"}, f"Retry-After: {told}")
    with pytest.raises(Refused) as refusal:
        client.send(TEXT)
    assert (refusal.value.code, refusal.value.permanent) == ("limit.rate", False)
    assert refusal.value.retry_after == seconds


def test_an_engine_that_is_busy_says_how_long_to_wait(engine: Engine, client: EvolutionClient) -> None:
    engine.says(503, {"message": "busy"}, "Retry-After: 11")
    with pytest.raises(Unknown) as unknown:
        client.fetch_media("A1")
    assert unknown.value.retry_after == 11


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"response": {"message": "a"}}, "a"),
        ({"response": {"message": ["a", "b"]}}, "a; b"),
        ({"response": {"message": [["a"], ["b"]]}}, "a; b"),
        ({"response": {"message": [{"archived": False, "message": ["a", "b"]}]}}, "a; b"),
        ({"response": {"message": [{"exists": False}]}}, '{"exists": false}'),
        ({"message": "a"}, "a"),
        ({}, ""),
        (None, ""),
        ({"response": "x"}, ""),
    ],
)
def test_a_message_is_found_in_every_shape_of_error(body: Any, expected: str) -> None:
    assert transport.message_of(body) == expected


def test_a_redirect_is_not_followed(engine: Engine, client: EvolutionClient) -> None:
    engine.answers.append(
        f"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:{engine.port}/evil\r\nContent-Length: 0\r\n\r\n".encode()
    )
    with pytest.raises(Refused):
        client.state()
    assert len(engine.requests) == 1


@pytest.mark.parametrize("url", ["ftp://x", "x", "http://", "http://u:p@host", "http://host/?a=1", "http://host/#f"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Transport(url, "k")


def test_a_new_number_is_created_with_its_webhook(engine: Engine, client: EvolutionClient) -> None:
    engine.says(201, {"instance": {}, "hash": "x"})
    assert client.create(WEBHOOK)
    body = sent_body(engine)
    assert engine.requests[0][1] == "/evo/instance/create"
    assert body["instanceName"] == INSTANCE
    assert body["integration"] == "WHATSAPP-BAILEYS"
    assert body["webhook"]["headers"] == {"X-Secret": WEBHOOK.header_value, "jwt_key": WEBHOOK.jwt_key}
    assert {"GROUPS_UPDATE", *WEBHOOK_EVENTS} == set(body["webhook"]["events"])
    engine.says(
        403, {"status": 403, "error": "Forbidden", "response": {"message": ['This name "i" is already in use.']}}
    )
    assert not client.create(WEBHOOK)
    engine.says(403, {"status": 403, "error": "Forbidden", "response": {"message": ["no"]}})
    with pytest.raises(Refused):
        client.create(WEBHOOK)


def test_the_webhook_is_set_whole_and_recognised(engine: Engine, client: EvolutionClient) -> None:
    engine.says(201, {})
    client.configure_webhook(WEBHOOK)
    asked = sent_body(engine)["webhook"]
    assert set(asked) == {"enabled", "url", "headers", "byEvents", "base64", "events"}
    row = {**asked, "webhookByEvents": False, "webhookBase64": False}
    drifted: list[dict[str, Any]] = [
        {"enabled": False}, {"url": "x"}, {"headers": {}}, {"webhookByEvents": True}, {"webhookBase64": True}, {"events": []}
    ]  # fmt: skip
    engine.says(200, row)
    assert client.webhook_is(WEBHOOK)
    for drift in drifted:
        engine.says(200, {**row, **drift})
        assert not client.webhook_is(WEBHOOK)
    engine.says(200, None)
    assert not client.webhook_is(WEBHOOK)


def test_connecting_shows_what_there_is_to_scan(engine: Engine, client: EvolutionClient) -> None:
    engine.says(*recorded("baileys-sim/connect-when-open"))
    assert client.connect() == Pairing("open")
    engine.says(200, {"pairingCode": "ABCD1234", "code": "2@x", "base64": "data:image/png;base64,QUJD", "count": 1})
    assert client.connect("+5511999990000") == Pairing("qr", "QUJD", "ABCD1234", "2@x")
    assert engine.requests[-1][1].endswith("?number=5511999990000")
    engine.says(200, {"count": 0})
    assert client.connect() == Pairing("connecting")
    engine.says(200, {"error": True, "message": "[object Object]"})
    with pytest.raises(Refused):
        client.connect()


@pytest.mark.parametrize(
    ("code", "state", "cause"),
    [(401, "logged_out", "logged_out"), (403, "banned", "banned"), (428, "logged_out", "connection_closed"), (None, "logged_out", "unspecified")],
)  # fmt: skip
def test_a_closed_number_is_asked_why(
    engine: Engine, client: EvolutionClient, code: int | None, state: str, cause: str
) -> None:
    engine.says(200, {"instance": {"instanceName": "i", "state": "close"}})
    engine.says(200, [{"name": "i", "connectionStatus": "open", "disconnectionReasonCode": code}])
    told = client.state()
    assert (told.state, told.cause) == (state, cause)


def test_an_open_number_is_open(engine: Engine, client: EvolutionClient) -> None:
    engine.says(*recorded("baileys-sim/state-open"))
    assert client.state() == ChannelState("open")
    engine.says(200, [{"ownerJid": "5511999990000@s.whatsapp.net", "profileName": "Loja"}])
    engine.says(*recorded("baileys-sim/state-open"))
    own = client.own()
    assert own.own_address == Address("phone", "+5511999990000", "5511999990000@s.whatsapp.net")
    assert own.own_name == "Loja"


def test_a_log_out_that_worked_is_no_error_whatever_the_engine_says(engine: Engine, client: EvolutionClient) -> None:
    for status in (200, 400, 500):
        engine.says(status, {"response": {"message": "x"}})
        if status != 200:
            engine.says(200, {"instance": {"state": "close"}})
            engine.says(200, [])
        client.logout()
    engine.says(500, {})
    engine.says(200, {"instance": {"state": "open"}})
    with pytest.raises(Unknown):
        client.logout()
    engine.says(404, {})
    client.remove()


def test_media_is_fetched_or_not_there_yet(engine: Engine, client: EvolutionClient) -> None:
    engine.says(201, {"mimetype": "image/png", "fileName": "a.png", "base64": "QUJD", "buffer": None})
    fetched = client.fetch_media("A1")
    assert (fetched.content, fetched.mime, fetched.name) == (b"ABC", "image/png", "a.png")
    assert sent_body(engine)["message"] == {"key": {"id": "A1"}}
    for body in (None, {}, {"base64": ""}, {"base64": "***"}):
        engine.says(201, body)
        with pytest.raises(Refused) as refusal:
            client.fetch_media("A1")
        assert (refusal.value.code, refusal.value.permanent) == ("media.unavailable", False)
    for case in ("baileys-sim/api-base64-notfound", "baileys-sim/api-base64-text"):
        engine.says(*recorded(case))
        with pytest.raises(Refused):
            client.fetch_media("A1")


def test_numbers_are_checked(engine: Engine, client: EvolutionClient) -> None:
    engine.says(
        200,
        [{"jid": MARIA, "exists": True, "number": "5511888880000", "lid": "222@lid"}, {"number": "1", "exists": False}],
    )
    first, second = client.check_numbers(["+5511888880000", "1"])
    assert sent_body(engine) == {"numbers": ["5511888880000", "1"]}
    assert (first.exists, first.address, first.lid) == (
        True,
        PHONE,
        Address("lid", "222", "222@lid"),
    )
    assert (second.exists, second.address) == (False, None)


def test_what_the_engine_stored_is_read_like_what_it_sends(engine: Engine, client: EvolutionClient) -> None:
    engine.says(*recorded("baileys-sim/api-findMessages"))
    events = client.find_messages(1795379000.0, MARIA)
    first = events[0]
    assert isinstance(first, IncomingMessage)
    assert (first.provider_id, first.text, first.status) == ("3EB0A4D92D937D309DDF9B", "editado por nós", "played")
    assert events[1] == Revoked("3EB0A4D92D937D309DDF9B", PHONE)
    where = sent_body(engine)["where"]
    assert where["key"] == {"remoteJid": MARIA, "remoteJidAlt": MARIA}
    assert where["messageTimestamp"]["gte"] == "2026-11-22T20:23:20.000Z"
    assert sent_body(engine)["offset"] == 200
    engine.says(*recorded("baileys-sim/api-findContacts"))
    assert [contact.name for contact in client.contacts()] == ["Maria Cliente"]
    engine.says(*recorded("baileys-sim/api-findChats"))
    assert client.chats()[0].raw == MARIA
    engine.says(*recorded("baileys-sim/api-group-all"))
    (group,) = client.groups(with_participants=True)
    assert (group.subject, len(group.participants or ())) == ("Test group", 2)
    engine.says(*recorded("baileys-sim/api-group-infos"))
    assert isinstance(client.group("120363000000000001@g.us"), GroupSeen)
    engine.says(*recorded("baileys-sim/api-picture"))
    assert client.picture_url(MARIA) == "https://pps.whatsapp.net/v/t61/test.jpg?oe=0"


def test_small_calls_have_the_shapes_of_the_contract(engine: Engine, client: EvolutionClient) -> None:
    key = {"id": "A1", "remoteJid": MARIA, "fromMe": False}
    cases: list[tuple[Callable[[], object], str, str, Any]] = [
        (
            lambda: client.edit(KEY, "novo"),
            "POST",
            "/chat/updateMessage",
            {"number": MARIA, "text": "novo", "key": key},
        ),
        (lambda: client.delete(KEY), "DELETE", "/chat/deleteMessageForEveryone", key),
        (lambda: client.react(KEY, "👍"), "POST", "/message/sendReaction", {"key": key, "reaction": "👍"}),
        (lambda: client.mark_read([KEY]), "POST", "/chat/markMessageAsRead", {"readMessages": [key]}),
        (
            lambda: client.typing(MARIA, "composing", 1.5),
            "POST",
            "/chat/sendPresence",
            {"number": MARIA, "presence": "composing", "delay": 1500},
        ),
        (lambda: client.restart(), "POST", "/instance/restart", None),
        (
            lambda: client.block(MARIA, is_blocked=True),
            "POST",
            "/chat/updateBlockStatus",
            {"number": MARIA, "status": "block"},
        ),
    ]
    for call, method, path, body in cases:
        engine.says(201, {"key": {"id": "R1"}})
        call()
        assert engine.requests[-1][0] == method
        assert engine.requests[-1][1].startswith(f"/evo{path}/")
        assert sent_body(engine) == body
    engine.says(201, {})
    client.apply_settings()
    assert len(sent_body(engine)) == 6
    in_group = MessageKey("A1", "1203@g.us", from_me=False, author="222@lid")
    engine.says(201, {})
    client.delete(in_group)
    assert sent_body(engine)["participant"] == "222@lid"


def test_the_registry_builds_the_client_of_a_provider() -> None:
    credentials = Credentials("http://127.0.0.1:9", "very-secret", "i")
    messenger: Messenger = messenger_for("evolution", credentials)
    assert isinstance(messenger, EvolutionClient)
    assert "very-secret" not in repr(credentials)
    assert WEBHOOK.header_value not in repr(WEBHOOK)
    assert WEBHOOK.jwt_key not in repr(WEBHOOK)
    with pytest.raises(UnknownProvider):
        messenger_for("pigeon", credentials)
