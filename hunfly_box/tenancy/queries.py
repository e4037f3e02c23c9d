"""Reads about tenants: who exists, and how their numbers do. Counts and states, never content."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hunfly_box.kit.database import TenantTransaction, Transaction
from hunfly_box.kit.errors import NotFound

TENANTS = """
SELECT t.id, t.name, t.slug, t.status, r.name AS reseller, t.created_at,
  c.users, c.channels, c.channels_open, c.conversations_open, c.waiting_deliveries, c.parked, c.last_message_at
FROM app.tenants t
JOIN app.tenant_counts() c ON c.tenant_id = t.id
LEFT JOIN app.resellers r ON r.id = t.reseller_id
WHERE cast(:reseller_id AS uuid) IS NULL OR t.reseller_id = :reseller_id
ORDER BY t.name, t.id
"""

NUMBERS = """
SELECT c.tenant_id, c.id, c.name, c.phone, c.state, c.cause, c.state_since,
  greatest(h.last_webhook_at, h.last_checked_at) AS last_seen_at
FROM app.channels c
JOIN app.tenants t ON t.id = c.tenant_id
LEFT JOIN app.channel_health h ON h.tenant_id = c.tenant_id AND h.channel_id = c.id
WHERE cast(:reseller_id AS uuid) IS NULL OR t.reseller_id = :reseller_id
ORDER BY c.name, c.id
"""


@dataclass(frozen=True, slots=True)
class TenantLine:
    id: UUID
    name: str
    slug: str
    status: str
    reseller: str | None
    created_at: datetime
    users: int
    channels: int
    channels_open: int
    conversations_open: int
    waiting_deliveries: int
    parked: int
    last_message_at: datetime | None


@dataclass(frozen=True, slots=True)
class NumberLine:
    tenant_id: UUID
    id: UUID
    name: str
    phone: str | None
    state: str
    cause: str | None
    state_since: datetime
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class TenantSettings:
    name: str
    locale: str
    timezone: str
    agents_see_queue: bool
    send_read_receipts: bool


def tenants(tx: Transaction, reseller_id: UUID | None) -> list[TenantLine]:
    """Of one reseller, or with None of the whole box."""
    return tx.all(TenantLine, TENANTS, reseller_id=reseller_id)


def numbers(tx: Transaction, reseller_id: UUID | None) -> list[NumberLine]:
    return tx.all(NumberLine, NUMBERS, reseller_id=reseller_id)


def tenant_id_by_slug(tx: Transaction, slug: str) -> UUID:
    found = tx.scalar("SELECT id FROM app.tenants WHERE slug = :slug", slug=slug)
    if not isinstance(found, UUID):
        raise NotFound(f"There is no tenant {slug}.")
    return found


def reseller_id_by_slug(tx: Transaction, slug: str) -> UUID:
    found = tx.scalar("SELECT id FROM app.resellers WHERE slug = :slug", slug=slug)
    if not isinstance(found, UUID):
        raise NotFound(f"There is no reseller {slug}.")
    return found


def settings(tx: TenantTransaction) -> TenantSettings:
    return tx.one(
        TenantSettings,
        "SELECT name, locale, timezone, agents_see_queue, send_read_receipts FROM app.tenants WHERE id = :id",
        id=tx.tenant_id,
    )
