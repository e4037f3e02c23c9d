"""Whatever is sent, nothing is raised and nothing is lost: it is read, parked or ignored."""

import copy
import json
import time
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hunfly_box.providers.evolution import parsing
from hunfly_box.providers.evolution.encodings import MAX_KEYS, MAX_STRING, MAX_TEXT
from hunfly_box.providers.evolution.redaction import MAX_UNREADABLE, redact
from hunfly_box.providers.port import Delivery, Event, IncomingMessage, Parked
from tests.unit.providers import recorded
from tests.unit.providers.reading import readable

TEXT = "baileys-sim/in-text.1.messages.upsert.json"


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": [value]}
    return value


def with_message(message: Any, **record: Any) -> dict[str, Any]:
    body = recorded.body(TEXT)
    body["data"] |= {"message": message, **record}
    return body


def reasons(body: Any) -> list[str]:
    return [event.reason for event in parsing.parse(body).events if isinstance(event, Parked)]


@pytest.mark.parametrize(
    "raw", [b"", b"\x00", b"null", b"[]", b"1", b'"x"', b"{", b"\xff\xfe{}", b"{}", b'{"event":1}']
)
def test_what_is_no_webhook_is_parked(raw: bytes) -> None:
    assert parsing.read(raw).events == (Parked("parse_error"),)


def test_an_unknown_event_is_parked_with_its_name() -> None:
    assert parsing.parse({"event": "moon.landing", "instance": "i", "data": {}}) == Delivery(
        "moon.landing", "i", (Parked("unknown_event"),)
    )


@pytest.mark.parametrize(
    "message",
    [
        {"conversation": "x" * (MAX_TEXT + 1)},
        {"conversation": "x", "extra": "y" * (MAX_STRING + 1)},
        {"conversation": "x", "extra": {f"k{i}": i for i in range(MAX_KEYS + 1)}},
        {"conversation": "x", "extra": list(range(MAX_KEYS + 1))},
        {"conversation": "x", "extra": deep(40)},
    ],
)
def test_a_body_past_a_limit_is_parked(message: dict[str, Any]) -> None:
    assert reasons(with_message(message)) == ["limit"]


def test_the_limits_themselves_are_allowed() -> None:
    event = parsing.parse(with_message({"conversation": "x" * MAX_TEXT})).events[0]
    assert isinstance(event, IncomingMessage)
    assert len(event.text or "") == MAX_TEXT
    assert reasons(with_message({"conversation": "x", "extra": deep(25)})) == []


def test_a_large_thumbnail_written_as_an_index_object_is_no_flood_of_keys() -> None:
    thumbnail = {str(i): i % 256 for i in range(5 * MAX_KEYS)}
    body = with_message({"imageMessage": {"mimetype": "image/jpeg", "jpegThumbnail": thumbnail}})
    event = parsing.parse(body).events[0]
    assert isinstance(event, IncomingMessage)
    assert event.type == "image"


@pytest.mark.parametrize("levels", [70, 1_000, 100_000])
def test_a_depth_bomb_is_parked_quickly(levels: int) -> None:
    start = time.monotonic()
    raw = b'{"event":"messages.upsert","data":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"
    delivery, kept = parsing.read_and_redact(raw)
    assert delivery.events[0] in (Parked("limit"), Parked("parse_error"))
    assert kept
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "stamp", ["9" * 100_000, "1" * 30, "-5", "1e999", '"9e9999"', "true", '"x"', "[]", "0.5", '{"low":1}', "null"]
)
def test_impossible_numbers_do_no_harm(stamp: str) -> None:
    raw = recorded.raw(TEXT).replace(b'"messageTimestamp":1795379072', b'"messageTimestamp":' + stamp.encode())
    delivery = parsing.read(raw)
    event = delivery.events[0]
    assert event == Parked("parse_error") or (isinstance(event, IncomingMessage) and 0 <= event.sent_at < 1e12)
    assert not isinstance(event, Parked) or "999" in stamp


@pytest.mark.parametrize(
    "stamp", [1795379072, "1795379072", {"low": 1795379072, "high": 0, "unsigned": True}, 1795379072.0]
)
def test_a_moment_is_one_however_it_is_written(stamp: Any) -> None:
    event = parsing.parse(with_message({"conversation": "x"}, messageTimestamp=stamp)).events[0]
    assert isinstance(event, IncomingMessage)
    assert event.sent_at == 1795379072.0


