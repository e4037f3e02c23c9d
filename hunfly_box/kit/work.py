"""Work rows: everything that must be done once and may wait. The queue only rings; the row is the work.

A row is claimed with a lease and a fencing token, tried again with growing delays, and parked when it cannot be done.
"""

import json
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.database import Database, Scope, TenantTransaction
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.leases import LeaseKeeper
from hunfly_box.kit.retry_budget import Line, RetryBudget

RETRY_BASE_SECONDS = 2.0
RETRY_CAP_SECONDS = 900.0
MOST_ATTEMPTS = 8
MOST_DEATHS = 3
POISON = "poison: the worker died each time"
LEASE_SECONDS = 60.0
MOST_ERROR_LETTERS = 300

# resources, tenant, payload
Handler = Callable[[Any, UUID, dict[str, Any]], None]
log = logging.getLogger(__name__)


class RetryLater(Exception):
    """Not now. Without `after_seconds` the usual growing delay applies."""

    def __init__(self, reason: str, *, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = after_seconds


class GiveUp(Exception):
    """Trying again changes nothing."""

    permanent = True


@dataclass(frozen=True, slots=True)
class WorkKind:
    """`max_attempts` wins over the row's own. `on_parked` tells the people concerned that it will not be done.

    `asks_provider`: its retries have a budget, for the channel that the payload names.
    """

    handler: Handler
    lease_seconds: float = LEASE_SECONDS
    max_attempts: int | None = None
    asks_provider: bool = False
    on_parked: Handler | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    id: UUID
    kind: str
    payload: dict[str, Any]
    attempts: int
    max_attempts: int
    crash_count: int
    lease_token: int

    @property
    def call(self) -> str:
        """Its name in the retry budget."""
        return f"{self.id} {self.attempts}"


def retry_delay(attempts: int, *, base: float = RETRY_BASE_SECONDS, cap: float = RETRY_CAP_SECONDS) -> float:
    """After the nth attempt: doubled each time, capped, and spread so that a crowd does not come back together."""
    return min(cap, base * 2.0 ** min(max(0, attempts - 1), 40)) * random.uniform(0.5, 1.5)  # noqa: S311 - spread, not secrecy


def put_work(
    tx: TenantTransaction,
    kind: str,
    dedup_key: str,
    payload: Mapping[str, Any] | None = None,
    *,
    run_in_seconds: float = 0.0,
    max_attempts: int = MOST_ATTEMPTS,
    priority: int = 5,
) -> UUID | None:
    """None when the same work is already waiting or running."""
    work_id: UUID | None = tx.scalar(
        PUT,
        tenant_id=tx.tenant_id,
        id=new_id(),
        kind=kind,
        dedup_key=dedup_key,
        payload=json.dumps(payload or {}),
        run_in=run_in_seconds,
        max_attempts=max_attempts,
        priority=priority,
    )
    if work_id is not None and run_in_seconds <= 0:
        tx.announce(Ring(kind, tx.tenant_id, work_id))
    return work_id


class WorkRunner:
    """Claims a row, runs its handler outside any transaction, and records what came of it."""

    def __init__(
        self, database: Database, resources: Any, kinds: Mapping[str, WorkKind], keeper: LeaseKeeper, owner: str
    ) -> None:
        self._database = database
        self._resources = resources
        self._kinds = kinds
        self._keeper = keeper
        self._owner = owner
        self._budget = RetryBudget(resources.redis)

    def run(self, tenant_id: UUID, work_id: UUID) -> None:
        """Does nothing when the row is done, taken, or not due: rings may come twice and late."""
        claim = self._claim(tenant_id, work_id)
        if claim is None:
            return
        kind = self._kinds[claim.kind]
        most_attempts = kind.max_attempts or claim.max_attempts
        if claim.crash_count >= MOST_DEATHS or claim.attempts > most_attempts:
            # It must not take more of them along.
            self._park(tenant_id, claim, POISON)
            return
        line = Line(tenant_id, claim.payload.get("channel_id", ""), claim.kind) if kind.asks_provider else None
        if line is not None and not self._may_ask(tenant_id, claim, line):
            return
        try:
            with self._keeper.held(lambda: self._extend(tenant_id, claim, kind.lease_seconds), kind.lease_seconds / 3):
                kind.handler(self._resources, tenant_id, claim.payload)
        except Exception as error:  # noqa: BLE001 - the job runner: whatever it was, the row keeps it
            is_well = getattr(error, "permanent", False)
            self._failed(tenant_id, claim, error, is_last=claim.attempts >= most_attempts)
        else:
            is_well = True
            self._write(tenant_id, claim, FINISH)
        if line is not None and claim.attempts > 1:
            self._budget.told(line, claim.call, is_well=is_well)

    def _may_ask(self, tenant_id: UUID, claim: Claim, line: Line) -> bool:
        if claim.attempts == 1:
            self._budget.count_first(line)
            return True
        seconds = self._budget.seconds_until_again(line, claim.call)
        if seconds:
            self._write(tenant_id, claim, POSTPONE, delay=seconds)
        return not seconds

    def _claim(self, tenant_id: UUID, work_id: UUID) -> Claim | None:
        with self._database.transaction(Scope.system(tenant_id)) as tx:
            kind = tx.scalar(KIND_OF, tenant_id=tenant_id, id=work_id)
            if kind not in self._kinds:
                return None
            lease = self._kinds[kind].lease_seconds
            return tx.maybe(Claim, CLAIM, tenant_id=tenant_id, id=work_id, owner=self._owner, lease=lease)

    def _failed(self, tenant_id: UUID, claim: Claim, error: Exception, *, is_last: bool) -> None:
        reason = _described(error)
        if getattr(error, "permanent", False) or is_last:
            self._park(tenant_id, claim, reason)
            return
        asked: float | None = getattr(error, "retry_after", None)
        delay = asked if asked is not None else retry_delay(claim.attempts)
        log.info("%s will be tried again in %.1f s: %s", claim.kind, delay, reason)
        self._write(tenant_id, claim, RETRY, delay=delay, error=reason)

    def _park(self, tenant_id: UUID, claim: Claim, reason: str) -> None:
        log.warning("%s %s is parked after %d attempts: %s", claim.kind, claim.id, claim.attempts, reason)
        on_parked = self._kinds[claim.kind].on_parked
        if self._write(tenant_id, claim, PARK, error=reason) and on_parked is not None:
            on_parked(self._resources, tenant_id, claim.payload)

    def _extend(self, tenant_id: UUID, claim: Claim, lease_seconds: float) -> None:
        self._write(tenant_id, claim, EXTEND, lease=lease_seconds)

    def _write(self, tenant_id: UUID, claim: Claim, sql: str, **params: Any) -> bool:
        """Fenced: a worker whose lease was taken over writes nothing."""
        with self._database.transaction(Scope.system(tenant_id)) as tx:
            return tx.execute(sql, tenant_id=tenant_id, id=claim.id, token=claim.lease_token, **params) == 1


def _described(error: Exception) -> str:
    """Database errors quote values, which may be what a customer wrote; of those only the kind is kept."""
    if isinstance(error, SQLAlchemyError):
        return type(error).__name__
    return f"{type(error).__name__}: {error}"[:MOST_ERROR_LETTERS]


PUT = """
INSERT INTO app.work (tenant_id, id, kind, dedup_key, payload, run_at, max_attempts, priority)
VALUES (:tenant_id, :id, :kind, :dedup_key, CAST(:payload AS jsonb),
        now() + make_interval(secs => :run_in), :max_attempts, :priority)
ON CONFLICT (tenant_id, kind, dedup_key) WHERE state IN ('queued', 'claimed') DO NOTHING
RETURNING id
"""
KIND_OF = "SELECT kind FROM app.work WHERE tenant_id = :tenant_id AND id = :id"
CLAIM = """
UPDATE app.work SET state = 'claimed', attempts = attempts + 1, lease_owner = :owner, lease_token = lease_token + 1,
                    lease_until = now() + make_interval(secs => :lease),
                    crash_count = crash_count + CAST(state = 'claimed' AS integer)
WHERE tenant_id = :tenant_id AND id = :id
  AND ((state = 'queued' AND run_at <= now()) OR (state = 'claimed' AND lease_until < now()))
RETURNING id, kind, payload, attempts, max_attempts, crash_count, lease_token
"""
MINE = "WHERE tenant_id = :tenant_id AND id = :id AND state = 'claimed' AND lease_token = :token"
FINISH = f"UPDATE app.work SET state = 'done', finished_at = now(), lease_until = NULL, last_error = NULL {MINE}"
RETRY = f"""
UPDATE app.work SET state = 'queued', run_at = now() + make_interval(secs => :delay), lease_until = NULL,
                    last_error = :error {MINE}
"""
POSTPONE = f"""
UPDATE app.work SET state = 'queued', attempts = attempts - 1, run_at = now() + make_interval(secs => :delay),
                    lease_until = NULL {MINE}
"""
PARK = f"UPDATE app.work SET state = 'parked', finished_at = now(), lease_until = NULL, last_error = :error {MINE}"
EXTEND = f"UPDATE app.work SET lease_until = now() + make_interval(secs => :lease) {MINE}"
