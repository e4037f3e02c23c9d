"""A stored batch on screens: plain messages and their conversations are drawn from what is in hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hunfly_box.contacts.objects import Label, avatar_url, display_name
from hunfly_box.inbox import payloads
from hunfly_box.inbox.live_showing import Plain
from hunfly_box.inbox.objects import Assignee, Author, Conversation, ConversationContact, Message
from hunfly_box.ingest.gathering import Row
from hunfly_box.ingest.storing import Stored
from hunfly_box.kit import rich_text
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.moments import rfc3339, rfc3339_or_none


def plain_and_others(stored: Stored, watches: Callable[[UUID], bool]) -> tuple[list[Plain], list[Changed]]:
    """Of what took the set-based road: what can be drawn from what is in hand, and what has to be read again.

    Read again are links, quotes, places and late ones, and everything of a tenant whose first stream opened while the
    batch was under way: the call was not asked to bring its conversations back.
    """
    lines = {line["id"]: line for line in stored.answer.conversations}
    conversations = stored.answer.summary.conversations or stored.batch.conversations
    plain: list[Plain] = []
    others: dict[Changed, None] = {}
    newest: set[str] = set()
    for row in stored.inserted():
        tenant_id = row.part.channel.tenant_id
        conversation_id = conversations[row.conversation - 1] or ""
        line = lines.get(conversation_id)
        if line is not None and _is_plain(row):
            message = _message(row, line, stored)
            conversation = None
            if line["last_message_id"] == row.id:
                newest.add(conversation_id)
                conversation = _conversation(line, message)
            plain.append(Plain(tenant_id, message, conversation, _uuid_or_none(line["assignee_id"])))
        elif line is not None or watches(tenant_id):
            others[Changed(tenant_id, "message", UUID(row.id), UUID(conversation_id))] = None
            if line is None:
                others[Changed(tenant_id, "conversation", UUID(conversation_id), UUID(conversation_id))] = None
    for conversation_id, line in lines.items():
        # Its newest message is not one of those just drawn: it is late, or needs more than words.
        if conversation_id not in newest:
            id_ = UUID(conversation_id)
            others[Changed(UUID(line["tenant_id"]), "conversation", id_, id_)] = None
    return plain, list(others)


def _uuid_or_none(value: str | None) -> UUID | None:
    return UUID(value) if value else None


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
        conversation_id=line["id"],
        channel_id=row.part.channel.id,
        provider_id=event.provider_id,
        direction="in",
        author=Author(
            kind="contact",
            id=line["contact_id"],
            name=line["contact_name"] or event.author_name or line["contact_phone"] or "",
        ),
        type="text",
        text=event.text,
        media=None,
        location=None,
        contacts=None,
        poll=None,
        order=None,
        event=None,
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
