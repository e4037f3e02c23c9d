"""Who looks after a conversation."""

from uuid import UUID

from hunfly_box.inbox import events, rows
from hunfly_box.inbox.commands.telling import name_of, tell
from hunfly_box.inbox.outgoing import invalid
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.i18n import mark

ASSIGN = "UPDATE app.conversations SET assignee_id = :user_id WHERE tenant_id = app.tenant_id() AND id = :id"
IS_MEMBER = """
SELECT EXISTS (SELECT 1 FROM app.memberships
               WHERE tenant_id = app.tenant_id() AND user_id = :user_id AND is_active)
"""
TAKEN = mark("%(who)s assumiu a conversa")
GIVEN = mark("%(who)s passou a conversa para %(to)s")
RETURNED = mark("%(who)s devolveu a conversa para a fila")


def assign(tx: TenantTransaction, conversation_id: UUID, user_id: UUID | None) -> None:
    """None gives it back to the queue. An agent may hand over what they see, and then see it no more."""
    conversation = rows.lock_conversation(tx, conversation_id)
    if conversation.assignee_id == user_id:
        return
    if user_id is not None and not tx.scalar(IS_MEMBER, user_id=user_id):
        raise invalid("assignee_id", "unknown", "Nobody of this team has that id.")
    with tx.as_system():
        tx.execute(ASSIGN, id=conversation_id, user_id=user_id)
        _tell(tx, conversation_id, user_id)
    events.conversation_changed(tx, conversation_id)


def claim(tx: TenantTransaction, conversation: rows.LockedConversation) -> None:
    """Whoever answers looks after it. Groups are given to nobody by themselves."""
    if conversation.assignee_id is None and not conversation.is_group and tx.scope.user_id is not None:
        tx.execute(ASSIGN, id=conversation.id, user_id=tx.scope.user_id)


def _tell(tx: TenantTransaction, conversation_id: UUID, user_id: UUID | None) -> None:
    who = name_of(tx, tx.scope.user_id)
    if user_id is None:
        tell(tx, conversation_id, RETURNED, icon="user-plus", who=who)
    elif user_id == tx.scope.user_id:
        tell(tx, conversation_id, TAKEN, icon="user-plus", who=who)
    else:
        tell(tx, conversation_id, GIVEN, icon="user-plus", who=who, to=name_of(tx, user_id))
