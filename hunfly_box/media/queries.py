"""Reads of media rows. Policies decide who may: a row that is not seen is not there."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hunfly_box.kit.database import TenantTransaction


@dataclass(frozen=True, slots=True)
class Media:
    id: UUID
    conversation_id: UUID | None
    mime: str
    name: str | None
    size: int
    seconds: int | None
    width: int | None
    height: int | None
    sha256: str | None
    thumbnail_sha256: str | None
    state: str
    error: str | None
    provider_ref: dict[str, Any] | None


BY_ID = """
SELECT id, conversation_id, mime, name, size, seconds, width, height, sha256, thumbnail_sha256, state, error,
       provider_ref
FROM app.media WHERE id = :id
"""
# Each content once, however often it was sent.
STORED_BYTES = """
SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT ON (sha256) size FROM app.media WHERE sha256 IS NOT NULL) kept
"""
QUOTA_MB = "SELECT coalesce(media_quota_mb, :usual_mb) FROM app.tenants WHERE id = app.tenant_id()"
CHANNEL_OF = """
SELECT m.channel_id FROM app.messages m WHERE m.media_id = :id ORDER BY m.created_at LIMIT 1
"""
MESSAGES_OF = "SELECT id, conversation_id FROM app.messages WHERE media_id = :id"


def media_by_id(tx: TenantTransaction, media_id: UUID) -> Media:
    """Raises NotFound."""
    return tx.one(Media, BY_ID, id=media_id)


def room_left(tx: TenantTransaction, usual_mb: int) -> int:
    """Bytes the tenant may still store; below zero when its quota was lowered. `usual_mb` is that of the box."""
    return int(tx.scalar(QUOTA_MB, usual_mb=usual_mb)) * 1024 * 1024 - int(tx.scalar(STORED_BYTES))


def channel_of(tx: TenantTransaction, media_id: UUID) -> UUID | None:
    found: UUID | None = tx.scalar(CHANNEL_OF, id=media_id)
    return found
