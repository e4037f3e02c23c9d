"""What only our own browser code asks for: drafts, read marks, tab numbers, dialogs."""

from typing import Any
from uuid import UUID

from litestar import delete, get, post, put
from litestar.response import Response
from msgspec import Struct

from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.contacts import queries as contacts
from hunfly_box.inbox import filters, queries, screens, searching, views
from hunfly_box.inbox.commands import drafting, reading, starting
from hunfly_box.inbox.objects import Message
from hunfly_box.kit.errors import NotFound
from hunfly_box.kit.wording import phone
from hunfly_box.media import sniffing, store
from hunfly_box.outbound import commands as outbound

PICTURE_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Vary": "Cookie, Authorization",
}


class DraftBody(Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    mode: str = "reply"
    quoted_id: UUID | None = None


class SeenBody(Struct, frozen=True, forbid_unknown_fields=True):
    seen: int
    message_id: UUID | None = None


class TypingBody(Struct, frozen=True, forbid_unknown_fields=True):
    conversation_id: UUID
    on: bool


class NumberBody(Struct, frozen=True, forbid_unknown_fields=True):
    channel_id: UUID
    phone: str


@put("/ui/drafts/{conversation_id:uuid}", status_code=204, sync_to_thread=True, opt={"permission": "draft.write"})
def save_draft(resources: Resources, viewer: Viewer, conversation_id: UUID, data: DraftBody) -> None:
    with resources.database.transaction(viewer.scope()) as tx:
        drafting.save(tx, conversation_id, kind=data.mode, text=data.text, quoted_id=data.quoted_id)


@delete("/ui/drafts/{conversation_id:uuid}", sync_to_thread=True, opt={"permission": "draft.write"})
def forget_draft(resources: Resources, viewer: Viewer, conversation_id: UUID) -> None:
    with resources.database.transaction(viewer.scope()) as tx:
        drafting.forget(tx, conversation_id)


@post(
    "/ui/conversations/{conversation_id:uuid}/seen",
    status_code=204,
    sync_to_thread=True,
    opt={"permission": "conversation.read"},
)
def mark_seen(resources: Resources, viewer: Viewer, conversation_id: UUID, data: SeenBody) -> None:
    with resources.database.transaction(viewer.scope()) as tx:
        seen = reading.mark_seen(tx, conversation_id, data.seen)
    screens.show_seen(resources, viewer, conversation_id, seen)


@post(
    "/ui/conversations/{conversation_id:uuid}/unread",
    status_code=204,
    sync_to_thread=True,
    opt={"permission": "conversation.read"},
)
def mark_unread(resources: Resources, viewer: Viewer, conversation_id: UUID) -> None:
    with resources.database.transaction(viewer.scope()) as tx:
        seen = reading.mark_unread(tx, conversation_id)
    screens.show_seen(resources, viewer, conversation_id, seen)


@post("/ui/typing", status_code=204, sync_to_thread=True, opt={"permission": "conversation.read"})
def typing(resources: Resources, viewer: Viewer, data: TypingBody) -> None:
    """For browsers whose socket does not open."""
    screens.show_typing(resources, viewer, data.conversation_id, is_on=data.on)


@get("/ui/counts", sync_to_thread=True, opt={"permission": "conversation.read"})
def counts(resources: Resources, viewer: Viewer, status: str = "open") -> dict[str, int]:
    if status != views.ANY_STATUS:
        filters.parse(status=status)
    with resources.database.transaction(viewer.scope()) as tx:
        return {**views.counts(tx, status or "open"), "unread": queries.unread_conversations(tx)}


@post("/ui/numbers", status_code=200, sync_to_thread=True, opt={"permission": "message.start"})
def check_number(resources: Resources, viewer: Viewer, data: NumberBody) -> dict[str, Any]:
    """For the dialog that begins a conversation; one at a time, so that nobody fishes for numbers."""
    typed = starting.typed_phone(data.phone, "phone")
    found = starting.look_up(resources, viewer.scope(), data.channel_id, typed)
    return {
        "phone": found.phone,
        "on_whatsapp": found.is_on_whatsapp,
        "conversation_id": str(found.conversation_id) if found.conversation_id else None,
    }


@get("/ui/conversations/find", sync_to_thread=True, opt={"permission": "conversation.read"})
def find_conversations(resources: Resources, viewer: Viewer, q: str = "") -> dict[str, list[dict[str, Any]]]:
    """Where to forward something to."""
    with resources.database.transaction(viewer.scope()) as tx:
        found = searching.conversations_by_name(tx, q)
    return {
        "items": [
            {
                "id": item.id,
                "name": item.contact.name,
                "phone": phone(item.contact.phone),
                "avatar_url": item.contact.avatar_url,
            }
            for item in found
        ]
    }


@post("/ui/messages/{message_id:uuid}/sent", status_code=200, sync_to_thread=True, opt={"permission": "message.retry"})
def mark_message_sent(resources: Resources, viewer: Viewer, message_id: UUID) -> Message:
    """A person looked on the phone: what nobody confirmed did arrive."""
    with resources.database.transaction(viewer.scope()) as tx:
        outbound.mark_as_sent(tx, message_id)
        return queries.message(tx, message_id)


@get("/ui/contacts/{contact_id:uuid}/avatar", sync_to_thread=True, opt={"permission": "contact.read"})
def contact_picture(resources: Resources, viewer: Viewer, contact_id: UUID) -> Response[bytes]:
    """The address carries the picture's hash, so it may be kept."""
    scope = viewer.scope()
    with resources.database.transaction(scope) as tx:
        sha256 = contacts.picture(tx, contact_id)
    path = store.path_of(resources.media_folder, scope.tenant_id, sha256)
    if not path.exists():
        raise NotFound
    content = path.read_bytes()
    mime = sniffing.mime_of(content[:8192], None)
    if not mime.startswith("image/"):
        raise NotFound
    return Response(content, media_type=mime, headers=PICTURE_HEADERS)


ROUTES = [
    contact_picture,
    save_draft,
    forget_draft,
    mark_seen,
    mark_unread,
    typing,
    counts,
    check_number,
    find_conversations,
    mark_message_sent,
]
