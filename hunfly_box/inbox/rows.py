"""Rows as commands lock them: two people acting at once must each see what the other did."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hunfly_box.kit.database import TenantTransaction

LOCK_CONVERSATION = """
SELECT v.id, v.channel_id, v.contact_id, v.status, v.snoozed_until, v.assignee_id, v.inbound_count,
       c.is_group, c.blocked_at IS NOT NULL AS is_blocked, n.state AS channel_state
FROM app.conversations v
JOIN app.contacts c ON c.tenant_id = v.tenant_id AND c.id = v.contact_id
JOIN app.channels n ON n.tenant_id = v.tenant_id AND n.id = v.channel_id
WHERE v.tenant_id = app.tenant_id() AND v.id = :id
FOR UPDATE OF v
"""
LOCK_MESSAGE = """
SELECT m.id, m.conversation_id, m.channel_id, m.direction, m.type, m.author_kind, m.author_id, m.text, m.provider_id,
       m.status, m.sent_at, m.deleted_at, m.sent_at > now() - interval '15 minutes' AS is_fresh
FROM app.messages m WHERE m.tenant_id = app.tenant_id() AND m.id = :id
FOR UPDATE OF m
"""
CONVERSATION_OF = """
SELECT m.conversation_id FROM app.messages m WHERE m.tenant_id = app.tenant_id() AND m.id = :id
"""
# The trigger gives the row a higher version and a line in the live log.
TOUCH = "UPDATE app.conversations SET version = version WHERE tenant_id = app.tenant_id() AND id = :id"
TOUCH_MESSAGE = "UPDATE app.messages SET version = version WHERE tenant_id = app.tenant_id() AND id = :id"


@dataclass(frozen=True, slots=True)
class LockedConversation:
    id: UUID
    channel_id: UUID
    contact_id: UUID
    status: str
    snoozed_until: datetime | None
    assignee_id: UUID | None
    inbound_count: int
    is_group: bool
    is_blocked: bool
    channel_state: str


@dataclass(frozen=True, slots=True)
class LockedMessage:
    """`is_fresh`: within the fifteen minutes in which WhatsApp lets a message be edited."""

    id: UUID
    conversation_id: UUID
    channel_id: UUID
    direction: str
    type: str
    author_kind: str
    author_id: UUID | None
    text: str | None
    provider_id: str | None
    status: str | None
    sent_at: datetime
    deleted_at: datetime | None
    is_fresh: bool


def lock_conversation(tx: TenantTransaction, conversation_id: UUID) -> LockedConversation:
    return tx.one(LockedConversation, LOCK_CONVERSATION, id=conversation_id)


def lock_message(tx: TenantTransaction, message_id: UUID) -> LockedMessage:
    """The conversation first, as everybody does: two who lock in different orders wait for each other for ever."""
    lock_conversation(tx, tx.one(_Parent, CONVERSATION_OF, id=message_id).conversation_id)
    return tx.one(LockedMessage, LOCK_MESSAGE, id=message_id)


def touch(tx: TenantTransaction, conversation_id: UUID) -> None:
    tx.execute(TOUCH, id=conversation_id)


def touch_message(tx: TenantTransaction, message_id: UUID) -> None:
    tx.execute(TOUCH_MESSAGE, id=message_id)


@dataclass(frozen=True, slots=True)
class _Parent:
    conversation_id: UUID
