"""A stored batch on screens: plain messages and their conversations are drawn from what is in hand."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hunfly_box.contacts.objects import Label, avatar_url, display_name
from hunfly_box.inbox import payloads
from hunfly_box.inbox.live_showing import Fresh
from hunfly_box.inbox.objects import Assignee, Author, Conversation, ConversationContact, Message
from hunfly_box.ingest.gathering import Row
from hunfly_box.ingest.storing import Stored
from hunfly_box.kit import rich_text
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.moments import rfc3339, rfc3339_or_none

Drawn = tuple[UUID, Fresh, Conversation | None]


def drawn(stored: Stored) -> Iterator[Drawn]:
    """What can be drawn without reading: plain texts of conversations that came back with the answer."""
    lines = {line["id"]: line for line in stored.answer.conversations}
    fresh = {row.id: row for row in stored.inserted() if _is_plain(row)}
    conversations = stored.answer.summary.conversations or stored.batch.conversations
    for row in fresh.values():
        line = lines.get(UUID(conversations[row.conversation - 1] or ""))
        if line is None:
            continue
        message = _message(row, line, stored)
        is_last = str(line["last_message_id"]) == row.id
        conversation = _conversation(line, message) if is_last else None
        yield row.part.channel.tenant_id, Fresh(row.part.channel.tenant_id, message, line["assignee_id"]), conversation


def undrawn(stored: Stored) -> list[Changed]:
    """The plain inbound ones that have to be read again: links, quotes, places, late ones."""
    found: dict[Changed, None] = {}
    lines = {line["id"]: str(line["last_message_id"]) for line in stored.answer.conversations}
    conversations = stored.answer.summary.conversations or stored.batch.conversations
    drawn_last: set[str] = set()
    for row in stored.inserted():
        if _is_plain(row):
            drawn_last.add(row.id)
            continue
        conversation_id = UUID(conversations[row.conversation - 1] or "")
        if conversation_id in lines:
            found[Changed(row.part.channel.tenant_id, "message", UUID(row.id), conversation_id)] = None
    for line in stored.answer.conversations:
        # Its newest message is not one of those just drawn: it is late, or needs more than words.
        if lines[line["id"]] not in drawn_last:
            found[Changed(line["tenant_id"], "conversation", line["id"], line["id"])] = None
    return list(found)


def unasked(stored: Stored, watches: Callable[[UUID], bool]) -> list[Changed]:
    """Of tenants whose first stream opened while the batch was under way: the call was not asked to bring them back."""
    asked = {line["id"] for line in stored.answer.conversations}
    conversations = stored.answer.summary.conversations or stored.batch.conversations
    found: dict[Changed, None] = {}
    for row in stored.inserted():
        tenant_id = row.part.channel.tenant_id
        if not watches(tenant_id):
            continue
        conversation_id = UUID(conversations[row.conversation - 1] or "")
        if conversation_id not in asked:
            found[Changed(tenant_id, "message", UUID(row.id), conversation_id)] = None
            found[Changed(tenant_id, "conversation", conversation_id, conversation_id)] = None
    return list(found)


def _is_plain(row: Row) -> bool:
    event = row.event
    return (
        event.type == "text"
        and row.payload is None
        and event.quoted is None
        and not event.is_forwarded
        and event.author is None
        and rich_text.is_plain(event.text or "")
    )


def _message(row: Row, line: dict[str, Any], stored: Stored) -> Message:
    event = row.event
    sent_at = datetime.fromtimestamp(event.sent_at or row.part.received_at, UTC)
    return Message(
        id=row.id,
        conversation_id=str(line["id"]),
        channel_id=row.part.channel.id,
        provider_id=event.provider_id,
        direction="in",
        author=Author(
            kind="contact",
            id=str(line["contact_id"]),
            name=line["contact_name"] or event.author_name or line["contact_phone"] or "",
        ),
        type="text",
        text=event.text,
        media=None,
        location=None,
        contacts=None,
        poll=None,
        quoted=None,
        reactions=[],
        status=None,
        error=None,
        edited_at=None,
        deleted_at=None,
        sent_at=rfc3339(sent_at),
        version=stored.answer.summary.version,
        forwarded=False,
        mentions=[],
        referral=None,
        history=False,
        icon=payloads.icon_of("text", {}),
        cid=None,
    )


def _conversation(line: dict[str, Any], last_message: Message) -> Conversation:
    return Conversation(
        id=str(line["id"]),
        channel_id=str(line["channel_id"]),
        contact=ConversationContact(
            id=str(line["contact_id"]),
            name=display_name(line["contact_name"], line["contact_phone"], line["contact_identity"]),
            phone=line["contact_phone"],
            is_group=line["is_group"],
            avatar_url=avatar_url(line["contact_id"], line["avatar_sha256"]),
            blocked=line["is_blocked"],
        ),
        status=line["status"],
        snoozed_until=rfc3339_or_none(line["snoozed_until"]),
        assignee=Assignee(id=str(line["assignee_id"]), name=line["assignee_name"] or "")
        if line["assignee_id"]
        else None,
        labels=[Label(**label) for label in line["labels"] or ()],
        waiting_since=rfc3339_or_none(line["waiting_since"]),
        last_message=last_message,
        version=line["version"],
        inbound_count=line["inbound_count"],
        inbound_answered=line["inbound_answered"],
    )
