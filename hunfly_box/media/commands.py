"""Writes of media rows."""

from dataclasses import dataclass
from uuid import UUID

from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import Conflict
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.work import put_work
from hunfly_box.media import queries

FETCH = "media.fetch"

INSERT_UPLOAD = """
INSERT INTO app.media (tenant_id, id, uploader_id, mime, name, size, seconds, width, height, peaks, sha256,
                       thumbnail_sha256, state)
VALUES (:tenant_id, :id, :uploader_id, :mime, :name, :size, :seconds, :width, :height, CAST(:peaks AS smallint[]),
        :sha256, :thumbnail_sha256, 'ready')
"""
STORE = """
UPDATE app.media SET state = 'ready', error = NULL, mime = :mime, size = :size, sha256 = :sha256,
  width = coalesce(:width, width), height = coalesce(:height, height),
  thumbnail_sha256 = :thumbnail_sha256, name = coalesce(name, :name)
WHERE id = :id AND state <> 'ready'
"""
FAIL = "UPDATE app.media SET state = 'unavailable', error = :error WHERE id = :id AND state = 'pending'"
RETRY = "UPDATE app.media SET state = 'pending', error = NULL WHERE id = :id AND state = 'unavailable'"
# The message's own version rises, so that every screen draws it again.
TOUCH_MESSAGES = "UPDATE app.messages SET version = version WHERE media_id = :id"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that lies in the store, and what it turned out to be."""

    mime: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    thumbnail_sha256: str | None = None


def keep_upload(
    tx: TenantTransaction, stored: Stored, *, name: str | None, seconds: int | None, peaks: list[int] | None
) -> UUID:
    """Seen by its uploader alone until it is sent."""
    media_id = new_id()
    tx.execute(
        INSERT_UPLOAD,
        tenant_id=tx.tenant_id,
        id=media_id,
        uploader_id=tx.scope.user_id,
        mime=stored.mime,
        name=name,
        size=stored.size,
        seconds=seconds,
        width=stored.width,
        height=stored.height,
        peaks=peaks,
        sha256=stored.sha256,
        thumbnail_sha256=stored.thumbnail_sha256,
    )
    return media_id


def note_fetched(tx: TenantTransaction, media_id: UUID, stored: Stored, *, name: str | None) -> None:
    tx.execute(
        STORE,
        id=media_id,
        mime=stored.mime,
        size=stored.size,
        sha256=stored.sha256,
        width=stored.width,
        height=stored.height,
        thumbnail_sha256=stored.thumbnail_sha256,
        name=name,
    )
    _touch(tx, media_id)


def note_unavailable(tx: TenantTransaction, media_id: UUID, error: str) -> None:
    if tx.execute(FAIL, id=media_id, error=error[:200]):
        _touch(tx, media_id)


def retry(tx: TenantTransaction, media_id: UUID) -> None:
    """Raises NotFound, and Conflict when there is nothing to fetch again."""
    media = queries.media_by_id(tx, media_id)
    if media.provider_ref is None or not tx.execute(RETRY, id=media_id):
        raise Conflict("This file is not waiting to be fetched again.", code="media.not_unavailable")
    with tx.as_system():
        channel_id = queries.channel_of(tx, media_id)
        put_work(tx, FETCH, str(media_id), {"media_id": str(media_id), "channel_id": str(channel_id or "")})
    _touch(tx, media_id)


def _touch(tx: TenantTransaction, media_id: UUID) -> None:
    tx.execute(TOUCH_MESSAGES, id=media_id)
    for row in tx.all(dict[str, UUID], queries.MESSAGES_OF, id=media_id):
        tx.announce(Changed(tx.tenant_id, "message", row["id"], row["conversation_id"]))
