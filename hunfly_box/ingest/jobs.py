"""What the workers do for the way in: empty the spill, show echoes nobody of ours sent."""

from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.ingest import spill
from hunfly_box.ingest.announcing import RING
from hunfly_box.kit.announcing import Changed, Ring
from hunfly_box.kit.database import Event, Scope
from hunfly_box.kit.job_queue import Job, Timed

WITH_ECHOES = "SELECT app.settle_echoes(:tenant)"
TENANTS = "SELECT * FROM app.active_tenants()"


def drain(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
    spill.drain_once(resources)


def settle(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
    with resources.database.fenced() as tx:
        tenants: list[UUID] = tx.scalars(TENANTS)
    for tenant in tenants:
        with resources.database.transaction(Scope.system(tenant)) as tx:
            for event in events_of(tx.scalar(WITH_ECHOES, tenant=tenant)):
                tx.announce(event)


def events_of(changes: list[list[str]]) -> list[Event]:
    """The lines that app.settle_echoes, app.apply_pending and their like return."""
    found: list[Event] = []
    for kind, tenant, entity, *rest in changes:
        if kind == RING:
            found.append(Ring(entity, UUID(tenant), UUID(rest[0])))
        elif kind == "message":
            conversation = UUID(rest[0])
            found.append(Changed(UUID(tenant), "message", UUID(entity), conversation))
            found.append(Changed(UUID(tenant), "conversation", conversation, conversation))
    return found


JOBS = {"ingest.drain": Job(drain), "ingest.settle": Job(settle)}
TIMETABLE = (Timed("ingest.drain", 1.0), Timed("ingest.settle", 30.0))
