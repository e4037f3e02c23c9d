"""A person's answer: the message, the work of sending it, and what it does to the conversation, in one transaction."""

import json
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from hunfly_box.inbox import events, outgoing, rows
from hunfly_box.inbox.commands import assigning, drafting, forwarding, reading, resolving, rounds
from hunfly_box.inbox.outgoing import Outgoing, invalid
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import Conflict
from hunfly_box.kit.ids import new_id
from hunfly_box.outbound import commands as outbound

INSERT = """
INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, author_id,
                          author_name, text, payload, media_id, status, quoted_provider_id, quoted_text, quoted_author,
                          is_forwarded, client_key, sent_at)
VALUES (app.tenant_id(), :id, :conversation_id, :channel_id, 'out', :type, 'user', :user_id,
        (SELECT name FROM app.memberships WHERE tenant_id = app.tenant_id() AND user_id = :user_id),
        :text, CAST(:payload AS jsonb), :media_id, :status, :quoted_provider_id, :quoted_text, :quoted_author,
        :is_forwarded, :client_key, app.said_at(:conversation_id))
RETURNING sent_at
"""
LAST_MESSAGE = """
UPDATE app.conversations SET last_message_id = :message_id, last_message_at = greatest(last_message_at, :sent_at)
WHERE tenant_id = app.tenant_id() AND id = :id
"""
ANSWERED = """
UPDATE app.conversations SET waiting_since = NULL, inbound_answered = inbound_count
WHERE tenant_id = app.tenant_id() AND id = :id
"""
QUOTED = """
SELECT m.provider_id, m.text, m.type, coalesce(u.name, c.name, c.push_name, m.author_name) AS author
FROM app.messages m
LEFT JOIN app.memberships u ON m.author_kind = 'user' AND u.tenant_id = m.tenant_id AND u.user_id = m.author_id
LEFT JOIN app.contacts c ON m.author_kind = 'contact' AND c.tenant_id = m.tenant_id AND c.id = m.author_id
WHERE m.tenant_id = app.tenant_id() AND m.id = :id AND m.conversation_id = :conversation_id AND m.deleted_at IS NULL
"""


class ConversationBlocked(Conflict):
    code = "inbox.conversation_blocked"
    title = "This contact is blocked"


class Quote(Struct, frozen=True):
    provider_id: str | None
    text: str | None
    type: str
    author: str | None


NO_QUOTE = Quote(None, None, "", None)


def reply(tx: TenantTransaction, conversation_id: UUID, message: Outgoing, *, client_key: str | None = None) -> UUID:
    """Assigns an unassigned conversation to who answers, opens a resolved one. Returns the message's id."""
    outgoing.check(message)
    conversation = rows.lock_conversation(tx, conversation_id)
    if conversation.is_blocked:
        raise ConversationBlocked
    if conversation.status == "resolved":
        resolving.open_again(tx, conversation)
    assigning.claim(tx, conversation)
    status = outbound.starting_status(tx, conversation.channel_id)
    message_id = write(tx, conversation, message, status=status, client_key=client_key)
    tx.execute(ANSWERED, id=conversation_id)
    rounds.note_reply(tx, conversation_id)
    reading.see_all(tx, conversation)
    drafting.forget(tx, conversation_id, kind="reply")
    outbound.put_in_outbox(
        tx,
        message_id=message_id,
        conversation_id=conversation_id,
        channel_id=conversation.channel_id,
        created_by=tx.scope.user_id,
    )
    return message_id


def write(
    tx: TenantTransaction,
    conversation: rows.LockedConversation,
    message: Outgoing,
    *,
    status: str | None,
    client_key: str | None,
) -> UUID:
    """The row itself, as the conversation's last message."""
    message_id = new_id()
    content = forwarding.content_of(tx, message, conversation.id)
    quote = _quote(tx, conversation.id, message.quoted_id) if message.quoted_id else NO_QUOTE
    sent_at: datetime = tx.scalar(
        INSERT,
        id=message_id,
        conversation_id=conversation.id,
        channel_id=conversation.channel_id,
        type=content.type,
        user_id=tx.scope.user_id,
        text=content.text,
        payload=json.dumps(content.payload),
        media_id=content.media_id,
        status=status,
        quoted_provider_id=quote.provider_id,
        quoted_text=quote.text,
        quoted_author=quote.author,
        is_forwarded=content.is_forwarded,
        client_key=client_key,
    )
    tx.execute(LAST_MESSAGE, id=conversation.id, message_id=message_id, sent_at=sent_at)
    events.message_changed(tx, message_id, conversation.id)
    events.conversation_changed(tx, conversation.id)
    return message_id


def _quote(tx: TenantTransaction, conversation_id: UUID, quoted_id: UUID) -> Quote:
    quote = tx.maybe(Quote, QUOTED, id=quoted_id, conversation_id=conversation_id)
    if quote is None or quote.provider_id is None or quote.type in ("note", "system"):
        raise invalid("quoted_id", "unknown", "No message of this conversation that WhatsApp knows has that id.")
    return quote
