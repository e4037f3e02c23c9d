"""Private notes: for our own people, never sent anywhere."""

from uuid import UUID

from hunfly_box.inbox import outgoing, rows
from hunfly_box.inbox.commands import drafting, replying
from hunfly_box.inbox.outgoing import Outgoing
from hunfly_box.kit.database import TenantTransaction


def note(tx: TenantTransaction, conversation_id: UUID, message: Outgoing, *, client_key: str | None = None) -> UUID:
    """Changes neither who looks after the conversation nor whether it waits for us. Returns the message's id."""
    outgoing.check(message)
    conversation = rows.lock_conversation(tx, conversation_id)
    message_id = replying.write(tx, conversation, message, status=None, client_key=client_key)
    drafting.forget(tx, conversation_id, kind="note")
    return message_id
