"""Whose message it is: agents change only what they wrote themselves."""

from uuid import UUID

from hunfly_box.inbox import rows
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import Forbidden

# These change what colleagues wrote, too.
SENIOR_ROLES = ("tenant_admin", "manager", "system")


def lock_own_message(tx: TenantTransaction, message_id: UUID) -> rows.LockedMessage:
    message = rows.lock_message(tx, message_id)
    is_own = message.author_kind == "user" and message.author_id == tx.scope.user_id
    if not is_own and tx.scope.role not in SENIOR_ROLES:
        raise Forbidden("Only what you wrote yourself.")
    return message
