"""Taking a message back, for everyone. The row stays and tells that something was said."""

from uuid import UUID

from hunfly_box.inbox import events
from hunfly_box.inbox.commands.owning import lock_own_message
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.outbound import commands as outbound

DELETE = "UPDATE app.messages SET deleted_at = now() WHERE tenant_id = app.tenant_id() AND id = :id"


def delete(tx: TenantTransaction, message_id: UUID) -> None:
    message = lock_own_message(tx, message_id)
    if message.deleted_at is not None:
        return
    if message.type != "note":
        outbound.delete_for_everyone(tx, message_id, user_id=tx.scope.user_id)
        return
    tx.execute(DELETE, id=message_id)
    events.message_changed(tx, message_id, message.conversation_id)
