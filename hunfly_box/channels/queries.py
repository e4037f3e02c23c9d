"""Reads of channels beyond the object itself."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hunfly_box.kit.database import TenantTransaction


@dataclass(frozen=True, slots=True)
class Line:
    """What is needed to talk to the engine about one number."""

    id: UUID
    name: str
    provider: str
    instance: str
    engine_url: str
    route_key: str
    secrets: bytes
    state: str
    cause: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class ShownPairing:
    qr_png_base64: str | None
    pairing_code: str | None
    qr_at: datetime | None


LINE = """
SELECT id, name, provider, instance, engine_url, route_key, secrets, state, cause, phone
FROM app.channels WHERE id = :id
"""
PAIRING = "SELECT qr_png_base64, pairing_code, qr_at FROM app.channels WHERE id = :id"
# By id or by name or by the provider's own name, as a person types it.
FIND = """
SELECT id FROM app.channels
WHERE CAST(id AS text) = :wanted OR name = :wanted OR instance = :wanted
ORDER BY CAST(id AS text) = :wanted DESC, created_at LIMIT 1
"""
# New numbers usually come from the engine that the others come from.
USUAL_ENGINE = "SELECT engine_url FROM app.channels ORDER BY created_at DESC LIMIT 1"


def live_cursor(tx: TenantTransaction) -> str:
    """Taken before a page's queries: what changes from here on comes by the stream."""
    return str(tx.scalar("SELECT app.now_us()"))


def usual_engine(tx: TenantTransaction) -> str | None:
    found: str | None = tx.scalar(USUAL_ENGINE)
    return found


def line(tx: TenantTransaction, channel_id: UUID) -> Line:
    """Raises NotFound."""
    return tx.one(Line, LINE, id=channel_id)


def pairing(tx: TenantTransaction, channel_id: UUID) -> ShownPairing:
    return tx.one(ShownPairing, PAIRING, id=channel_id)


def find(tx: TenantTransaction, wanted: str) -> UUID | None:
    found: UUID | None = tx.scalar(FIND, wanted=wanted)
    return found
