"""What people do with the journal: replay after a repair, or discard. Replaying twice changes nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from hunfly_box.bootstrap import Resources
from hunfly_box.ingest import queries
from hunfly_box.ingest.announcing import plain_changes_of, rare_changes_of, rings_of
from hunfly_box.ingest.connection import PATIENT_SECONDS, Away, IngestConnection
from hunfly_box.ingest.received import Part, Received, parts_of, received
from hunfly_box.ingest.routes import Routes
from hunfly_box.ingest.storing import Stored, Storer
from hunfly_box.kit.database import Database, Event, Scope, TenantTransaction
from hunfly_box.kit.http import Unavailable
from hunfly_box.providers.evolution import parsing

AT_ONCE = 100

REPLAYED = """
UPDATE app.journal SET state = :state, reason = :reason, replayed_at = now()
WHERE tenant_id = app.tenant_id() AND id = :id AND state <> 'discarded'
"""
DISCARDED = """
UPDATE app.journal SET state = 'discarded', reason = :reason, replayed_at = now()
WHERE tenant_id = app.tenant_id() AND id = :id AND state = 'parked'
"""


@dataclass(slots=True)
class Replayed:
    """How many entries went which way."""

    done: int = 0
    ignored: int = 0
    parked: int = 0
    gone: int = 0
    events: list[Event] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return {"done": self.done, "ignored": self.ignored, "parked": self.parked, "gone": self.gone}


def replay_parked(resources: Resources, tenant_id: UUID, reason: str | None = None) -> Replayed:
    """Everything parked, or of one reason; oldest first, each entry once."""
    before: UUID | None = None
    ids: list[UUID] = []
    while True:
        with resources.database.transaction(Scope.system(tenant_id)) as tx:
            page = queries.entries(tx, reason=reason, before=before, limit=queries.MOST_LISTED)
        ids += [entry.id for entry in page]
        if len(page) < queries.MOST_LISTED:
            return replay(resources, tenant_id, ids[::-1])
        before = page[-1].id


def replay(resources: Resources, tenant_id: UUID, entry_ids: Sequence[UUID]) -> Replayed:
    """Through the same function as when it came. Raises NotFound for an entry of somebody else, Unavailable."""
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        for entry_id in entry_ids[:1]:
            queries.entry(tx, entry_id)
    database = Database(resources.logins.ingest, pool_size=1)
    try:
        routes = Routes(database, resources.sealer)
        routes.refresh()
        outcome = asyncio.run(_replay(resources, routes, tenant_id, entry_ids))
    except (Away, psycopg.OperationalError) as error:
        raise Unavailable("The database does not answer.") from error
    finally:
        database.close()
    if outcome.events:
        resources.database.publish(outcome.events)
    return outcome


async def _replay(resources: Resources, routes: Routes, tenant_id: UUID, entry_ids: Sequence[UUID]) -> Replayed:
    outcome = Replayed()

    def keep(stored: Stored) -> None:
        outcome.events.extend([*plain_changes_of(stored), *rare_changes_of(stored), *rings_of(stored)])

    storer = Storer(IngestConnection(resources.logins.ingest, PATIENT_SECONDS), keep)
    await storer.connection.open()
    try:
        for entry_id in entry_ids:
            with resources.database.transaction(Scope.system(tenant_id)) as tx:
                one = _received(tx, routes, entry_id)
            if one is None:
                outcome.gone += 1
                continue
            for part in parts_of(one):
                # Its journal row is there already: it is updated below, not written anew.
                await storer.store([Part(one, part.events, is_last=False)])
            with resources.database.transaction(Scope.system(tenant_id)) as tx:
                tx.execute(REPLAYED, id=entry_id, state=one.state, reason=one.reason)
            setattr(outcome, one.state, getattr(outcome, one.state) + 1)
    finally:
        await storer.connection.close()
    return outcome


def _received(tx: TenantTransaction, routes: Routes, entry_id: UUID) -> Received | None:
    kept = queries.entry(tx, entry_id)
    channel = routes.of_id(kept.channel_id)
    if channel is None:
        return None
    delivery, body = parsing.read_and_redact(bytes(kept.body))
    one = received(channel, delivery, body, kept.received_at.timestamp())
    one.journal_id = str(entry_id)
    return one


def discard(tx: TenantTransaction, entry_id: UUID, reason: str) -> bool:
    """False when it was not parked."""
    queries.entry(tx, entry_id)
    return tx.execute(DISCARDED, id=entry_id, reason=reason[:200]) > 0
