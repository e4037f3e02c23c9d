"""Deliveries → the parameters of one call of app.ingest(). Pure: what is known by heart comes in, arrays come out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hunfly_box.ingest import wording
from hunfly_box.ingest.literals import NULL, Array, quoted
from hunfly_box.ingest.people import FRESH_SECONDS, Key, Known, KnownPeople, key_of
from hunfly_box.ingest.received import Part
from hunfly_box.kit.ids import new_id_text
from hunfly_box.providers.port import (
    Address,
    CallSeen,
    ChannelState,
    ContactSeen,
    Edited,
    Event,
    GroupSeen,
    IncomingMessage,
    ParticipantsChanged,
    Person,
    PollTally,
    QrShown,
    ReactionChanged,
    Revoked,
    StatusChange,
)

_encode = msgspec.json.Encoder().encode


def to_json(value: Any) -> str:
    return _encode(value).decode()


@dataclass(slots=True)
class Row:
    """A plain inbound message of the batch, kept for the live stream and for a second try."""

    part: Part
    event: IncomingMessage
    id: str
    keys: tuple[Key, ...]  # whose memory was wrong when the row finds no place
    conversation: int
    author: int | None  # in groups
    payload: dict[str, Any] | None


@dataclass(slots=True)
class Gathered:
    """Numbers count from one, as Postgres does."""

    known: KnownPeople
    now: float
    channels: dict[str, int] = field(default_factory=dict)
    tenants: Array = field(default_factory=Array)
    conversations: Array = field(default_factory=Array)
    people: Array = field(default_factory=Array)
    # (conversation, person) by key; None where a person alone was asked for.
    placed: dict[Key, tuple[int | None, int]] = field(default_factory=dict)
    wanted: dict[Key, dict[str, Any]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    m: list[Array] = field(default_factory=lambda: [Array() for _ in range(9)])
    events: list[dict[str, Any]] = field(default_factory=list)
    event_parts: list[tuple[Part, Event]] = field(default_factory=list)
    event_keys: list[tuple[Key, ...]] = field(default_factory=list)
    s: list[Array] = field(default_factory=lambda: [Array() for _ in range(3)])
    journalled: list[Part] = field(default_factory=list)
    wrote: set[int] = field(default_factory=set)


def gather(parts: Sequence[Part], known: KnownPeople) -> Gathered:
    batch = Gathered(known, now=max((part.received_at for part in parts), default=0.0))
    for part in parts:
        c = _channel(batch, part)
        if part.is_last:
            batch.journalled.append(part)
        for event in part.events:
            reader = READERS.get(type(event))
            if reader is not None:
                reader(batch, part, c, event)
    return batch


def _channel(batch: Gathered, part: Part) -> int:
    found = batch.channels.get(part.channel.id)
    if found is None:
        found = batch.channels[part.channel.id] = len(batch.channels) + 1
        batch.tenants.append(part.channel.tenant)
    return found


def _message(batch: Gathered, part: Part, c: int, event: IncomingMessage) -> None:
    is_group = event.chat.kind == "group"
    is_inbound = event.direction == "in"
    addresses = (event.chat,) if is_group else (event.chat, *event.alt_addresses)
    chat = key_of(part.channel.id, addresses)
    name = event.author_name if is_inbound and not is_group else None
    is_writing = is_inbound and not event.from_history
    v, _ = _conversation(
        batch, c, chat, addresses, name, opens=not event.from_history, writes=is_writing and not is_group
    )
    keys: tuple[Key, ...] = (chat,)
    author = None
    if is_group and event.author is not None and is_inbound:
        authors = (event.author, *event.alt_addresses)
        keys = chat, key_of(part.channel.tenant, authors)
        author = _person(batch, part, c, authors, event.author_name, writes=is_writing)
    if is_writing:
        batch.wrote.add(c)
    payload = wording.payload_of(event)
    if is_writing and event.media is None:
        row = Row(part, event, new_id_text(), keys, v, author, payload)
        batch.rows.append(row)
        _append(batch, row, c)
    else:
        described = wording.message_of(event, payload, part.received_at)
        described |= {"kind": "message", "c": c, "v": v, "a": author}
        _event(batch, part, event, described, *keys)


def _append(batch: Gathered, row: Row, c: int) -> None:
    event = row.event
    channel, conversation, person, id_, name, text, provider_id, sent_at, extra = batch.m
    channel.append(str(c))
    conversation.append(str(row.conversation))
    person.append(str(row.author) if row.author is not None else NULL)
    id_.append(row.id)
    name.append(quoted(event.author_name))
    text.append(quoted(event.text))
    provider_id.append(quoted(event.provider_id))
    sent_at.append(repr(event.sent_at or row.part.received_at))
    extra.append(_extra(row))


def _extra(row: Row) -> str:
    event = row.event
    told: dict[str, Any] = {}
    if event.type != "text":
        told["type"] = event.type
    if row.payload is not None:
        told["payload"] = row.payload
    if event.quoted is not None:
        told["quoted"] = wording.quoted_of(event.quoted)
    if event.is_forwarded:
        told["is_forwarded"] = True
    return quoted(to_json(told)) if told else NULL


def _conversation(
    batch: Gathered, c: int, key: Key, addresses: tuple[Address, ...], name: str | None, *, opens: bool, writes: bool
) -> tuple[int, int]:
    placed = batch.placed.get(key)
    known = batch.known.get(key)
    is_known = known is not None and known.conversation_id is not None and _says_nothing_new(batch, known, name, writes)
    if placed is not None and placed[0] is not None and (is_known or key in batch.wanted):
        if not is_known:
            entry = batch.wanted[key]
            entry.update(name=name or entry["name"], opens=opens or entry["opens"], writes=writes or entry["writes"])
        return placed[0], placed[1]
    if is_known and known is not None:
        batch.conversations.append(known.conversation_id or NULL)
        batch.people.append(known.contact_id)
    else:
        batch.conversations.append(NULL)
        batch.people.append(NULL)
    v, a = len(batch.conversations), len(batch.people)
    batch.placed[key] = v, a
    if not is_known:
        batch.wanted[key] = _wanted(c, v, a, addresses, name, opens=opens, writes=writes)
    return v, a


def _person(
    batch: Gathered,
    part: Part,
    c: int,
    addresses: tuple[Address, ...],
    name: str | None,
    *,
    writes: bool = False,
    picture: str | None = None,
) -> int:
    key = key_of(part.channel.tenant, addresses)
    placed = batch.placed.get(key)
    known = batch.known.get(key)
    is_known = known is not None and _says_nothing_new(batch, known, name, writes, picture)
    if placed is not None and (is_known or key in batch.wanted):
        if not is_known:
            entry = batch.wanted[key]
            entry.update(name=name or entry["name"], writes=writes or entry["writes"])
            entry["picture"] = picture or entry["picture"]
        return placed[1]
    batch.people.append(known.contact_id if is_known and known is not None else NULL)
    a = len(batch.people)
    batch.placed[key] = None, a
    if not is_known:
        batch.wanted[key] = _wanted(c, None, a, addresses, name, opens=False, writes=writes)
        batch.wanted[key]["picture"] = picture
    return a


def _says_nothing_new(
    batch: Gathered, known: Known, name: str | None, writes: bool, picture: str | None = None
) -> bool:
    if name not in (None, known.name) or picture not in (None, known.picture_mark):
        return False
    return not writes or (known.has_written and batch.now - known.told_at < FRESH_SECONDS)


def _wanted(
    c: int, v: int | None, a: int, addresses: tuple[Address, ...], name: str | None, *, opens: bool, writes: bool
) -> dict[str, Any]:
    described = _described(addresses)
    told = {"c": c, "v": v, "a": a, "addresses": described, "name": name, "opens": opens, "writes": writes}
    return told | {"picture": None}


def _described(addresses: tuple[Address, ...]) -> list[dict[str, str]]:
    return [{"kind": one.kind, "value": one.value, "address": one.raw} for one in addresses]


def _event(batch: Gathered, part: Part, event: Event, described: dict[str, Any], *keys: Key) -> None:
    # The journal row it may park: the delivery's own, when it goes with this batch.
    described["j"] = len(batch.journalled) if part.is_last else 0
    batch.events.append(described)
    batch.event_parts.append((part, event))
    batch.event_keys.append(keys)


def _status(batch: Gathered, part: Part, c: int, event: StatusChange) -> None:
    channel, provider_id, status = batch.s
    channel.append(str(c))
    provider_id.append(quoted(event.provider_id))
    status.append(event.status)


def _edited(batch: Gathered, part: Part, c: int, event: Edited) -> None:
    _event(
        batch, part, event,
        {"kind": "edit", "c": c, "provider_id": event.provider_id, "text": event.text, "at_ms": event.at_ms},
    )  # fmt: skip


def _revoked(batch: Gathered, part: Part, c: int, event: Revoked) -> None:
    _event(batch, part, event, {"kind": "revoke", "c": c, "provider_id": event.provider_id})


def _reaction(batch: Gathered, part: Part, c: int, event: ReactionChanged) -> None:
    described: dict[str, Any] = {
        "kind": "reaction",
        "c": c,
        "provider_id": event.target_provider_id,
        "emoji": event.emoji,
        "at_ms": event.at_ms,
        "reactor": "us",
    }
    keys: tuple[Key, ...] = ()
    if not event.from_me:
        reactor = event.reactor or event.chat
        reactors = (reactor, *event.alt_addresses)
        described["a"] = _person(batch, part, c, reactors, event.reactor_name)
        keys = (key_of(part.channel.tenant, reactors),)
    # The chat only decides between two messages of one id, so one that is not known is not made for it.
    chat = key_of(part.channel.id, (event.chat,) if event.chat.kind == "group" else (event.chat, *event.alt_addresses))
    known = batch.known.get(chat)
    if known is not None and known.conversation_id is not None:
        described["v"] = _conversation(batch, c, chat, (event.chat,), None, opens=False, writes=False)[0]
        keys = (*keys, chat)
    _event(batch, part, event, described, *keys)


def _poll(batch: Gathered, part: Part, c: int, event: PollTally) -> None:
    tally = [{"name": option.name, "voters": [voter.value for voter in option.voters]} for option in event.options]
    _event(batch, part, event, {"kind": "poll", "c": c, "provider_id": event.poll_provider_id, "tally": tally})


def _contact(batch: Gathered, part: Part, c: int, event: ContactSeen) -> None:
    _person(batch, part, c, event.addresses, event.name, picture=event.picture_mark)


def _group(batch: Gathered, part: Part, c: int, event: GroupSeen) -> None:
    _person(batch, part, c, (event.group,), event.subject)
    _people(batch, part, c, event.participants or ())


def _participants(batch: Gathered, part: Part, c: int, event: ParticipantsChanged) -> None:
    _people(batch, part, c, event.participants)


def _people(batch: Gathered, part: Part, c: int, people: tuple[Person, ...]) -> None:
    """Members who never wrote and of whom nothing is told are nobody yet."""
    for person in people:
        if person.name or len(person.addresses) > 1:
            _person(batch, part, c, person.addresses, person.name)


def _state(batch: Gathered, part: Part, c: int, event: ChannelState) -> None:
    own = event.own_address
    phone = own.value if own is not None and own.kind == "phone" else None
    _event(batch, part, event, {"kind": "state", "c": c, "state": event.state, "cause": event.cause, "phone": phone})


def _qr(batch: Gathered, part: Part, c: int, event: QrShown) -> None:
    described = {"kind": "qr", "c": c, "png_base64": event.png_base64, "pairing_code": event.pairing_code}
    _event(batch, part, event, described)


def _call(batch: Gathered, part: Part, c: int, event: CallSeen) -> None:
    addresses = (event.chat,)
    chat = key_of(part.channel.id, addresses)
    v, _ = _conversation(batch, c, chat, addresses, None, opens=True, writes=False)
    described = wording.call_of(event, part.channel.locale, part.received_at)
    _event(batch, part, event, {"kind": "call", "c": c, "v": v, **described}, chat)


READERS: dict[type, Any] = {
    IncomingMessage: _message,
    StatusChange: _status,
    Edited: _edited,
    Revoked: _revoked,
    ReactionChanged: _reaction,
    PollTally: _poll,
    ContactSeen: _contact,
    GroupSeen: _group,
    ParticipantsChanged: _participants,
    ChannelState: _state,
    QrShown: _qr,
    CallSeen: _call,
}


def remembered(batch: Gathered, conversations: list[str | None], people: list[str | None]) -> None:
    """What the database answered is known by heart from now on."""
    for key, entry in batch.wanted.items():
        contact_id = people[entry["a"] - 1]
        if contact_id is None:
            continue
        known = batch.known.get(key)
        name = entry["name"] or (known.name if known is not None else None)
        conversation_id = conversations[entry["v"] - 1] if entry["v"] is not None else None
        has_written = entry["writes"] or (known is not None and known.has_written)
        picture = entry["picture"] or (known.picture_mark if known is not None else None)
        batch.known.remember(key, Known(contact_id, conversation_id, name, has_written, picture, batch.now))
