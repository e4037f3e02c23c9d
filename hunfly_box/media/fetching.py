"""Bringing in what a message refers to: ask the provider, look at the bytes, keep them, make a thumbnail."""

from pathlib import Path
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import connecting
from hunfly_box.channels import queries as channels
from hunfly_box.kit.database import Scope
from hunfly_box.kit.work import GiveUp, RetryLater
from hunfly_box.media import commands, pictures, queries, sniffing, store
from hunfly_box.media.commands import Stored
from hunfly_box.media.store import DiskFull
from hunfly_box.providers.messenger import FetchedMedia, NotSent, Refused, Unknown

# WhatsApp keeps media for weeks, the engine asks its servers each time: hours of trying, not days.
MOST_ATTEMPTS = 20
WITHOUT_ROOM_SECONDS = 600


def fetch(resources: Resources, tenant_id: UUID, media_id: UUID) -> None:
    """Raises RetryLater and GiveUp, as a work handler does."""
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        media = queries.media_by_id(tx, media_id)
        channel_id = queries.channel_of(tx, media_id)
        has_room = queries.room_left(tx, resources.settings.media_quota_mb) > 0
        line = channels.line(tx, channel_id) if channel_id else None
    if media.state == "ready":
        return
    if line is None or not media.provider_ref:
        _unavailable(resources, tenant_id, media_id, "nothing refers to it")
        raise GiveUp("nothing refers to this file")
    if not has_room:
        _unavailable(resources, tenant_id, media_id, "media.quota")
        raise GiveUp("the tenant's quota for media is used up")
    _, messenger = connecting.messenger_of(resources, tenant_id, line)
    try:
        fetched = messenger.fetch_media(str(media.provider_ref["ref"]))
    except (NotSent, Unknown, Refused) as error:
        if isinstance(error, Refused) and error.permanent:
            give_up(resources, tenant_id, media_id)
            raise GiveUp(str(error)) from error
        raise RetryLater(str(error), after_seconds=getattr(error, "retry_after", None)) from error
    finally:
        messenger.close()
    _keep(resources, tenant_id, media_id, media.mime, fetched)


def give_up(resources: Resources, tenant_id: UUID, media_id: UUID) -> None:
    """Changes nothing where it is known already why there is no file."""
    _unavailable(resources, tenant_id, media_id, "media.expired")


def keep(root: Path, tenant_id: UUID, content: bytes, claimed_mime: str | None) -> Stored:
    """Into the store, with size and thumbnail when it is a picture. Raises DiskFull."""
    sha256, size = store.write(root, tenant_id, [content])
    return describe(root, tenant_id, sha256, size, claimed_mime)


def describe(root: Path, tenant_id: UUID, sha256: str, size: int, claimed_mime: str | None) -> Stored:
    mime = sniffing.mime_of(store.head(root, tenant_id, sha256, sniffing.HEAD_BYTES), claimed_mime)
    if not mime.startswith("image/") or not sniffing.is_inline(mime):
        return Stored(mime, size, sha256)
    picture = pictures.inspect(store.path_of(root, tenant_id, sha256))
    if picture is None:
        # It calls itself a picture and cannot be drawn within the limits: a download, never shown in a page.
        return Stored(sniffing.OCTETS, size, sha256)
    thumbnail = store.write(root, tenant_id, [picture.thumbnail])[0] if picture.thumbnail else None
    return Stored(mime, size, sha256, picture.width, picture.height, thumbnail)


def _keep(resources: Resources, tenant_id: UUID, media_id: UUID, known_mime: str, fetched: FetchedMedia) -> None:
    try:
        stored = keep(resources.media_folder, tenant_id, fetched.content, fetched.mime or known_mime)
    except DiskFull as error:
        raise RetryLater(error.detail, after_seconds=WITHOUT_ROOM_SECONDS) from error
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        commands.note_fetched(tx, media_id, stored, name=sniffing.display_name(fetched.name))


def _unavailable(resources: Resources, tenant_id: UUID, media_id: UUID, error: str) -> None:
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        commands.note_unavailable(tx, media_id, error)
