"""How far each person has read; and, where the tenant wishes, telling the customer so."""

from uuid import UUID

from hunfly_box.inbox import rows
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import NotFound
from hunfly_box.kit.work import put_work

# Work that the outbound slice does: the provider is told that messages up to one were read.
READ_RECEIPT_WORK = "outbound.read_receipt"

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
WANTS_RECEIPTS = """
SELECT EXISTS (
  SELECT 1 FROM app.tenants t
  JOIN app.messages m ON m.tenant_id = t.id AND m.id = :message_id AND m.conversation_id = :conversation_id
    AND m.direction = 'in' AND m.provider_id IS NOT NULL
  WHERE t.id = app.tenant_id() AND t.send_read_receipts)
"""


def mark_seen(tx: TenantTransaction, conversation_id: UUID, seen: int, message_id: UUID | None) -> int:
    """Read marks only rise. `message_id`: the last message of the customer that was on the screen. Returns the mark."""
    mark = tx.scalar(SEE, conversation_id=conversation_id, user_id=tx.scope.user_id, seen=max(seen, 0))
    if mark is None:
        raise NotFound
    if message_id and tx.scalar(WANTS_RECEIPTS, message_id=message_id, conversation_id=conversation_id):
        put_work(
            tx,
            READ_RECEIPT_WORK,
            str(conversation_id),
            {"conversation_id": str(conversation_id), "message_id": str(message_id)},
        )
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
