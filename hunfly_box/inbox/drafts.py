"""Unsent texts of the acting person, as the pages show them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hunfly_box.inbox import objects
from hunfly_box.kit.database import TenantTransaction

TEXTS = """
SELECT d.conversation_id, d.text FROM app.drafts d
WHERE d.tenant_id = app.tenant_id() AND d.user_id = :user_id AND d.conversation_id = ANY (:ids)
"""
ONE = """
SELECT d.kind, d.text, d.quoted_id FROM app.drafts d
WHERE d.tenant_id = app.tenant_id() AND d.user_id = :user_id AND d.conversation_id = :conversation_id
"""


def texts(tx: TenantTransaction, ids: Sequence[UUID]) -> dict[str, str]:
    found = tx.all(dict[str, Any], TEXTS, ids=list(ids), user_id=tx.scope.user_id)
    return {str(row["conversation_id"]): row["text"] for row in found}


def draft(tx: TenantTransaction, conversation_id: UUID) -> dict[str, Any] | None:
    found = tx.maybe(dict[str, Any], ONE, conversation_id=conversation_id, user_id=tx.scope.user_id)
    if found is None:
        return None
    return {"text": found["text"], "mode": found["kind"], "quoted": _quoted(tx, found["quoted_id"])}


def _quoted(tx: TenantTransaction, message_id: UUID | None) -> dict[str, Any] | None:
    found = objects.messages(tx, [message_id]) if message_id else []
    if not found:
        return None
    return {"id": found[0].id, "text": found[0].text, "author": {"name": found[0].author.name}}
