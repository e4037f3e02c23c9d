"""Several changes of one conversation at once, all or none."""

from datetime import datetime
from uuid import UUID

from msgspec import UNSET, UnsetType

from hunfly_box.inbox import rows
from hunfly_box.inbox.commands import assigning, labelling, resolving
from hunfly_box.inbox.filters import STATUSES
from hunfly_box.inbox.outgoing import invalid
from hunfly_box.kit.database import TenantTransaction


def change(
    tx: TenantTransaction,
    conversation_id: UUID,
    *,
    status: str | UnsetType = UNSET,
    snoozed_until: datetime | None | UnsetType = UNSET,
    assignee_id: UUID | None | UnsetType = UNSET,
    labels: list[UUID] | UnsetType = UNSET,
) -> None:
    """Handing over comes last: after it an agent may see the conversation no more. Raises NotFound."""
    conversation = rows.lock_conversation(tx, conversation_id)
    if labels is not UNSET:
        labelling.set_labels(tx, conversation_id, labels)
    if status is not UNSET or snoozed_until is not UNSET:
        _change_status(tx, conversation, status, snoozed_until)
    if assignee_id is not UNSET:
        assigning.assign(tx, conversation_id, assignee_id)


def _change_status(
    tx: TenantTransaction,
    conversation: rows.LockedConversation,
    status: str | UnsetType,
    until: datetime | None | UnsetType,
) -> None:
    if status is UNSET:
        # A moment alone snoozes; none any more wakes who sleeps, and says nothing about anybody else.
        status = "snoozed" if until else "open" if conversation.status == "snoozed" else conversation.status
    if status not in STATUSES:
        raise invalid("status", "value", f"One of {', '.join(STATUSES)}.")
    if status == "snoozed":
        if until is UNSET or until is None:
            raise invalid("snoozed_until", "required", "Until when?")
        resolving.snooze(tx, conversation.id, until)
        return
    if until is not UNSET and until is not None:
        raise invalid("snoozed_until", "unexpected", "Only a snoozed conversation has it.")
    (resolving.resolve if status == "resolved" else resolving.reopen)(tx, conversation.id)
