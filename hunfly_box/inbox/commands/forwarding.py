"""Media for a message: an upload of one's own, or a copy of what a message the person may read carries."""

from uuid import UUID

from msgspec import Struct

from hunfly_box.inbox.outgoing import MIME_OF, Outgoing, invalid
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.ids import new_id

READABLE = """
SELECT d.id, d.mime, d.state, d.conversation_id IS NULL AS is_upload, d.uploader_id
FROM app.media d WHERE d.tenant_id = app.tenant_id() AND d.id = :id
"""
CLAIM = """
UPDATE app.media SET conversation_id = :conversation_id
WHERE tenant_id = app.tenant_id() AND id = :id AND conversation_id IS NULL
"""
# The bytes lie by their hash and are not copied; the row is, because who may see it follows its conversation.
COPY = """
INSERT INTO app.media (tenant_id, id, conversation_id, uploader_id, mime, name, size, seconds, width, height, peaks,
                       sha256, thumbnail_sha256, state)
SELECT d.tenant_id, :copy_id, :conversation_id, :user_id, d.mime, d.name, d.size, d.seconds, d.width, d.height, d.peaks,
       d.sha256, d.thumbnail_sha256, d.state
FROM app.media d WHERE d.tenant_id = app.tenant_id() AND d.id = :id
"""


class Readable(Struct, frozen=True):
    id: UUID
    mime: str
    state: str
    is_upload: bool
    uploader_id: UUID | None


def media_for(tx: TenantTransaction, message: Outgoing, conversation_id: UUID) -> UUID:
    """The id to put into the message."""
    found = tx.maybe(Readable, READABLE, id=message.media_id)
    if found is None or (found.is_upload and found.uploader_id != tx.scope.user_id):
        raise invalid("media_id", "unknown", "There is no such media.")
    if found.state != "ready":
        raise invalid("media_id", "media.unavailable", "The media is not here.")
    if not found.mime.startswith(MIME_OF[message.type]):
        raise invalid("media_id", "media.unsupported", f"{found.mime} cannot be sent as {message.type}.")
    if found.is_upload and tx.execute(CLAIM, id=found.id, conversation_id=conversation_id):
        return found.id
    copy_id = new_id()
    tx.execute(COPY, id=found.id, copy_id=copy_id, conversation_id=conversation_id, user_id=tx.scope.user_id)
    return copy_id
