"""Writes one line of the audit log, in the transaction of what it tells about."""

import json
from typing import Any
from uuid import UUID

from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.ids import new_id

INSERT = """
INSERT INTO app.audit (tenant_id, id, actor_id, actor, action, object_kind, object_id, details)
VALUES (:tenant_id, :id, :actor_id,
        coalesce((SELECT m.name FROM app.memberships m WHERE m.tenant_id = :tenant_id AND m.user_id = :actor_id),
                 :role),
        :action, :object_kind, :object_id, CAST(:details AS jsonb))
"""


def record(
    tx: TenantTransaction,
    action: str,
    *,
    object_kind: str | None = None,
    object_id: UUID | str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """`action` is a stable word such as `contact.blocked`; details hold ids and names of fields, never content."""
    tx.execute(
        INSERT,
        tenant_id=tx.tenant_id,
        id=new_id(),
        actor_id=tx.scope.user_id,
        role=tx.scope.role,
        action=action,
        object_kind=object_kind,
        object_id=None if object_id is None else str(object_id),
        details=json.dumps(details or {}),
    )
