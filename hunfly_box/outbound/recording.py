"""What came of a delivery, written in one transaction with the message it belongs to.

Locks are taken message first, delivery second, here as in commands.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hunfly_box.kit.announcing import Changed, Ring
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.work import put_work
from hunfly_box.outbound import undoing
from hunfly_box.outbound.claiming import Claim
from hunfly_box.outbound.commands import DELIVER

LOOK_AGAIN = "outbound.look_again"
LOOK_AGAIN_SECONDS = 60.0
# Between two looks for proof. A webhook with the proof rings at once; this is for the one that got lost.
LOOK_SECONDS = 5.0
UNCONFIRMED = "outbound.unconfirmed"
UNREACHABLE = "engine.unreachable"


@dataclass(frozen=True, slots=True)
class MessageRow:
    id: UUID
    conversation_id: UUID
    channel_id: UUID
    provider_id: str | None
    status: str | None
    type: str
    text: str | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    state: str
    provider_id: str | None
    lease_token: int


def accepted(tx: TenantTransaction, claim: Claim, provider_id: str | None, sent_to: str | None = None) -> bool:
    """The provider took it. Proof holds whoever brings it: a stale token does not matter, a settled row does.

    `sent_to`: the address it went to, where that may not stay the person's best one.
    """
    message = tx.maybe(MessageRow, LOCK_MESSAGE, tenant_id=tx.tenant_id, id=claim.message_id)
    delivery = tx.maybe(DeliveryRow, LOCK_DELIVERY, tenant_id=tx.tenant_id, id=claim.id)
    if message is None or delivery is None or delivery.state not in ("dispatching", "unconfirmed"):
        return False
    tx.execute(ACCEPT, tenant_id=tx.tenant_id, id=claim.id, provider_id=provider_id)
    tx.execute(NOTE_SENT, tenant_id=tx.tenant_id, channel_id=message.channel_id)
    if claim.kind == "send" and provider_id is not None:
        _name(tx, message, provider_id)
    if claim.kind == "send" and sent_to is not None:
        tx.execute(NOTE_ADDRESS, tenant_id=tx.tenant_id, id=message.id, sent_to=sent_to)
    tx.announce(Changed(tx.tenant_id, "message", message.id, message.conversation_id))
    return True


def _name(tx: TenantTransaction, message: MessageRow, provider_id: str) -> None:
    if message.provider_id not in (None, provider_id):
        # Sent again meanwhile, and both arrived: the other one shows by itself when its echo is settled.
        return
    _absorb_copy(tx, message, provider_id)
    tx.execute(NAME, tenant_id=tx.tenant_id, id=message.id, provider_id=provider_id)
    tx.scalar(APPLY_PENDING, tenant_id=tx.tenant_id, channel_id=message.channel_id, provider_id=provider_id)


def _absorb_copy(tx: TenantTransaction, message: MessageRow, provider_id: str) -> None:
    """The provider's report of this very message came first and was taken for one typed on the phone."""
    copy = tx.maybe(
        MessageRow,
        LOCK_COPY,
        tenant_id=tx.tenant_id,
        conversation_id=message.conversation_id,
        provider_id=provider_id,
        id=message.id,
    )
    if copy is None:
        return
    tx.execute(POINT_AT, tenant_id=tx.tenant_id, copy_id=copy.id, id=message.id)
    tx.execute(DROP_COPY, tenant_id=tx.tenant_id, id=copy.id)
    tx.execute(CLIMB, tenant_id=tx.tenant_id, id=message.id, status=copy.status or "sent")
    tx.announce(Changed(tx.tenant_id, "message", copy.id, message.conversation_id))
    tx.announce(Changed(tx.tenant_id, "conversation", message.conversation_id, message.conversation_id))


def failed(tx: TenantTransaction, claim: Claim, code: str, detail: str) -> bool:
    """Final. An act on a message is taken back on our screens; a message shows why it failed."""
    tx.maybe(MessageRow, LOCK_MESSAGE, tenant_id=tx.tenant_id, id=claim.message_id)
    if not _fenced(tx, claim, FAIL, code=code, detail=detail):
        return False
    if claim.kind != "send":
        undoing.undo(tx, claim, claim.conversation_id, "unconfirmed" if code == UNREACHABLE else "refused")
        return True
    tx.execute(SHOW_FAILED, tenant_id=tx.tenant_id, id=claim.message_id, code=code, detail=detail)
    tx.announce(Changed(tx.tenant_id, "message", claim.message_id, claim.conversation_id))
    return True


def later(tx: TenantTransaction, claim: Claim, seconds: float, code: str, detail: str) -> bool:
    """Nothing was sent, and that is certain: back into the line, and the message shows that it waits."""
    tx.maybe(MessageRow, LOCK_MESSAGE, tenant_id=tx.tenant_id, id=claim.message_id)
    if not _fenced(tx, claim, PUT_BACK, wait=seconds, code=code, detail=detail):
        return False
    if claim.kind == "send" and tx.execute(
        SHOW_WAITING, tenant_id=tx.tenant_id, id=claim.message_id, code=code, detail=detail
    ):
        tx.announce(Changed(tx.tenant_id, "message", claim.message_id, claim.conversation_id))
    return True


def looking(tx: TenantTransaction, claim: Claim, seconds: float = LOOK_SECONDS) -> bool:
    """It may have been sent: the next look for proof comes then, by whoever is free."""
    tx.maybe(MessageRow, LOCK_MESSAGE, tenant_id=tx.tenant_id, id=claim.message_id)
    if not _fenced(tx, claim, AWAIT_PROOF, wait=seconds):
        return False
    show_sending(tx, claim)
    return True