def test_text_is_what_postgres_accepts() -> None:
    raw = recorded.raw(TEXT).replace("Olá!".encode(), b"a\\u0000b\\ud800c")
    event = parsing.read(raw).events[0]
    assert isinstance(event, IncomingMessage)
    assert event.text == "ab?c"
    broken = recorded.raw(TEXT).replace("Olá!".encode(), b"a\xffb")
    event = parsing.read(broken).events[0]
    assert isinstance(event, IncomingMessage)
    assert event.text == "a\ufffdb"
    parsing.read(redact(raw))


def test_one_bad_record_of_a_history_parks_only_itself() -> None:
    good = recorded.body(TEXT)["data"]
    body = {
        "event": "messages.set",
        "data": [good, {"key": 5}, None, {**good, "message": {"conversation": deep(50)}}, good],
    }
    kinds = [type(event).__name__ for event in parsing.parse(body).events]
    assert kinds == ["IncomingMessage", "Parked", "Parked", "Parked", "IncomingMessage"]


def test_a_thousand_records_of_history_are_no_flood() -> None:
    record = recorded.body("baileys-sim/in-image.1.messages.upsert.json")["data"]
    events = parsing.parse({"event": "messages.set", "data": [record] * 1_000}).events
    assert all(isinstance(event, IncomingMessage) and event.from_history for event in events)


def test_a_list_longer_than_any_chunk_of_history_is_parked_whole() -> None:
    """Part of it stored and the rest silently dropped would be a loss."""
    body = {"event": "messages.set", "data": [{}] * (parsing.MAX_ITEMS + 1)}
    assert parsing.parse(body).events == (Parked("limit"),)


@pytest.mark.parametrize("unit", [b"[", b'apikey:"', b"apikey:'", b'{"a":', b'{"apikey":"x"},', b'"', b"\\"])
def test_megabytes_of_nonsense_cost_little(unit: bytes) -> None:
    raw = unit * (8_000_000 // len(unit))
    start = time.monotonic()
    delivery, kept = parsing.read_and_redact(raw)
    assert isinstance(delivery.events[0], Parked)
    assert len(kept) <= 2 * MAX_UNREADABLE
    assert time.monotonic() - start < 5


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


def planted(value: Any, path: tuple[Any, ...], replacement: Any) -> Any:
    if not path:
        return replacement
    value = copy.copy(value)
    value[path[0]] = planted(value[path[0]], path[1:], replacement)
    return value


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["@lid", "5511988880000@s.whatsapp.net", "x@g.us", "\x00", "\ud800", "²", "٣", "APP_STATE_SYNC_KEY_SHARE"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["key", "id", "message", "0", "low", "high", "text", "data"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


def is_sound(delivery: Delivery) -> bool:
    """Storable, readable, never empty."""
    assert delivery.events
    for event in delivery.events:
        assert isinstance(event, get_args(Event))
        encoded = msgspec.json.encode(event)
        assert b"\\u0000" not in encoded
        readable(event).encode()
    return True


@given(data=st.data())
def test_any_change_to_any_recorded_webhook_is_survived(data: st.DataObject) -> None:
    body = recorded.body(data.draw(st.sampled_from(recorded.names())))
    for _ in range(data.draw(st.integers(1, 3))):
        body = planted(body, data.draw(st.sampled_from(places(body))), data.draw(ODD))
    assert is_sound(parsing.parse(body))
    raw = json.dumps(body).encode()
    delivery, kept = parsing.read_and_redact(raw)
    assert is_sound(delivery)
    assert is_sound(parsing.read(kept))


@given(
    name=st.sampled_from(recorded.names()),
    cuts=st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=4)), max_size=4),
)
def test_any_damage_to_the_bytes_is_survived(name: str, cuts: list[tuple[int, bytes]]) -> None:
    raw = recorded.raw(name)
    for at, junk in cuts:
        raw = raw[:at] + junk + raw[at + len(junk) :]
    delivery, kept = parsing.read_and_redact(raw)
    assert is_sound(delivery)
    assert isinstance(kept, bytes)


@given(raw=st.binary(max_size=200))
def test_noise_is_survived(raw: bytes) -> None:
    assert is_sound(parsing.read(raw))
    redact(raw)
