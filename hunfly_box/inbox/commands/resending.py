"""Sending again what failed, is not confirmed, or waited so long that it asks first."""

from uuid import UUID

from hunfly_box.inbox.commands.replying import ConversationBlocked
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import NotFound
from hunfly_box.outbound import commands as outbound

IS_BLOCKED = """
SELECT c.blocked_at IS NOT NULL FROM app.messages m
JOIN app.conversations v ON v.tenant_id = m.tenant_id AND v.id = m.conversation_id
JOIN app.contacts c ON c.tenant_id = v.tenant_id AND c.id = v.contact_id
WHERE m.tenant_id = app.tenant_id() AND m.id = :id
"""


def send_again(tx: TenantTransaction, message_id: UUID) -> None:
    is_blocked = tx.scalar(IS_BLOCKED, id=message_id)
    if is_blocked is None:
        raise NotFound
    if is_blocked:
        raise ConversationBlocked
    outbound.send_again(tx, message_id, user_id=tx.scope.user_id)