def show_sending(tx: TenantTransaction, claim: Claim) -> None:
    if claim.kind == "send" and tx.execute(CLIMB, tenant_id=tx.tenant_id, id=claim.message_id, status="sending"):
        tx.announce(Changed(tx.tenant_id, "message", claim.message_id, claim.conversation_id))


def unconfirmed(tx: TenantTransaction, claim: Claim) -> bool:
    """No proof came. Never sent again by itself: a person decides. A late proof still counts."""
    tx.maybe(MessageRow, LOCK_MESSAGE, tenant_id=tx.tenant_id, id=claim.message_id)
    detail = "The engine did not say whether it was sent"
    if not _fenced(tx, claim, LEAVE_OPEN, code=UNCONFIRMED, detail=detail):
        return False
    tx.execute(SHOW_UNCONFIRMED, tenant_id=tx.tenant_id, id=claim.message_id, code=UNCONFIRMED, detail=detail)
    put_work(
        tx,
        LOOK_AGAIN,
        str(claim.id),
        {"delivery_id": str(claim.id)},
        run_in_seconds=LOOK_AGAIN_SECONDS,
        max_attempts=20,
    )
    tx.announce(Changed(tx.tenant_id, "message", claim.message_id, claim.conversation_id))
    tx.announce(Ring(DELIVER, tx.tenant_id, claim.conversation_id, is_urgent=True))
    return True


def _fenced(tx: TenantTransaction, claim: Claim, sql: str, **params: Any) -> bool:
    return tx.execute(sql, tenant_id=tx.tenant_id, id=claim.id, token=claim.token, **params) == 1


LOCK_MESSAGE = """
SELECT id, conversation_id, channel_id, provider_id, status, type, text
FROM app.messages WHERE tenant_id = :tenant_id AND id = :id FOR UPDATE
"""
LOCK_COPY = """
SELECT id, conversation_id, channel_id, provider_id, status, type, text
FROM app.messages WHERE tenant_id = :tenant_id AND provider_id = :provider_id AND conversation_id = :conversation_id
  AND direction = 'out' AND id <> :id FOR UPDATE
"""
LOCK_DELIVERY = """
SELECT state, provider_id, lease_token FROM app.deliveries WHERE tenant_id = :tenant_id AND id = :id FOR UPDATE
"""
FREE = "lease_owner = NULL, lease_until = NULL"
ACCEPT = f"""
UPDATE app.deliveries SET state = 'accepted', provider_id = :provider_id, finished_at = now(), error_code = NULL,
                          error_detail = NULL, {FREE}
WHERE tenant_id = :tenant_id AND id = :id
"""
NOTE_SENT = """
INSERT INTO app.channel_health (tenant_id, channel_id, last_sent_at) VALUES (:tenant_id, :channel_id, now())
ON CONFLICT (tenant_id, channel_id) DO UPDATE SET last_sent_at = excluded.last_sent_at
"""
NOTE_ADDRESS = """
UPDATE app.messages SET payload = coalesce(payload, '{}') || jsonb_build_object('sent_to', CAST(:sent_to AS text))
WHERE tenant_id = :tenant_id AND id = :id
"""
NAME = """
UPDATE app.messages SET provider_id = :provider_id, error_code = NULL, error_detail = NULL,
  status = CASE WHEN coalesce(app.status_rank(status), 0) < app.status_rank('sent') THEN 'sent' ELSE status END
WHERE tenant_id = :tenant_id AND id = :id
"""
APPLY_PENDING = "SELECT app.apply_pending(:tenant_id, :channel_id, :provider_id)"
POINT_AT = """
UPDATE app.conversations SET last_message_id = :id WHERE tenant_id = :tenant_id AND last_message_id = :copy_id
"""
DROP_COPY = "DELETE FROM app.messages WHERE tenant_id = :tenant_id AND id = :id"
CLIMB = """
UPDATE app.messages SET status = :status
WHERE tenant_id = :tenant_id AND id = :id AND app.status_rank(:status) > coalesce(app.status_rank(status), 0)
"""
SENT_BY = "WHERE tenant_id = :tenant_id AND id = :id AND state = 'dispatching' AND lease_token = :token"
HELD_BY = "WHERE tenant_id = :tenant_id AND id = :id AND state IN ('claimed', 'dispatching') AND lease_token = :token"
FAIL = f"""
UPDATE app.deliveries SET state = 'failed', error_code = :code, error_detail = :detail, finished_at = now(), {FREE}
{HELD_BY}
"""
PUT_BACK = f"""
UPDATE app.deliveries SET state = 'queued', run_at = now() + make_interval(secs => :wait), error_code = :code,
                          error_detail = :detail, {FREE}
{HELD_BY}
"""
AWAIT_PROOF = f"""
UPDATE app.deliveries SET lease_owner = NULL, lease_until = now() + make_interval(secs => :wait)
{SENT_BY}
"""
LEAVE_OPEN = f"""
UPDATE app.deliveries SET state = 'unconfirmed', error_code = :code, error_detail = :detail, finished_at = now(), {FREE}
{SENT_BY}
"""
SHOW_FAILED = """
UPDATE app.messages SET status = 'failed', error_code = :code, error_detail = :detail
WHERE tenant_id = :tenant_id AND id = :id AND app.status_rank('failed') > coalesce(app.status_rank(status), 0)
"""
SHOW_UNCONFIRMED = """
UPDATE app.messages SET status = 'unconfirmed', error_code = :code, error_detail = :detail
WHERE tenant_id = :tenant_id AND id = :id AND app.status_rank('unconfirmed') > coalesce(app.status_rank(status), 0)
"""
SHOW_WAITING = """
UPDATE app.messages SET status = 'waiting_channel', error_code = :code, error_detail = :detail
WHERE tenant_id = :tenant_id AND id = :id AND status IN ('queued', 'waiting_channel')
"""
