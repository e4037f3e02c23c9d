"""A webhook of Evolution as events. Whatever comes in, nothing is raised: what cannot be used is parked."""

from collections.abc import Callable
from typing import Any

from hunfly_box.providers.evolution import changes, connection, people, quick
from hunfly_box.providers.evolution.encodings import LimitPassed, check_limits, decode, mapping, name
from hunfly_box.providers.evolution.messages import read_record
from hunfly_box.providers.evolution.redaction import redact
from hunfly_box.providers.port import Delivery, Event, Ignored, Parked

# A chunk of history holds about a thousand records, each under the limits of its own.
MAX_ITEMS = 20_000
# What a surprising shape can raise in the readers; anything else is a bug worth a traceback.
SHAPE_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)

Reader = Callable[[Any], Event | list[Event]]


def read(raw: bytes) -> Delivery:
    return quick.read(raw) or _read_any(raw)


def read_and_redact(raw: bytes) -> tuple[Delivery, bytes]:
    """What the body means and what may be kept of it, decoding the usual message once."""
    return quick.read_and_redact(raw) or (_read_any(raw), redact(raw))


def _read_any(raw: bytes) -> Delivery:
    try:
        body = decode(raw)
    except LimitPassed:
        return Delivery(None, None, (Parked("limit"),))
    except ValueError:
        return Delivery(None, None, (Parked("parse_error"),))
    return parse(body)


def parse(body: Any) -> Delivery:
    if not isinstance(body, dict):
        return Delivery(None, None, (Parked("parse_error"),))
    kind = name(body.get("event"))
    channel_ref = name(body.get("instance"))
    if kind is None:
        return Delivery(None, channel_ref, (Parked("parse_error"),))
    reader = READERS.get(kind.lower().replace("_", ".").replace("-", "."))
    if reader is None:
        return Delivery(kind, channel_ref, (Parked("unknown_event"),))
    items = _items(body.get("data"))
    if len(items) > MAX_ITEMS:
        return Delivery(kind, channel_ref, (Parked("limit"),))
    events = [event for item in items for event in _guarded(reader, item)]
    return Delivery(kind, channel_ref, tuple(events) or (Ignored("no_content"),))


def _items(data: Any) -> list[Any]:
    """Evolution sends one object or a list of them, for the same event, as it happens."""
    if isinstance(data, dict) and isinstance(data.get("messages"), list):
        data = data["messages"]
    return data if isinstance(data, list) else [data]


def _guarded(reader: Reader, item: Any) -> list[Event]:
    """One bad item parks only itself."""
    try:
        check_limits(item)
        found = reader(item)
    except LimitPassed:
        return [Parked("limit")]
    except SHAPE_ERRORS:
        return [Parked("parse_error")]
    return found if isinstance(found, list) else [found]


def read_stored(record: Any) -> list[Event]:
    """A record of findMessages: the message, and that it is gone where it was deleted since."""
    events = _guarded(_of_object(_live), record)
    key = mapping(mapping(record).get("key"))
    if key.get("deleted") is True:
        events += _guarded(_of_object(changes.read_delete), record)
    return events


def _of_object(reader: Callable[[dict[str, Any]], Event | list[Event]]) -> Reader:
    def read_object(item: Any) -> Event | list[Event]:
        return reader(item) if isinstance(item, dict) else Parked("parse_error")

    return read_object


def _live(record: dict[str, Any]) -> Event | list[Event]:
    return read_record(record)


def _echo(record: dict[str, Any]) -> Event | list[Event]:
    return read_record(record, is_api_echo=True)


def _history(record: dict[str, Any]) -> Event | list[Event]:
    return read_record(record, from_history=True)


def _protocol(protocol: dict[str, Any]) -> Event:
    return changes.read_protocol(mapping(protocol.get("protocolMessage")) or protocol)


# By wire name, with `.` for `-` and `_`.
READERS: dict[str, Reader] = {
    "messages.upsert": _of_object(_live),
    "messages.set": _of_object(_history),
    "messages.update": _of_object(changes.read_update),
    "messages.edited": _of_object(_protocol),
    "messages.delete": _of_object(changes.read_delete),
    "send.message": _of_object(_echo),
    "send.message.update": _of_object(_protocol),
    "connection.update": _of_object(connection.read_connection),
    "qrcode.updated": _of_object(connection.read_qr),
    "status.instance": _of_object(connection.read_status),
    "logout.instance": connection.read_logout,
    "remove.instance": connection.read_removal,
    "contacts.set": _of_object(people.read_contact),
    "contacts.upsert": _of_object(people.read_contact),
    "contacts.update": _of_object(people.read_contact),
    "chats.set": _of_object(people.read_chat),
    "chats.upsert": _of_object(people.read_chat),
    "chats.update": _of_object(people.read_chat),
    "chats.delete": people.read_chat_gone,
    "groups.upsert": _of_object(people.read_group),
    "groups.update": _of_object(people.read_group),
    "group.participants.update": _of_object(people.read_participants),
    "presence.update": _of_object(people.read_presence),
    "call": _of_object(people.read_call),
}
