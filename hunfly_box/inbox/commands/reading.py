"""How far each person has read; and, where the tenant wishes, telling the customer so."""

from uuid import UUID

from hunfly_box.inbox import rows
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import NotFound
from hunfly_box.outbound import commands as outbound

SEE = """
INSERT INTO app.conversation_reads AS r (tenant_id, conversation_id, user_id, inbound_seen)
SELECT v.tenant_id, v.id, :user_id, least(:seen, v.inbound_count) FROM app.conversations v
WHERE v.tenant_id = app.tenant_id() AND v.id = :conversation_id
ON CONFLICT (tenant_id, conversation_id, user_id) DO UPDATE
  SET inbound_seen = greatest(r.inbound_seen, excluded.inbound_seen), read_at = now()
RETURNING r.inbound_seen
"""
# Set, not raised: this is the one way back.
UNSEE = """
INSERT INTO app.conversation_reads AS r (tenant_id, conversation_id, user_id, inbound_seen)
SELECT v.tenant_id, v.id, :user_id, greatest(v.inbound_count - 1, 0) FROM app.conversations v
WHERE v.tenant_id = app.tenant_id() AND v.id = :conversation_id
ON CONFLICT (tenant_id, conversation_id, user_id) DO UPDATE SET inbound_seen = excluded.inbound_seen, read_at = now()
RETURNING r.inbound_seen
"""


def mark_seen(tx: TenantTransaction, conversation_id: UUID, seen: int) -> int:
    """Read marks only rise. Returns the mark."""
    mark = tx.scalar(SEE, conversation_id=conversation_id, user_id=tx.scope.user_id, seen=max(seen, 0))
    if mark is None:
        raise NotFound
    outbound.mark_read(tx, conversation_id)
    return int(mark)


def mark_unread(tx: TenantTransaction, conversation_id: UUID) -> int:
    mark = tx.scalar(UNSEE, conversation_id=conversation_id, user_id=tx.scope.user_id)
    if mark is None:
        raise NotFound
    return int(mark)


def see_all(tx: TenantTransaction, conversation: rows.LockedConversation) -> None:
    """Who answers has read."""
    if tx.scope.user_id is not None:
        tx.scalar(SEE, conversation_id=conversation.id, user_id=tx.scope.user_id, seen=conversation.inbound_count)
