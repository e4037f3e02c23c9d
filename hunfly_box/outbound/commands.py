"""What people ask to go out. Each takes the caller's transaction; a worker is rung after its COMMIT."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hunfly_box.kit.announcing import Changed, Ring
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import Conflict, Invalid
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.work import put_work
from hunfly_box.outbound import undoing
from hunfly_box.outbound.states import SENDABLE_AGAIN

DELIVER = "outbound.deliver"
CHANNEL_CHANGED = "outbound.channel_changed"
MARK_READ = "outbound.mark_read"
ASKS_FIRST = "outbound.asks_first"
CHANNEL_DOWN = "channel.down"
# WhatsApp's own limit, from when it left, not from when it was written. Later edits succeed and are shown to nobody.
EDIT_MINUTES = 15
EDITABLE_TYPES = frozenset({"text", "image", "video"})


class NotSendable(Conflict):
    code = "outbound.not_failed"
    title = "Only a message that failed, is not confirmed, or asks first can be sent again"


class AlreadyLeaving(Conflict):
    code = "outbound.already_leaving"
    title = "The message is already on its way"


class NotConfirmable(Conflict):
    code = "outbound.not_unconfirmed"
    title = "Only a message that is not confirmed can be marked as sent"


class TooLateToEdit(Conflict):
    code = "message.edit_too_late"
    title = "A message can be edited for 15 minutes"


class NotOurs(Conflict):
    code = "message.not_ours"
    title = "Only messages sent from here can be changed"


class NotChangeable(Conflict):
    code = "message.not_changeable"
    title = "This message cannot be changed"


@dataclass(frozen=True, slots=True)
class Target:
    """The message a command is about, locked: two people acting at once must see the same status."""

    id: UUID
    conversation_id: UUID
    channel_id: UUID
    direction: str
    type: str
    text: str | None
    provider_id: str | None
    status: str | None
    error_code: str | None
    edited_at: datetime | None
    deleted_at: datetime | None
    is_editable_still: bool


def starting_status(tx: TenantTransaction, channel_id: UUID) -> str:
    """What a new outgoing message begins with: a number that is down is not an error, the message waits."""
    is_open = tx.scalar(IS_OPEN, tenant_id=tx.tenant_id, channel_id=channel_id)
    return "queued" if is_open else "waiting_channel"


def put_in_outbox(
    tx: TenantTransaction,
    *,
    message_id: UUID,
    conversation_id: UUID,
    channel_id: UUID,
    kind: str = "send",
    payload: Mapping[str, Any] | None = None,
    created_by: UUID | None = None,
    lane: str = "reply",
) -> UUID:
    """One outgoing attempt. Kinds: send, edit {text, previous…}, delete, reaction {emoji, previous}."""
    delivery_id = new_id()
    tx.execute(
        PUT,
        tenant_id=tx.tenant_id,
        id=delivery_id,
        message_id=message_id,
        conversation_id=conversation_id,
        channel_id=channel_id,
        kind=kind,
        payload=json.dumps(payload or {}),
        lane=lane,
        created_by=created_by,
    )
    tx.announce(Ring(DELIVER, tx.tenant_id, conversation_id, is_urgent=True))
    return delivery_id


def send_again(tx: TenantTransaction, message_id: UUID, *, user_id: UUID | None = None) -> UUID:
    """A new delivery. The old one stays as it is, so that a late proof of it is not lost."""
    message = _target(tx, message_id)
    asks_first = message.status == "waiting_channel" and message.error_code == ASKS_FIRST
    if message.direction != "out" or not (message.status in SENDABLE_AGAIN or asks_first):
        raise NotSendable
    tx.execute(CANCEL, tenant_id=tx.tenant_id, message_id=message_id, states=["asking"])
    status = starting_status(tx, message.channel_id)
    tx.execute(BEGIN_ANEW, tenant_id=tx.tenant_id, id=message_id, status=status)
    _announce(tx, message)
    return put_in_outbox(
        tx,
        message_id=message_id,
        conversation_id=message.conversation_id,
        channel_id=message.channel_id,
        created_by=user_id,
    )


def mark_as_sent(tx: TenantTransaction, message_id: UUID) -> None:
    """A person saw it on the phone. Nothing is sent, and nothing will be looked for any more."""
    message = _target(tx, message_id)
    if message.status != "unconfirmed":
        raise NotConfirmable
    tx.execute(SETTLE_UNCONFIRMED, tenant_id=tx.tenant_id, message_id=message_id)
    tx.execute(BEGIN_ANEW, tenant_id=tx.tenant_id, id=message_id, status="sent")
    _announce(tx, message)


def discard(tx: TenantTransaction, message_id: UUID) -> None:
    """Takes a waiting message out of the outbox. Too late once a worker has it."""
    message = _target(tx, message_id)
    if tx.execute(CANCEL, tenant_id=tx.tenant_id, message_id=message_id, states=["queued", "asking"]) == 0:
        raise AlreadyLeaving
    tx.execute(DISCARD, tenant_id=tx.tenant_id, id=message_id)
    _announce(tx, message)
    tx.announce(Ring(DELIVER, tx.tenant_id, message.conversation_id, is_urgent=True))


def edit(tx: TenantTransaction, message_id: UUID, text: str, *, user_id: UUID | None = None) -> None:
    """Shown as edited at once; taken back if the provider refuses."""
    message = _ours(tx, message_id)
    if not text.strip():
        raise Invalid("A message needs a text", code="message.empty")
    if message.type not in EDITABLE_TYPES or message.deleted_at is not None:
        raise NotChangeable
    if text == message.text:
        return
    if message.provider_id is None:
        # It has not left: the worker reads the text when it does.
        if tx.execute(STILL_QUEUED, tenant_id=tx.tenant_id, message_id=message_id) == 0:
            raise AlreadyLeaving
        tx.execute(REWRITE, tenant_id=tx.tenant_id, id=message_id, text=text)
    else:
        if not message.is_editable_still:
            raise TooLateToEdit
        _keep_revision(tx, message, user_id)
        tx.execute(EDIT, tenant_id=tx.tenant_id, id=message_id, text=text)
        edited_at = message.edited_at.isoformat() if message.edited_at else None
        payload = {"text": text, "previous": message.text, "previous_edited_at": edited_at}
        _act(tx, message, "edit", payload, user_id)
    _announce(tx, message)


def delete_for_everyone(tx: TenantTransaction, message_id: UUID, *, user_id: UUID | None = None) -> None:
    message = _ours(tx, message_id)
    if message.deleted_at is not None:
        return
    cancelled = tx.execute(CANCEL, tenant_id=tx.tenant_id, message_id=message_id, states=["queued", "asking"])
    if message.provider_id is None and cancelled == 0 and message.status not in SENDABLE_AGAIN:
        raise AlreadyLeaving
    tx.execute(DELETE, tenant_id=tx.tenant_id, id=message_id)
    if message.provider_id is not None:
        _act(tx, message, "delete", {}, user_id)
    _announce(tx, message)


def react(tx: TenantTransaction, message_id: UUID, emoji: str, *, user_id: UUID | None = None) -> None:
    """An empty emoji takes our reaction back. Only the latest wish is sent."""
    message = _target(tx, message_id)
    if message.provider_id is None or message.deleted_at is not None:
        raise NotChangeable
    ours = {"tenant_id": tx.tenant_id, "message_id": message_id}
    never_told = tx.scalars(CANCEL_REACTIONS, **ours)
    previous = never_told[0] if never_told else tx.scalar(OUR_REACTION, **ours)
    tx.execute(REACT, **ours, emoji=emoji)
    tx.execute(TOUCH, tenant_id=tx.tenant_id, id=message_id)
    _act(tx, message, "reaction", {"emoji": emoji, "previous": previous or ""}, user_id)
    _announce(tx, message)


def mark_read(tx: TenantTransaction, conversation_id: UUID) -> None:
    """Blue ticks for the customer, when a person opened the conversation and the tenant wants them."""
    latest = tx.maybe(dict[str, UUID], LATEST_UNMARKED, tenant_id=tx.tenant_id, conversation_id=conversation_id)
    if latest is not None:
        told = {name: str(value) for name, value in latest.items()}
        put_work(tx, MARK_READ, told["message_id"], {"conversation_id": str(conversation_id), **told})


def _act(tx: TenantTransaction, message: Target, kind: str, payload: Mapping[str, Any], user_id: UUID | None) -> None:
    if message.error_code in undoing.CODES:
        tx.execute(FORGET_ERROR, tenant_id=tx.tenant_id, id=message.id)
    put_in_outbox(
        tx,
        message_id=message.id,
        conversation_id=message.conversation_id,
        channel_id=message.channel_id,
        kind=kind,
        payload=payload,
        created_by=user_id,
    )


def _keep_revision(tx: TenantTransaction, message: Target, user_id: UUID | None) -> None:
    tx.execute(
        KEEP_REVISION, tenant_id=tx.tenant_id, id=new_id(), message_id=message.id, text=message.text, user_id=user_id
    )


def _target(tx: TenantTransaction, message_id: UUID) -> Target:
    return tx.one(Target, TARGET, tenant_id=tx.tenant_id, id=message_id, edit_minutes=EDIT_MINUTES)


def _ours(tx: TenantTransaction, message_id: UUID) -> Target:
    message = _target(tx, message_id)
    if message.direction != "out" or message.type in ("note", "system"):
        raise NotOurs
    return message


def _announce(tx: TenantTransaction, message: Target) -> None:
    tx.announce(Changed(tx.tenant_id, "message", message.id, message.conversation_id))


IS_OPEN = "SELECT state = 'open' FROM app.channels WHERE tenant_id = :tenant_id AND id = :channel_id"
TARGET = """
SELECT id, conversation_id, channel_id, direction, type, text, provider_id, status, error_code, edited_at,
       deleted_at,
       greatest(sent_at, (SELECT max(d.finished_at) FROM app.deliveries d
                          WHERE d.tenant_id = m.tenant_id AND d.message_id = m.id AND d.kind = 'send'
                            AND d.state = 'accepted'))
         > now() - make_interval(mins => :edit_minutes) AS is_editable_still
