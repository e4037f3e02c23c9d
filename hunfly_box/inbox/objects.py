"""Conversation and message as programs, screens and the live stream see them: contracts of the public surface.

The builders read by id under the transaction's own policies; what may not be seen is left out.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from hunfly_box.contacts.objects import Label, avatar_url, display_name
from hunfly_box.inbox import payloads
from hunfly_box.inbox.payloads import CalendarEvent, Location, Mention, Order, Poll, Referral, SharedContact
from hunfly_box.inbox.statements import CONVERSATIONS, MESSAGES
from hunfly_box.kit.database import Transaction
from hunfly_box.kit.moments import rfc3339, rfc3339_or_none


class Author(Struct, frozen=True, kw_only=True):
    kind: str
    id: str | None
    name: str


class Media(Struct, frozen=True, kw_only=True):
    id: str
    mime: str
    name: str | None
    size: int
    seconds: int | None
    width: int | None
    height: int | None
    url: str | None
    state: str
    thumb_url: str | None
    peaks: list[int] | None
    animated: bool


class Quoted(Struct, frozen=True, kw_only=True):
    """`id` is null when the quoted message never reached us."""

    id: str | None
    text: str | None
    author: str | None
    type: str | None


class Reaction(Struct, frozen=True, kw_only=True):
    """`by` is the customer's name, or "us"."""

    emoji: str
    by: str


class Failure(Struct, frozen=True, kw_only=True):
    code: str
    detail: str


class Message(Struct, frozen=True, kw_only=True):
    id: str
    conversation_id: str
    channel_id: str
    provider_id: str | None
    direction: str
    author: Author
    type: str
    text: str | None
    media: Media | None
    location: Location | None
    contacts: list[SharedContact] | None
    poll: Poll | None
    order: Order | None
    event: CalendarEvent | None
    quoted: Quoted | None
    reactions: list[Reaction]
    status: str | None
    error: Failure | None
    edited_at: str | None
    deleted_at: str | None
    sent_at: str
    version: int
    forwarded: bool
    mentions: list[Mention]
    referral: Referral | None
    history: bool
    icon: str | None
    cid: str | None


class Assignee(Struct, frozen=True, kw_only=True):
    id: str
    name: str


class ConversationContact(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    phone: str | None
    is_group: bool
    avatar_url: str | None
    blocked: bool


class Match(Struct, frozen=True, kw_only=True):
    """Why a search found this conversation: the message that holds the words."""

    message_id: str
    text: str


class Conversation(Struct, kw_only=True):
    """`inbound_answered` is where a person without a read mark of their own begins to read."""

    id: str
    channel_id: str
    contact: ConversationContact
    status: str
    snoozed_until: str | None
    assignee: Assignee | None
    labels: list[Label]
    waiting_since: str | None
    last_message: Message | None
    version: int
    inbound_count: int
    inbound_answered: int
    match: Match | None = None


def messages(tx: Transaction, ids: Sequence[UUID]) -> list[Message]:
    """In the order of `ids`; those that are not there for the acting person are left out."""
    if not ids:
        return []
    found = {line["id"]: _message(line) for line in tx.all(dict[str, Any], MESSAGES, ids=list(ids))}
    return [found[id_] for id_ in map(str, ids) if id_ in found]


def conversations(tx: Transaction, ids: Sequence[UUID]) -> list[Conversation]:
    """In the order of `ids`; those that are not there for the acting person are left out."""
    if not ids:
        return []
    lines = {line["id"]: line for line in tx.all(dict[str, Any], CONVERSATIONS, ids=list(ids))}
    last_ids = [UUID(line["last_message_id"]) for line in lines.values() if line["last_message_id"]]
    last_messages = {message.id: message for message in messages(tx, last_ids)}
    return [
        _conversation(lines[id_], last_messages.get(lines[id_]["last_message_id"]))
        for id_ in map(str, ids)
        if id_ in lines
    ]


def _message(line: dict[str, Any]) -> Message:
    is_deleted = line["deleted_at"] is not None
    # What was deleted for everyone is gone for us too; the row keeps that something was said.
    payload = {} if is_deleted else line["payload"] or {}
    return Message(
        id=line["id"],
        conversation_id=line["conversation_id"],
        channel_id=line["channel_id"],
        provider_id=line["provider_id"],
        direction=line["direction"],
        author=Author(kind=line["author_kind"], id=line["author_id"], name=line["author_name"]),
        type=line["type"],
        text=None if is_deleted else line["text"],
        media=None if is_deleted else _media(line, payload),
        location=payloads.location_of(line["type"], payload),
        contacts=payloads.contacts_of(line["type"], payload),
        poll=payloads.poll_of(line["type"], payload),
        order=payloads.order_of(line["type"], payload),
        event=payloads.event_of(line["type"], payload),
        quoted=_quoted(line),
        reactions=[Reaction(**reaction) for reaction in line["reactions"] or ()],
        status=line["status"],
        error=Failure(code=line["error_code"], detail=line["error_detail"] or "") if line["error_code"] else None,
        edited_at=rfc3339_or_none(line["edited_at"]),
        deleted_at=rfc3339_or_none(line["deleted_at"]),
        sent_at=rfc3339(line["sent_at"]),
        version=line["version"],
        forwarded=line["is_forwarded"],
        mentions=[] if is_deleted else payloads.mentions_of(line["mentions"]),
        referral=payloads.referral_of(payload),
        history=payloads.is_history(line["payload"] or {}),
        icon=payloads.icon_of(line["type"], payload),
        cid=line["client_key"],
    )


def _media(line: dict[str, Any], payload: dict[str, Any]) -> Media | None:
    if line["media_id"] is None or line["media_state"] is None:
        return None
    address = f"/api/v1/media/{line['media_id']}"
    is_ready = line["media_state"] == "ready"
    return Media(
        id=line["media_id"],
        mime=line["media_mime"],
        name=line["media_name"],
        size=line["media_size"],
        seconds=line["media_seconds"],
        width=line["media_width"],
        height=line["media_height"],
        url=address if is_ready else None,
        state=line["media_state"],
        thumb_url=f"{address}?thumb=1" if line["has_thumbnail"] else None,
        peaks=line["media_peaks"],
        animated=payloads.is_animated(payload),
    )


def _quoted(line: dict[str, Any]) -> Quoted | None:
    if line["quoted_provider_id"] is None:
        return None
    return Quoted(
        id=line["quoted_id"],
        text=None if line["quoted_is_deleted"] else line["quoted_text"],
        author=line["quoted_author"],
        type=line["quoted_type"],
    )


def _conversation(line: dict[str, Any], last_message: Message | None) -> Conversation:
    return Conversation(
        id=line["id"],
        channel_id=line["channel_id"],
        contact=ConversationContact(
            id=line["contact_id"],
            name=display_name(line["contact_name"], line["contact_phone"], line["contact_identity"]),
            phone=line["contact_phone"],
            is_group=line["is_group"],
            avatar_url=avatar_url(line["contact_id"], line["avatar_sha256"]),
            blocked=line["is_blocked"],
        ),
        status=line["status"],
        snoozed_until=rfc3339_or_none(line["snoozed_until"]),
        assignee=Assignee(id=line["assignee_id"], name=line["assignee_name"] or "") if line["assignee_id"] else None,
        labels=[Label(**label) for label in line["labels"] or ()],
        waiting_since=rfc3339_or_none(line["waiting_since"]),
        last_message=last_message,
        version=line["version"],
        inbound_count=line["inbound_count"],
        inbound_answered=line["inbound_answered"],
    )
