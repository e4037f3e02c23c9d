"""Open, snoozed, resolved: a conversation's way round."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hunfly_box.inbox import events, rows
from hunfly_box.inbox.commands import rounds
from hunfly_box.inbox.commands.telling import name_of, tell
from hunfly_box.inbox.outgoing import invalid
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.i18n import mark

SET_STATUS = """
UPDATE app.conversations SET status = :status, snoozed_until = :until WHERE tenant_id = app.tenant_id() AND id = :id
"""
# Nobody waits for us in what is resolved.
RESOLVE = """
UPDATE app.conversations SET status = 'resolved', snoozed_until = NULL, waiting_since = NULL
WHERE tenant_id = app.tenant_id() AND id = :id
"""
RESOLVED = mark("%(who)s resolveu a conversa")
REOPENED = mark("%(who)s reabriu a conversa")
SNOOZED = mark("%(who)s adiou a conversa")
WOKEN = mark("O adiamento terminou")

# The last days of the calendar cannot be told in every zone.
LONGEST_SNOOZE = timedelta(days=36_525)


def resolve(tx: TenantTransaction, conversation_id: UUID) -> None:
    conversation = rows.lock_conversation(tx, conversation_id)
    if conversation.status == "resolved":
        return
    tx.execute(RESOLVE, id=conversation_id)
    rounds.close_round(tx, conversation_id)
    tell(tx, conversation_id, RESOLVED, icon="check", who=name_of(tx, tx.scope.user_id))
    events.conversation_changed(tx, conversation_id)


def reopen(tx: TenantTransaction, conversation_id: UUID) -> None:
    """Also wakes a snoozed one. Reopening what one has just resolved undoes that."""
    conversation = rows.lock_conversation(tx, conversation_id)
    if conversation.status == "open":
        return
    open_again(tx, conversation)
    tell(tx, conversation_id, REOPENED, icon="refresh-cw", who=name_of(tx, tx.scope.user_id))
    events.conversation_changed(tx, conversation_id)


def snooze(tx: TenantTransaction, conversation_id: UUID, until: datetime) -> None:
    conversation = rows.lock_conversation(tx, conversation_id)
    if until.tzinfo is None or not timedelta() < until - datetime.now(UTC) <= LONGEST_SNOOZE:
        raise invalid("snoozed_until", "value", "A moment within the next hundred years, with its offset from UTC.")
    if conversation.status == "snoozed" and conversation.snoozed_until == until:
        return
    if conversation.status == "resolved":
        rounds.open_round(tx, conversation_id)
    tx.execute(SET_STATUS, id=conversation_id, status="snoozed", until=until)
    tell(tx, conversation_id, SNOOZED, icon="alarm-clock", who=name_of(tx, tx.scope.user_id))
    events.conversation_changed(tx, conversation_id)


def wake(tx: TenantTransaction, conversation_id: UUID) -> None:
    """Does nothing to one that somebody opened, resolved or snoozed anew meanwhile."""
    conversation = rows.lock_conversation(tx, conversation_id)
    is_due = conversation.snoozed_until is not None and conversation.snoozed_until <= datetime.now(UTC)
    if conversation.status != "snoozed" or not is_due:
        return
    open_again(tx, conversation)
    tell(tx, conversation_id, WOKEN, icon="alarm-clock")
    events.conversation_changed(tx, conversation_id)


def open_again(tx: TenantTransaction, conversation: rows.LockedConversation) -> None:
    tx.execute(SET_STATUS, id=conversation.id, status="open", until=None)
    if conversation.status == "resolved" and not rounds.undo_close(tx, conversation.id):
        rounds.open_round(tx, conversation.id)
