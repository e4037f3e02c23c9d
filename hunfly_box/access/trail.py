"""Lines of the audit log about who came in and what they may do; written after the fact, in the tenant's own log."""

from uuid import UUID

from hunfly_box.audit import commands as audit
from hunfly_box.kit.database import Database, Scope


def note(
    database: Database, scope: Scope, action: str, *, object_kind: str = "user", object_id: UUID | str | None = None
) -> None:
    """Those at box and reseller desks leave no line here: they touch no tenant's content."""
    with database.transaction(scope) as tx:
        audit.record(tx, action, object_kind=object_kind, object_id=object_id or scope.user_id)
