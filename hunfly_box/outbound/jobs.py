"""The names by which outbound's work is rung for."""

from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.database import Scope
from hunfly_box.kit.job_queue import Job
from hunfly_box.kit.work import WorkKind
from hunfly_box.outbound import receipts
from hunfly_box.outbound.commands import CHANNEL_CHANGED, CHANNEL_DOWN, DELIVER, MARK_READ
from hunfly_box.outbound.courier import Courier
from hunfly_box.outbound.recording import LOOK_AGAIN

RECONCILE = "outbound.reconcile"
TYPING = "outbound.typing"


def jobs(courier: Courier) -> dict[str, Job]:
    return {
        DELIVER: Job(courier.deliver, is_slow=True),
        RECONCILE: Job(courier.reconcile, is_slow=True),
        CHANNEL_CHANGED: Job(channel_changed),
        TYPING: Job(receipts.show_typing, is_slow=True),
    }


def work(courier: Courier) -> dict[str, WorkKind]:
    def look_again(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
        courier.look_again(tenant_id, payload)

    return {
        MARK_READ: WorkKind(receipts.mark_read, lease_seconds=60, max_attempts=3, asks_provider=True),
        LOOK_AGAIN: WorkKind(look_again, lease_seconds=60),
    }


def channel_changed(resources: Resources, tenant_id: UUID, channel_id: UUID) -> None:
    """The number is back: every line that waited for it goes on, the longest waiting first."""
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        for conversation_id in tx.scalars(WAITING, tenant_id=tenant_id, channel_id=channel_id, code=CHANNEL_DOWN):
            tx.announce(Ring(DELIVER, tenant_id, conversation_id, is_urgent=True))


WAITING = """
SELECT d.conversation_id FROM app.deliveries d
JOIN app.channels c ON c.tenant_id = d.tenant_id AND c.id = d.channel_id AND c.state = 'open'
WHERE d.tenant_id = :tenant_id AND d.channel_id = :channel_id AND d.state = 'queued' AND d.error_code = :code
GROUP BY d.conversation_id ORDER BY min(d.created_at)
"""
