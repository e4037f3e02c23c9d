"""Unsent texts, one for each person and conversation, kept on the server so that they follow the person."""

from uuid import UUID

from hunfly_box.inbox.outgoing import TEXT_LIMIT, invalid
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import NotFound

EXISTS = "SELECT EXISTS (SELECT 1 FROM app.conversations WHERE tenant_id = app.tenant_id() AND id = :id)"
QUOTABLE = """
SELECT EXISTS (SELECT 1 FROM app.messages
               WHERE tenant_id = app.tenant_id() AND id = :id AND conversation_id = :conversation_id)
"""
SAVE = """
INSERT INTO app.drafts AS d (tenant_id, conversation_id, user_id, kind, text, quoted_id)
VALUES (app.tenant_id(), :conversation_id, :user_id, :kind, :text, :quoted_id)
ON CONFLICT (tenant_id, conversation_id, user_id) DO UPDATE
  SET kind = excluded.kind, text = excluded.text, quoted_id = excluded.quoted_id, updated_at = now()
"""
FORGET = """
DELETE FROM app.drafts WHERE tenant_id = app.tenant_id() AND conversation_id = :conversation_id AND user_id = :user_id
  AND (CAST(:kind AS text) IS NULL OR kind = :kind)
"""


def save(tx: TenantTransaction, conversation_id: UUID, *, kind: str, text: str, quoted_id: UUID | None) -> None:
    """An empty text is no draft."""
    if not tx.scalar(EXISTS, id=conversation_id):
        raise NotFound
    if kind not in ("reply", "note"):
        raise invalid("mode", "value", "One of reply, note.")
    if len(text) > TEXT_LIMIT:
        raise invalid("text", "too_long", f"At most {TEXT_LIMIT} characters.")
    if not text.strip():
        forget(tx, conversation_id)
        return
    if quoted_id is not None and not tx.scalar(QUOTABLE, id=quoted_id, conversation_id=conversation_id):
        raise invalid("quoted_id", "unknown", "No message of this conversation has that id.")
    tx.execute(
        SAVE, conversation_id=conversation_id, user_id=tx.scope.user_id, kind=kind, text=text, quoted_id=quoted_id
    )


def forget(tx: TenantTransaction, conversation_id: UUID, *, kind: str | None = None) -> None:
    tx.execute(FORGET, conversation_id=conversation_id, user_id=tx.scope.user_id, kind=kind)
