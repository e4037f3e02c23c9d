"""Contacts, chats, groups, typing and calls."""

from datetime import datetime
from typing import Any, Literal

from hunfly_box.providers.evolution.encodings import epoch_seconds, identifier, mapping, name, sequence, text
from hunfly_box.providers.evolution.jids import address_in, best_first, server_of
from hunfly_box.providers.evolution.messages import ignored_chat
from hunfly_box.providers.port import (
    Address,
    CallSeen,
    ChatGone,
    ContactSeen,
    Event,
    GroupSeen,
    Ignored,
    Parked,
    ParticipantsChanged,
    Person,
    TypingKind,
    TypingSeen,
)

MAX_PARTICIPANTS = 4096
MAX_URL = 2048
TYPING: dict[str, TypingKind] = {
    "composing": "composing",
    "recording": "recording",
    "paused": "paused",
    "available": "available",
    "unavailable": "unavailable",
}
PARTICIPANT_ACTIONS: dict[str, Literal["add", "remove", "promote", "demote", "modify"]] = {
    "add": "add",
    "remove": "remove",
    "promote": "promote",
    "demote": "demote",
    "modify": "modify",
}


def url(value: Any) -> str | None:
    found = text(value, MAX_URL) if isinstance(value, str) and len(value) <= MAX_URL else None
    return found if found and found.startswith(("https://", "http://")) else None


def read_contact(contact: dict[str, Any]) -> Event:
    jid = contact.get("remoteJid") or contact.get("id")
    if (reason := ignored_chat(jid)) is not None:
        return Ignored(reason)
    if server_of(jid) == "g.us":
        # The name beside a group's id is that of whoever spoke last.
        return Ignored("group_contact")
    found = best_first(
        address_in(value)
        for value in (jid, contact.get("remoteJidAlt"), contact.get("lid"), contact.get("phoneNumber"))
    )
    if not found:
        return Ignored("no_content")
    known_as = name(contact.get("pushName")) or name(contact.get("name"))
    return ContactSeen(found, known_as, url(contact.get("profilePicUrl")))


def read_chat(chat: dict[str, Any]) -> Event:
    """Of a chat only its name is news; unread counts are the phone's, not ours."""
    if name(chat.get("name")) is None:
        return Ignored(ignored_chat(chat.get("remoteJid")) or "no_content")
    event = read_contact(chat)
    group = address_in(chat.get("remoteJid") or chat.get("id"))
    if group is not None and group.kind == "group":
        return GroupSeen(group, name(chat.get("name")))
    return event


def read_chat_gone(jid: Any) -> Event:
    chat = address_in(jid)
    return ChatGone(chat) if chat else Ignored(ignored_chat(jid) or "no_content")


def read_group(group: dict[str, Any]) -> Event:
    address = address_in(group.get("id"))
    if address is None or address.kind != "group":
        return Parked("parse_error")
    members = group.get("participants")
    people = tuple(_people(members)) if isinstance(members, list) else None
    return GroupSeen(address, name(group.get("subject")), people, url(group.get("pictureUrl")))


def read_participants(change: dict[str, Any]) -> Event:
    group = address_in(change.get("id"))
    action = PARTICIPANT_ACTIONS.get(str(change.get("action")))
    if group is None or group.kind != "group" or action is None:
        return Parked("parse_error")
    known = _people(sequence(change.get("participantsData")))
    named = {address for person in known for address in person.addresses}
    others = _people(sequence(change.get("participants")))
    people = [*known, *(person for person in others if named.isdisjoint(person.addresses))]
    return ParticipantsChanged(group, action, tuple(people), address_in(change.get("author")))


def _people(members: list[Any]) -> list[Person]:
    found: list[Person] = []
    for member in members[:MAX_PARTICIPANTS]:
        described = member if isinstance(member, dict) else {"id": member}
        addresses = best_first(_person_address(described.get(field)) for field in ("id", "jid", "phoneNumber", "lid"))
        if addresses:
            found.append(
                Person(
                    addresses,
                    name(described.get("name")),
                    described.get("admin") in ("admin", "superadmin"),
                    url(described.get("imgUrl")),
                )
            )
    return found


def _person_address(value: Any) -> Address | None:
    # Where Evolution knows no number it repeats the LID's digits as one: only a full id says what it is.
    found = address_in(value) if isinstance(value, str) and "@" in value else None
    return found if found is not None and found.kind != "group" else None


def read_presence(presence: dict[str, Any]) -> list[Event]:
    chat = address_in(presence.get("id"))
    if chat is None:
        return [Ignored(ignored_chat(presence.get("id")) or "no_content")]
    seen: list[Event] = []
    for jid, told in list(mapping(presence.get("presences")).items())[:MAX_PARTICIPANTS]:
        author = address_in(jid)
        kind = TYPING.get(str(mapping(told).get("lastKnownPresence")))
        if author is not None and kind is not None:
            seen.append(TypingSeen(chat, author, kind))
    return seen or [Ignored("no_content")]


def read_call(call: dict[str, Any]) -> Event:
    call_id = identifier(call.get("id"))
    group = address_in(call.get("groupJid"))
    caller = address_in(call.get("from")) or address_in(call.get("chatId"))
    chat = group or address_in(call.get("chatId")) or caller
    if call_id is None or chat is None:
        return Parked("parse_error")
    return CallSeen(
        provider_id=call_id,
        chat=chat,
        status=name(call.get("status")) or "offer",
        caller=caller,
        is_video=call.get("isVideo") is True,
        is_group=call.get("isGroup") is True or chat.kind == "group",
        at=_moment(call.get("date")),
    )


def _moment(value: Any) -> float | None:
    if isinstance(value, str) and not value.isdigit():
        try:
            return datetime.fromisoformat(value[:40]).timestamp()
        except (ValueError, OverflowError):
            return None
    return epoch_seconds(value) or None
