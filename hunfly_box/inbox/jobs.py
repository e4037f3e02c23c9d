"""What the inbox does by the clock."""

from uuid import UUID

from msgspec import Struct

from hunfly_box.bootstrap import Resources
from hunfly_box.inbox.commands import resolving
from hunfly_box.kit.database import Scope
from hunfly_box.kit.errors import NotFound

AT_ONCE = 200
DUE = "SELECT tenant_id, conversation_id FROM app.due_snoozes(:at_most)"


class Due(Struct, frozen=True):
    tenant_id: UUID
    conversation_id: UUID


def wake_snoozed(resources: Resources) -> int:
    """Opens the conversations whose time has come, each in a transaction of its own. Returns how many were due."""
    with resources.database.fenced() as tx:
        due = tx.all(Due, DUE, at_most=AT_ONCE)
    for item in due:
        try:
            with resources.database.transaction(Scope.system(item.tenant_id)) as tenant_tx:
                resolving.wake(tenant_tx, item.conversation_id)
        except NotFound:
            # Joined into another conversation meanwhile; the row that is left has its own time.
            continue
    return len(due)
