"""What a stored batch tells screens and workers, by ids."""

from collections.abc import Iterator
from uuid import UUID

from hunfly_box.ingest.storing import Stored
from hunfly_box.kit.announcing import Changed, Ring

RING = "ring"
STATUS = "status"


def rings_of(stored: Stored) -> list[Ring]:
    return [
        Ring(change[2], UUID(change[1]), UUID(change[3]))
        for change in stored.answer.summary.changes
        if change[0] == RING
    ]


def rare_changes_of(stored: Stored) -> list[Changed]:
    """What did not take the set-based road; those who show it read it again."""
    found: dict[Changed, None] = {}
    for kind, tenant_id, entity_id, *rest in stored.answer.summary.changes:
        if kind in (RING, STATUS):
            continue
        conversation_id = UUID(rest[0]) if rest else None
        found[Changed(UUID(tenant_id), kind, UUID(entity_id), conversation_id)] = None
        if kind == "message" and conversation_id is not None:
            found[Changed(UUID(tenant_id), "conversation", conversation_id, conversation_id)] = None
    return list(found)


def plain_changes_of(stored: Stored) -> Iterator[Changed]:
    """What took the set-based road: plain inbound messages, their conversations, statuses. Unread, it costs nothing."""
    batch, summary = stored.batch, stored.answer.summary
    conversations = summary.conversations or batch.conversations
    touched: dict[Changed, None] = {}
    for row in stored.inserted():
        conversation_id = UUID(conversations[row.conversation - 1] or "")
        tenant_id = row.part.channel.tenant_id
        yield Changed(tenant_id, "message", UUID(row.id), conversation_id)
        touched[Changed(tenant_id, "conversation", conversation_id, conversation_id)] = None
    yield from touched
    for change in summary.changes:
        if change[0] == STATUS:
            yield Changed(UUID(change[1]), "message", UUID(change[2]), UUID(change[3]))
