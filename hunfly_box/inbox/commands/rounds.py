"""A conversation's rounds, each from its opening to its resolution: what the reports count."""

from uuid import UUID

from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.ids import new_id

# Taking a resolution back within this time undoes it, instead of counting another round.
UNDO_SECONDS = 120

OPEN = """
INSERT INTO app.rounds (tenant_id, id, conversation_id) VALUES (app.tenant_id(), :id, :conversation_id)
ON CONFLICT (tenant_id, conversation_id) WHERE resolved_at IS NULL DO NOTHING
"""
UNDO = """
UPDATE app.rounds SET resolved_at = NULL, resolved_by = NULL
WHERE tenant_id = app.tenant_id() AND id = (
  SELECT r.id FROM app.rounds r WHERE r.tenant_id = app.tenant_id() AND r.conversation_id = :conversation_id
  ORDER BY r.opened_at DESC, r.id DESC LIMIT 1)
  AND resolved_by = :user_id AND resolved_at > now() - make_interval(secs => :seconds)
"""
ANSWERED = """
UPDATE app.rounds SET first_reply_at = now(), first_reply_by = :user_id
WHERE tenant_id = app.tenant_id() AND conversation_id = :conversation_id
  AND resolved_at IS NULL AND first_reply_at IS NULL
"""
CLOSE = """
UPDATE app.rounds SET resolved_at = now(), resolved_by = :user_id
WHERE tenant_id = app.tenant_id() AND conversation_id = :conversation_id AND resolved_at IS NULL
"""


def open_round(tx: TenantTransaction, conversation_id: UUID) -> None:
    tx.execute(OPEN, id=new_id(), conversation_id=conversation_id)


def undo_close(tx: TenantTransaction, conversation_id: UUID) -> bool:
    """Whether the acting person resolved it a moment ago, and has now taken that back."""
    return tx.execute(UNDO, conversation_id=conversation_id, user_id=tx.scope.user_id, seconds=UNDO_SECONDS) > 0


def note_reply(tx: TenantTransaction, conversation_id: UUID) -> None:
    tx.execute(ANSWERED, conversation_id=conversation_id, user_id=tx.scope.user_id)


def close_round(tx: TenantTransaction, conversation_id: UUID) -> None:
    tx.execute(CLOSE, conversation_id=conversation_id, user_id=tx.scope.user_id)