FROM app.messages m WHERE tenant_id = :tenant_id AND id = :id FOR UPDATE
"""
PUT = """
INSERT INTO app.deliveries (tenant_id, id, message_id, conversation_id, channel_id, kind, payload, lane, created_by,
                            created_at)
VALUES (:tenant_id, :id, :message_id, :conversation_id, :channel_id, :kind, CAST(:payload AS jsonb), :lane, :created_by,
        clock_timestamp())
"""
CANCEL = """
UPDATE app.deliveries SET state = 'cancelled', finished_at = now()
WHERE tenant_id = :tenant_id AND message_id = :message_id AND kind = 'send' AND state = ANY (:states)
"""
CANCEL_REACTIONS = """
UPDATE app.deliveries SET state = 'cancelled', finished_at = now()
WHERE tenant_id = :tenant_id AND message_id = :message_id AND kind = 'reaction' AND state = 'queued'
RETURNING payload ->> 'previous'
"""
OUR_REACTION = """
SELECT emoji FROM app.reactions WHERE tenant_id = :tenant_id AND message_id = :message_id AND reactor = 'us'
"""
# Taking the row's lock keeps a worker from claiming it until the new text is committed.
STILL_QUEUED = """
UPDATE app.deliveries SET run_at = run_at
WHERE tenant_id = :tenant_id AND message_id = :message_id AND kind = 'send' AND state IN ('queued', 'asking')
"""
SETTLE_UNCONFIRMED = """
UPDATE app.deliveries SET state = 'accepted', error_code = NULL, error_detail = NULL
WHERE tenant_id = :tenant_id AND message_id = :message_id AND kind = 'send' AND state = 'unconfirmed'
"""
BEGIN_ANEW = """
UPDATE app.messages SET status = :status, error_code = NULL, error_detail = NULL
WHERE tenant_id = :tenant_id AND id = :id
"""
DISCARD = """
UPDATE app.messages SET status = 'failed', error_code = 'outbound.discarded',
                        error_detail = 'Discarded before it was sent'
