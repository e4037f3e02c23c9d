"""Rows as commands lock them: two people acting at once must each see what the other did.

NO KEY: customers' messages, whose foreign keys look at the same rows, do not wait for us.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hunfly_box.kit.database import TenantTransaction

LOCK_CONVERSATION = """
SELECT v.id, v.channel_id, v.contact_id, v.status, v.snoozed_until, v.assignee_id, v.inbound_count,
       c.is_group, c.blocked_at IS NOT NULL AS is_blocked
FROM app.conversations v
JOIN app.contacts c ON c.tenant_id = v.tenant_id AND c.id = v.contact_id
WHERE v.tenant_id = app.tenant_id() AND v.id = :id
FOR NO KEY UPDATE OF v
"""
LOCK_MESSAGE = """
SELECT m.id, m.conversation_id, m.direction, m.type, m.author_kind, m.author_id, m.text, m.deleted_at
FROM app.messages m WHERE m.tenant_id = app.tenant_id() AND m.id = :id
FOR NO KEY UPDATE OF m
"""
# The trigger gives the row a higher version and a line in the live log.
TOUCH = "UPDATE app.conversations SET version = version WHERE tenant_id = app.tenant_id() AND id = :id"


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


@dataclass(frozen=True, slots=True)
class LockedMessage:
    id: UUID
    conversation_id: UUID
    direction: str
    type: str
    author_kind: str
    author_id: UUID | None
    text: str | None
    deleted_at: datetime | None


def lock_conversation(tx: TenantTransaction, conversation_id: UUID) -> LockedConversation:
    return tx.one(LockedConversation, LOCK_CONVERSATION, id=conversation_id)


def lock_message(tx: TenantTransaction, message_id: UUID) -> LockedMessage:
    return tx.one(LockedMessage, LOCK_MESSAGE, id=message_id)


def touch(tx: TenantTransaction, conversation_id: UUID) -> None:
    tx.execute(TOUCH, id=conversation_id)
