"""Another text for a message that was sent, or for a note."""

from uuid import UUID

from hunfly_box.inbox import events, outgoing
from hunfly_box.inbox.commands.owning import lock_own_message
from hunfly_box.inbox.outgoing import Outgoing
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.ids import new_id
from hunfly_box.outbound import commands as outbound

KEEP_REVISION = """
INSERT INTO app.message_revisions (tenant_id, id, message_id, text, replaced_by)
VALUES (app.tenant_id(), :id, :message_id, :text, :user_id)
"""
REWRITE = """
UPDATE app.messages SET text = :text, edited_at = now() WHERE tenant_id = app.tenant_id() AND id = :id
"""


def edit(tx: TenantTransaction, message_id: UUID, text: str) -> None:
    outgoing.check(Outgoing(type="text", text=text))
    message = lock_own_message(tx, message_id)
    if message.type != "note" or message.deleted_at is not None:
        outbound.edit(tx, message_id, text, user_id=tx.scope.user_id)
        return
    if text == message.text:
        return
    tx.execute(KEEP_REVISION, id=new_id(), message_id=message_id, text=message.text, user_id=tx.scope.user_id)
    tx.execute(REWRITE, id=message_id, text=text)
    events.message_changed(tx, message_id, message.conversation_id)