WHERE tenant_id = :tenant_id AND id = :id
"""
REWRITE = "UPDATE app.messages SET text = :text WHERE tenant_id = :tenant_id AND id = :id"
EDIT = "UPDATE app.messages SET text = :text, edited_at = now() WHERE tenant_id = :tenant_id AND id = :id"
DELETE = "UPDATE app.messages SET deleted_at = now() WHERE tenant_id = :tenant_id AND id = :id"
FORGET_ERROR = """
UPDATE app.messages SET error_code = NULL, error_detail = NULL WHERE tenant_id = :tenant_id AND id = :id
"""
TOUCH = "UPDATE app.messages SET version = version WHERE tenant_id = :tenant_id AND id = :id"
KEEP_REVISION = """
INSERT INTO app.message_revisions (tenant_id, id, message_id, text, replaced_by)
VALUES (:tenant_id, :id, :message_id, :text, :user_id)
"""
REACT = """
INSERT INTO app.reactions (tenant_id, message_id, reactor, emoji, reacted_at_ms)
VALUES (:tenant_id, :message_id, 'us', :emoji, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
ON CONFLICT (tenant_id, message_id, reactor)
DO UPDATE SET emoji = excluded.emoji, reacted_at_ms = excluded.reacted_at_ms
"""
LATEST_UNMARKED = """
SELECT latest.id AS message_id, latest.channel_id FROM (
  SELECT m.id, m.channel_id FROM app.messages m
  WHERE m.tenant_id = :tenant_id AND m.conversation_id = :conversation_id AND m.direction = 'in'
    AND m.provider_id IS NOT NULL
  ORDER BY m.sent_at DESC, m.id DESC LIMIT 1) latest
WHERE (SELECT t.send_read_receipts FROM app.tenants t WHERE t.id = :tenant_id)
  AND NOT EXISTS (SELECT 1 FROM app.work w WHERE w.tenant_id = :tenant_id AND w.kind = 'outbound.mark_read'
                  AND w.dedup_key = latest.id::text)
"""
