"""Who may send what now: takes the head of one conversation's line, and gives it back when it cannot leave yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.crash import crash_point
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.outbound import undoing
from hunfly_box.outbound.commands import ASKS_FIRST, CHANNEL_DOWN

# Extended every third of it while the worker lives; a dead worker's line stands still no longer than this.
LEASE_SECONDS = 15.0
# One engine that hangs must not take all the threads.
MOST_AT_ONCE_PER_CHANNEL = 2
BUSY_CHANNEL_SECONDS = 0.5
MOST_DEATHS = 3
# A head that somebody finished in the same moment leaves no row behind; the next look finds the next one.
MOST_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Head:
    id: UUID
    message_id: UUID
    channel_id: UUID
    kind: str
    state: str
    attempts: int
    crash_count: int
    lane: str
    payload: dict[str, Any]
    error_code: str | None
    dispatched_at: datetime | None
    dispatched_ago: float | None
    lease_token: int
    is_leased: bool
    is_expired: bool
    starts_in: float
    channel_state: str
    is_deleted: bool
    in_flight: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery this worker holds. The token fences: whoever claims later holds a higher one."""

    tenant_id: UUID
    conversation_id: UUID
    id: UUID
    message_id: UUID
    channel_id: UUID
    kind: str
    lane: str
    payload: dict[str, Any]
    attempts: int
    token: int
    dispatched_at: datetime | None
    dispatched_ago: float | None  # seconds, by the database's clock
    is_dispatched: bool


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing to do now; look again then."""

    seconds: float


def take(tx: TenantTransaction, conversation_id: UUID, owner: str) -> Claim | Later | None:
    """The oldest open delivery of the conversation, if it may go now. None: nothing to do, or somebody else does it."""
    for _ in range(MOST_LOOKS):
        head = tx.maybe(Head, HEAD, tenant_id=tx.tenant_id, conversation_id=conversation_id)
        if head is None:
            if not tx.scalar(HAS_OPEN, tenant_id=tx.tenant_id, conversation_id=conversation_id):
                return None
            continue
        if head.is_leased:
            return None
        if head.state == "dispatching" and not _is_deadly(head):
            return _claimed(tx, conversation_id, head, owner, is_dispatched=True)
        if not _is_stepped_over(tx, conversation_id, head):
            return _take_queued(tx, conversation_id, head, owner)
    return Later(BUSY_CHANNEL_SECONDS)


def _take_queued(tx: TenantTransaction, conversation_id: UUID, head: Head, owner: str) -> Claim | Later | None:
    if head.channel_state != "open":
        _wait_for_channel(tx, conversation_id, head)
        return None
    if head.starts_in > 0 and head.error_code != CHANNEL_DOWN:
        return Later(head.starts_in)
    if head.in_flight >= MOST_AT_ONCE_PER_CHANNEL:
        return Later(BUSY_CHANNEL_SECONDS)
    return _claimed(tx, conversation_id, head, owner, is_dispatched=False)


def _is_stepped_over(tx: TenantTransaction, conversation_id: UUID, head: Head) -> bool:
    """True when this head will never leave by itself and the next in line has its turn."""
    if head.kind == "send" and head.is_deleted:
        tx.execute(END, tenant_id=tx.tenant_id, id=head.id, state="cancelled", code=None, detail=None)
        return True
    if _is_deadly(head):
        detail = "The worker stopped each time it was about to send this"
        tx.execute(END, tenant_id=tx.tenant_id, id=head.id, state="failed", code="outbound.poison", detail=detail)
        if head.kind == "send":
            _show(tx, conversation_id, head, "failed", "outbound.poison", detail)
        else:
            undoing.undo(tx, head, conversation_id, "unconfirmed")
        return True
    if head.is_expired:
        _ask_first(tx, conversation_id, head)
        return True
    return False


def _is_deadly(head: Head) -> bool:
    """A message that was on its way is looked for; any other act is done again, and may kill again."""
    has_died = head.state == "claimed" or (head.state == "dispatching" and head.kind != "send")
    return has_died and head.crash_count + 1 >= MOST_DEATHS


def _ask_first(tx: TenantTransaction, conversation_id: UUID, head: Head) -> None:
    """What was right to say this morning may be wrong now: a person decides. Other acts are simply too late."""
    state = "asking" if head.kind == "send" else "failed"
    detail = "It waited too long for the number"
    tx.execute(END, tenant_id=tx.tenant_id, id=head.id, state=state, code=ASKS_FIRST, detail=detail)
    if head.kind == "send":
        _show(tx, conversation_id, head, "waiting_channel", ASKS_FIRST, detail)
    else:
        undoing.undo(tx, head, conversation_id, "late")


def _wait_for_channel(tx: TenantTransaction, conversation_id: UUID, head: Head) -> None:
    """The whole line waits, in order. It is looked at again when the number is back, or when it has to ask."""
    if head.error_code == CHANNEL_DOWN and head.starts_in > 0:
        return
    tx.execute(WAIT_ALL, tenant_id=tx.tenant_id, conversation_id=conversation_id, code=CHANNEL_DOWN)
    waiting = tx.scalars(SHOW_WAITING, tenant_id=tx.tenant_id, conversation_id=conversation_id)
    for message_id in waiting:
        tx.announce(Changed(tx.tenant_id, "message", message_id, conversation_id))


def _claimed(tx: TenantTransaction, conversation_id: UUID, head: Head, owner: str, *, is_dispatched: bool) -> Claim:
    tx.execute(
        CLAIM,
        tenant_id=tx.tenant_id,
        id=head.id,
        owner=owner,
        lease=LEASE_SECONDS,
        state="dispatching" if is_dispatched else "claimed",
        deaths=head.crash_count + (head.state == "claimed" or (is_dispatched and head.kind != "send")),
    )
    crash_point("O1")
    return Claim(
        tenant_id=tx.tenant_id,
        conversation_id=conversation_id,
        id=head.id,
        message_id=head.message_id,
        channel_id=head.channel_id,
        kind=head.kind,
        lane=head.lane,
        payload=head.payload,
        attempts=head.attempts,
        token=head.lease_token + 1,
        dispatched_at=head.dispatched_at,
        dispatched_ago=head.dispatched_ago,
        is_dispatched=is_dispatched,
    )


def _show(tx: TenantTransaction, conversation_id: UUID, head: Head, status: str, code: str, detail: str) -> None:
    tx.execute(SHOW, tenant_id=tx.tenant_id, id=head.message_id, status=status, code=code, detail=detail)
    tx.announce(Changed(tx.tenant_id, "message", head.message_id, conversation_id))


def dispatch(tx: TenantTransaction, claim: Claim) -> bool:
    """The intent, committed before a byte leaves. False: the claim is no longer ours."""
    done = tx.execute(DISPATCH, tenant_id=claim.tenant_id, id=claim.id, token=claim.token, lease=LEASE_SECONDS)
    return done == 1


def release(tx: TenantTransaction, claim: Claim, wait_seconds: float) -> None:
    """Back into the line: it is known that nothing was sent."""
    tx.execute(RELEASE, tenant_id=claim.tenant_id, id=claim.id, token=claim.token, wait=wait_seconds)


def extend(tx: TenantTransaction, claim: Claim) -> None:
    tx.execute(EXTEND, tenant_id=claim.tenant_id, id=claim.id, token=claim.token, lease=LEASE_SECONDS)


OPEN = """d.tenant_id = :tenant_id AND d.conversation_id = :conversation_id
  AND d.state IN ('queued', 'claimed', 'dispatching')"""
HAS_OPEN = f"SELECT EXISTS (SELECT 1 FROM app.deliveries d WHERE {OPEN})"
# `is_leased`: somebody works on it. One that waits for proof between two looks has no owner, and anybody may look.
HEAD = f"""
SELECT d.id, d.message_id, d.channel_id, d.kind, d.state, d.attempts, d.crash_count, d.lane, d.payload, d.error_code,
       d.dispatched_at, d.lease_token,
       d.state <> 'queued' AND d.lease_owner IS NOT NULL AND d.lease_until > now() AS is_leased,
       d.expires_at <= now() AS is_expired,
       CAST(extract(epoch FROM d.run_at - clock_timestamp()) AS double precision) AS starts_in,
       c.state AS channel_state, m.deleted_at IS NOT NULL AS is_deleted,
       CAST(extract(epoch FROM clock_timestamp() - d.dispatched_at) AS double precision) AS dispatched_ago,
       (SELECT count(*) FROM app.deliveries o
        WHERE o.tenant_id = d.tenant_id AND o.channel_id = d.channel_id AND o.state IN ('claimed', 'dispatching')
          AND o.lease_owner IS NOT NULL AND o.lease_until > now()) AS in_flight
