"""Deliveries whose fate is unknown: looks for proof for two minutes, then leaves the decision to a person.

It never sends. A proof that comes later still counts.
"""

import logging
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import queries as channel_queries
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.database import Scope
from hunfly_box.kit.job_queue import JobQueue
from hunfly_box.kit.work import RetryLater
from hunfly_box.outbound import composing, evidence, recording
from hunfly_box.outbound.claiming import Claim
from hunfly_box.outbound.commands import DELIVER
from hunfly_box.outbound.evidence import Wanted
from hunfly_box.outbound.recording import LOOK_SECONDS
from hunfly_box.providers.messenger import ProviderError, Refused

PROOF_WITHIN_SECONDS = 120.0
# Where the engine was away for the whole two minutes, its store may still tell an hour later.
LOOK_AGAIN_FOR_SECONDS = 3600.0
LOOK_AGAIN_EVERY_SECONDS = 300.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GivenUp:
    id: UUID
    message_id: UUID
    conversation_id: UUID
    channel_id: UUID
    attempts: int
    dispatched_at: datetime
    dispatched_ago: float


class Reconciling:
    def __init__(self, resources: Resources, queue: JobQueue) -> None:
        self._resources = resources
        self._database = resources.database
        self._queue = queue

    def look(self, claim: Claim) -> None:
        """One look at a dispatched delivery whose worker is gone or got no answer."""
        if claim.dispatched_at is None or claim.dispatched_ago is None:
            raise ValueError("a dispatched delivery without its moment")
        if self._settle(claim, claim.dispatched_at):
            self._come_back(claim, 0.0)
            return
        seconds_left = PROOF_WITHIN_SECONDS - claim.dispatched_ago
        is_over = seconds_left <= 0
        with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
            if is_over:
                recording.unconfirmed(tx, claim)
            else:
                recording.looking(tx, claim)
        if not is_over:
            self._come_back(claim, min(LOOK_SECONDS, seconds_left))

    def look_at_given_up(self, tenant_id: UUID, conversation_id: UUID) -> None:
        """A late echo: by what has come in, without asking the engine."""
        with self._database.transaction(Scope.system(tenant_id)) as tx:
            for row in tx.all(GivenUp, GIVEN_UP, tenant_id=tenant_id, conversation_id=conversation_id):
                want = evidence.wanted(tx, row.message_id, row.dispatched_at)
                provider_id = evidence.from_echoes(tx, want) if want is not None else None
                if provider_id is not None:
                    recording.accepted(tx, evidence.claim_of(tenant_id, row), provider_id)

    def look_again(self, tenant_id: UUID, payload: dict[str, Any]) -> None:
        with self._database.transaction(Scope.system(tenant_id)) as tx:
            row = tx.maybe(GivenUp, ONE_GIVEN_UP, tenant_id=tenant_id, id=payload["delivery_id"])
        if row is None or self._settle(evidence.claim_of(tenant_id, row), row.dispatched_at):
            return
        if row.dispatched_ago < LOOK_AGAIN_FOR_SECONDS:
            raise RetryLater("no proof yet", after_seconds=LOOK_AGAIN_EVERY_SECONDS)

    def _settle(self, claim: Claim, dispatched_at: datetime) -> bool:
        """Whether proof was found, and adopted."""
        with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
            want = evidence.wanted(tx, claim.message_id, dispatched_at)
            if want is None:
                return recording.accepted(tx, claim, None)
            provider_id = evidence.from_echoes(tx, want)
            if provider_id is not None:
                return recording.accepted(tx, claim, provider_id)
        found = self._ask_engine(claim, want)
        if not found:
            return False
        with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
            provider_id = evidence.unclaimed(tx, found)
            return provider_id is not None and recording.accepted(tx, claim, provider_id)

    def _ask_engine(self, claim: Claim, want: Wanted) -> list[str]:
        with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
            draft = composing.read_draft(tx, claim.message_id)
            line = channel_queries.line(tx, claim.channel_id)
        try:
            with closing(composing.messenger(self._resources, claim.tenant_id, line)) as messenger:
                return evidence.stored(messenger, want, draft.to.raw)
        except Refused as refusal:
            log.info("the engine does not tell about delivery %s: %s", claim.id, refusal.code)
        except ProviderError as error:
            log.info("the engine does not tell about delivery %s: %s", claim.id, error)
        return []

    def _come_back(self, claim: Claim, seconds: float) -> None:
        self._queue.ring_later(Ring(DELIVER, claim.tenant_id, claim.conversation_id, is_urgent=True), seconds)


AGO = "CAST(extract(epoch FROM clock_timestamp() - d.dispatched_at) AS double precision) AS dispatched_ago"
GIVEN_UP = f"""
SELECT d.id, d.message_id, d.conversation_id, d.channel_id, d.attempts, d.dispatched_at, {AGO}
FROM app.deliveries d JOIN app.messages m ON m.tenant_id = d.tenant_id AND m.id = d.message_id
WHERE d.tenant_id = :tenant_id AND d.conversation_id = :conversation_id AND d.state = 'unconfirmed'
  AND m.provider_id IS NULL AND d.dispatched_at > now() - interval '1 day' ORDER BY d.created_at
"""
ONE_GIVEN_UP = f"""
SELECT d.id, d.message_id, d.conversation_id, d.channel_id, d.attempts, d.dispatched_at, {AGO} FROM app.deliveries d
WHERE d.tenant_id = :tenant_id AND d.id = :id AND d.state = 'unconfirmed' AND d.dispatched_at IS NOT NULL
"""
