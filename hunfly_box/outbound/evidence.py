"""Proof that a message went out although nobody answered: an echo that came in, or what the engine has stored.

Nothing is adopted that another delivery or message already claims, and one proof serves one delivery.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hunfly_box.kit.database import TenantTransaction
from hunfly_box.outbound.claiming import Claim
from hunfly_box.providers.messenger import Messenger
from hunfly_box.providers.port import IncomingMessage

# The engine's clock and WhatsApp's count whole seconds and differ a little from ours.
EARLIER_SECONDS = 5.0
# An echo came to us after we sent, whatever the clocks say; only one of a much older send is not ours.
ECHO_EARLIER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the proof must look like."""

    message_id: UUID
    conversation_id: UUID
    channel_id: UUID
    type: str
    text: str | None
    dispatched_at: float

    def fits(self, message_type: Any, text: Any, sent_at: Any, earlier: float = EARLIER_SECONDS) -> bool:
        return (
            message_type == self.type
            and normalised(text) == normalised(self.text)
            and isinstance(sent_at, int | float)
            and sent_at >= int(self.dispatched_at - earlier)
        )


@dataclass(frozen=True, slots=True)
class _Message:
    conversation_id: UUID
    channel_id: UUID
    type: str
    text: str | None
    provider_id: str | None


@dataclass(frozen=True, slots=True)
class _Echo:
    provider_id: str
    change: dict[str, Any]


def wanted(tx: TenantTransaction, message_id: UUID, dispatched_at: datetime) -> Wanted | None:
    """None when the message already has its name at the provider."""
    message = tx.maybe(_Message, MESSAGE, tenant_id=tx.tenant_id, id=message_id)
    if message is None or message.provider_id is not None:
        return None
    return Wanted(
        message_id, message.conversation_id, message.channel_id, message.type, message.text, dispatched_at.timestamp()
    )


def from_echoes(tx: TenantTransaction, want: Wanted) -> str | None:
    """An echo says it was sent through the API; one that does not was perhaps typed on the phone and proves nothing."""
    echoes = tx.all(_Echo, ECHOES, tenant_id=tx.tenant_id, channel_id=want.channel_id)
    for echo in echoes:
        change = echo.change
        if (
            change.get("is_api_echo") is True
            and change.get("conversation_id") == str(want.conversation_id)
            and want.fits(change.get("type"), change.get("text"), change.get("sent_at"), ECHO_EARLIER_SECONDS)
            and not _claimed(tx, [echo.provider_id])
        ):
            return echo.provider_id
    return None


def stored(messenger: Messenger, want: Wanted, chat: str) -> list[str]:
    """What the engine has stored for this chat that could be it, oldest first. Network: outside any transaction."""
    events = messenger.find_messages(int(want.dispatched_at - EARLIER_SECONDS), chat)
    found = [
        event
        for event in events
        if isinstance(event, IncomingMessage)
        and event.direction == "out"
        and want.fits(event.type, event.text, event.sent_at)
    ]
    return [event.provider_id for event in sorted(found, key=lambda event: event.sent_at)]


def unclaimed(tx: TenantTransaction, provider_ids: list[str]) -> str | None:
    """The first that is nobody's. Two that fit are two people writing the same words; then neither proves anything."""
    claimed = _claimed(tx, provider_ids)
    typed = set(tx.scalars(TYPED_ON_PHONE, tenant_id=tx.tenant_id, ids=provider_ids))
    free = [one for one in provider_ids if one not in claimed and one not in typed]
    return free[0] if len(free) == 1 else None


def _claimed(tx: TenantTransaction, provider_ids: list[str]) -> set[str]:
    return set(tx.scalars(CLAIMED, tenant_id=tx.tenant_id, ids=provider_ids))


def normalised(text: Any) -> str:
    """WhatsApp trims, and composes letters with their accents."""
    return unicodedata.normalize("NFC", text).strip() if isinstance(text, str) else ""


def claim_of(tenant_id: UUID, row: Any) -> Claim:
    """A settled delivery as the claim that proof is recorded for; its token opens nothing."""
    return Claim(
        tenant_id=tenant_id,
        conversation_id=row.conversation_id,
        id=row.id,
        message_id=row.message_id,
        channel_id=row.channel_id,
        kind="send",
        lane="reply",
        payload={},
        attempts=row.attempts,
        token=-1,
        dispatched_at=row.dispatched_at,
        dispatched_ago=row.dispatched_ago,
        is_dispatched=True,
    )


MESSAGE = """
SELECT conversation_id, channel_id, type, text, provider_id FROM app.messages WHERE tenant_id = :tenant_id AND id = :id
"""
ECHOES = """
SELECT provider_id, change FROM app.pending_changes
WHERE tenant_id = :tenant_id AND channel_id = :channel_id AND change ->> 'kind' = 'echo' ORDER BY created_at, id
"""
CLAIMED = """
SELECT provider_id FROM app.messages WHERE tenant_id = :tenant_id AND provider_id = ANY (:ids) AND direction = 'out'
UNION SELECT provider_id FROM app.deliveries WHERE tenant_id = :tenant_id AND provider_id = ANY (:ids)
"""
TYPED_ON_PHONE = """
SELECT provider_id FROM app.pending_changes
WHERE tenant_id = :tenant_id AND provider_id = ANY (:ids) AND change ->> 'kind' = 'echo'
  AND change ->> 'is_api_echo' = 'false'
"""