FROM app.deliveries d
JOIN app.channels c ON c.tenant_id = d.tenant_id AND c.id = d.channel_id
JOIN app.messages m ON m.tenant_id = d.tenant_id AND m.id = d.message_id
WHERE {OPEN}
ORDER BY d.created_at, d.id LIMIT 1 FOR UPDATE OF d
"""
CLAIM = """
UPDATE app.deliveries SET state = :state, lease_owner = :owner, lease_token = lease_token + 1, crash_count = :deaths,
                          lease_until = now() + make_interval(secs => :lease)
WHERE tenant_id = :tenant_id AND id = :id
"""
MINE = "WHERE tenant_id = :tenant_id AND id = :id AND lease_token = :token"
DISPATCH = f"""
UPDATE app.deliveries SET state = 'dispatching', attempts = attempts + 1, dispatched_at = clock_timestamp(),
                          error_code = NULL, error_detail = NULL,
                          crash_count = CASE WHEN kind = 'send' THEN 0 ELSE crash_count END,
                          lease_until = now() + make_interval(secs => :lease)
{MINE} AND state = 'claimed' AND lease_until > clock_timestamp()
"""
RELEASE = f"""
UPDATE app.deliveries SET state = 'queued', run_at = now() + make_interval(secs => :wait), lease_owner = NULL,
                          lease_until = NULL, error_code = NULL
{MINE} AND state IN ('claimed', 'dispatching')
"""
EXTEND = f"""
UPDATE app.deliveries SET lease_until = now() + make_interval(secs => :lease)
{MINE} AND state IN ('claimed', 'dispatching')
"""
END = """
UPDATE app.deliveries SET state = :state, finished_at = now(), error_code = :code, error_detail = :detail,
                          lease_owner = NULL, lease_until = NULL
WHERE tenant_id = :tenant_id AND id = :id
"""
SHOW = """
UPDATE app.messages SET status = :status, error_code = :code, error_detail = :detail
WHERE tenant_id = :tenant_id AND id = :id
"""
WAIT_ALL = """
UPDATE app.deliveries SET run_at = expires_at, error_code = :code
WHERE tenant_id = :tenant_id AND conversation_id = :conversation_id AND state = 'queued'
"""
SHOW_WAITING = """
UPDATE app.messages m SET status = 'waiting_channel'
FROM app.deliveries d
WHERE d.tenant_id = :tenant_id AND d.conversation_id = :conversation_id AND d.state = 'queued' AND d.kind = 'send'
  AND m.tenant_id = d.tenant_id AND m.id = d.message_id AND m.status = 'queued'
RETURNING m.id
"""
