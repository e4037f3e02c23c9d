"""What a message carries: what a person wrote or uploaded, or what another message that they may read says."""

from typing import Any
from uuid import UUID

from msgspec import Struct

from hunfly_box.inbox import payloads
from hunfly_box.inbox.outgoing import CAPTIONED, MIME_OF, Outgoing, invalid
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.ids import new_id

# Of what a customer sends, these go on as something else.
BECOMES = {"video_note": "video", "live_location": "location"}
# Opened once, or never understood: there is nothing to send on.
NEVER = ("view_once", "unsupported")
PLACE = ("latitude", "longitude", "name", "address")
# WhatsApp's own limits for what the engine may create.
FEWEST_OPTIONS, MOST_OPTIONS = 2, 10
SOURCE = """
SELECT m.type, m.text, m.payload, m.media_id FROM app.messages m
WHERE m.tenant_id = app.tenant_id() AND m.id = :id AND m.deleted_at IS NULL AND m.type NOT IN ('note', 'system')
"""
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


class Content(Struct, frozen=True):
    type: str
    text: str | None
    payload: dict[str, Any]
    media_id: UUID | None
    is_forwarded: bool


class Source(Struct, frozen=True):
    type: str
    text: str | None
    payload: dict[str, Any] | None
    media_id: UUID | None


def content_of(tx: TenantTransaction, message: Outgoing, conversation_id: UUID) -> Content:
    """Raises Invalid for what is not there for this person, or cannot be sent."""
    if message.forward_id is not None:
        return _of_another(tx, message.forward_id, conversation_id)
    media_id = _media_for(tx, message.media_id, message.type, conversation_id) if message.media_id else None
    payload = payloads.stored(message.location, message.contacts)
    return Content(message.type, message.text or None, payload, media_id, message.forwarded)


def _of_another(tx: TenantTransaction, message_id: UUID, conversation_id: UUID) -> Content:
    source = tx.maybe(Source, SOURCE, id=message_id)
    if source is None:
        raise invalid("forward_id", "unknown", "There is no such message.")
    type_, told = BECOMES.get(source.type, source.type), source.payload or {}
    if type_ in MIME_OF and source.media_id is not None:
        caption = source.text if type_ in CAPTIONED else None
        return Content(type_, caption, {}, _media_for(tx, source.media_id, type_, conversation_id), True)
    if type_ == "location" and told.get("latitude") is not None:
        return Content(type_, None, {name: told.get(name) for name in PLACE}, None, True)
    if type_ == "contacts" and payloads.has_numbers(told):
        return Content(type_, None, {"contacts": told["contacts"]}, None, True)
    if type_ == "poll":
        return Content(type_, source.text, _poll(told), None, True)
    if source.text and type_ not in NEVER:
        return Content("text", source.text, {}, None, True)
    raise invalid("forward_id", "message.not_forwardable", f"A message of type {source.type} cannot be forwarded.")


def _poll(told: dict[str, Any]) -> dict[str, Any]:
    """The question anew: who voted stays with the first."""
    options = payloads.option_names(told)
    if not told.get("question") or not FEWEST_OPTIONS <= len(options) <= MOST_OPTIONS:
        detail = f"A poll that is forwarded has {FEWEST_OPTIONS} to {MOST_OPTIONS} options."
        raise invalid("forward_id", "message.poll_options", detail)
    selectable = min(int(told.get("selectable") or 0), len(options))
    return {"question": told["question"], "options": options, "selectable": selectable}


def _media_for(tx: TenantTransaction, media_id: UUID, type_: str, conversation_id: UUID) -> UUID:
    """The id to put into the message."""
    found = tx.maybe(Readable, READABLE, id=media_id)
    if found is None or (found.is_upload and found.uploader_id != tx.scope.user_id):
        raise invalid("media_id", "unknown", "There is no such media.")
    if found.state != "ready":
        raise invalid("media_id", "media.unavailable", "The media is not here.")
    if not found.mime.startswith(MIME_OF[type_]):
        raise invalid("media_id", "media.unsupported", f"{found.mime} cannot be sent as {type_}.")
    if found.is_upload and tx.execute(CLAIM, id=found.id, conversation_id=conversation_id):
        return found.id
    copy_id = new_id()
    tx.execute(COPY, id=found.id, copy_id=copy_id, conversation_id=conversation_id, user_id=tx.scope.user_id)
    return copy_id
