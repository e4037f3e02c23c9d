"""The inbox as pages and fragments."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from litestar import get
from litestar.connection import Request
from litestar.enums import MediaType
from litestar.params import QueryParameter
from litestar.response import Redirect, Response

from hunfly_box.access import frame, permissions
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import queries, views
from hunfly_box.inbox.objects import Message
from hunfly_box.kit import hx
from hunfly_box.kit.errors import Forbidden

CHANGES_AT_ONCE = 200
ROWS_AT_ONCE = 50
Count = Annotated[int, QueryParameter(name="n", ge=1, le=500)]


@get("/inbox", sync_to_thread=True, opt={"permission": "profile.read"})
def inbox(
    resources: Resources,
    viewer: Viewer,
    status: str | None = None,
    tab: str | None = None,
    channel: str | None = None,
    label: str | None = None,
    q: str | None = None,
) -> Response[Any]:
    """Open to everybody who is signed in: who may not read content is shown the way to the list of tenants."""
    if not _may_read(viewer):
        return Redirect("/tenants")
    choice = {"status": status, "tab": tab, "channel": channel, "label": label, "q": q}
    return _whole_page(resources, viewer, choice, None)


@get("/inbox/{conversation_id:uuid}", sync_to_thread=True, opt={"permission": "profile.read"})
def inbox_at(
    request: Request[Any, Any, Any],
    resources: Resources,
    viewer: Viewer,
    conversation_id: UUID,
    status: str | None = None,
    tab: str | None = None,
    channel: str | None = None,
    label: str | None = None,
    q: str | None = None,
) -> Response[Any]:
    if not _may_read(viewer):
        return Redirect("/tenants")
    if hx.is_pane(request.headers):
        return _pane(resources, viewer, conversation_id)
    choice = {"status": status, "tab": tab, "channel": channel, "label": label, "q": q}
    return _whole_page(resources, viewer, choice, conversation_id)


@get("/inbox/list", sync_to_thread=True, opt={"permission": "conversation.read"})
def inbox_list(
    resources: Resources,
    viewer: Viewer,
    status: str | None = None,
    tab: str | None = None,
    channel: str | None = None,
    label: str | None = None,
    q: str | None = None,
    cursor: str | None = None,
) -> Response[str]:
    shown, wanted = views.chosen(status=status, tab=tab, channel=channel, label=label, q=q)
    with resources.database.transaction(viewer.scope()) as tx:
        context = views.rows(tx, shown, wanted, cursor)
        context["channels"] = views.numbers(resources, tx)
        context["counts"] = None if cursor else views.counts(tx, str(shown["status"]))
    return frame.fragment(resources, viewer, "inbox/rows.html", **context)


@get("/inbox/rows", sync_to_thread=True, opt={"permission": "conversation.read"})
def some_rows(resources: Resources, viewer: Viewer, ids: str) -> Response[str]:
    """Rows of conversations that came by the live stream, for what only the server knows of them."""
    wanted = list(dict.fromkeys(_ids(ids)))[:ROWS_AT_ONCE]
    with resources.database.transaction(viewer.scope()) as tx:
        context = views.named_rows(tx, wanted)
        context["channels"] = views.numbers(resources, tx)
    return frame.fragment(resources, viewer, "inbox/rows.html", counts=None, **context)


@get("/inbox/{conversation_id:uuid}/older", sync_to_thread=True, opt={"permission": "message.read"})
def older(resources: Resources, viewer: Viewer, conversation_id: UUID, before: UUID, n: Count = 50) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        messages, has_older = queries.messages_before(tx, conversation_id, before, n)
    return _part(resources, viewer, messages, has_older=has_older)


@get("/inbox/{conversation_id:uuid}/newer", sync_to_thread=True, opt={"permission": "message.read"})
def newer(resources: Resources, viewer: Viewer, conversation_id: UUID, after: UUID, n: Count = 50) -> Response[str]:
    """For a thread that shows a part further up."""
    with resources.database.transaction(viewer.scope()) as tx:
        messages, has_newer = queries.messages_after(tx, conversation_id, after, n)
    return _part(resources, viewer, messages, has_newer=has_newer)


@get("/inbox/{conversation_id:uuid}/around", sync_to_thread=True, opt={"permission": "message.read"})
def around(
    resources: Resources, viewer: Viewer, conversation_id: UUID, message: UUID | None = None, n: Count = 60
) -> Response[str]:
    """The thread where a message stands, however far back; without one, its end."""
    with resources.database.transaction(viewer.scope()) as tx:
        queries.require_conversation(tx, conversation_id)
        messages, has_older, has_newer = queries.messages_around(tx, conversation_id, message, n)
    return _part(resources, viewer, messages, has_older=has_older, has_newer=has_newer)


@get("/inbox/{conversation_id:uuid}/changes", sync_to_thread=True, opt={"permission": "message.read"})
def changes(resources: Resources, viewer: Viewer, conversation_id: UUID, since: int) -> Response[str]:
    """For a thread that was out of sight for a while."""
    with resources.database.transaction(viewer.scope()) as tx:
        queries.require_conversation(tx, conversation_id)
        messages, is_too_much = queries.messages_changed(tx, conversation_id, since, CHANGES_AT_ONCE)
    if is_too_much:
        return Response("", media_type=MediaType.HTML, headers={"X-Reload": "1"})
    return frame.fragment(resources, viewer, "inbox/messages.html", messages=messages)


@get("/inbox/{conversation_id:uuid}/side", sync_to_thread=True, opt={"permission": "conversation.read"})
def side(resources: Resources, viewer: Viewer, conversation_id: UUID) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        around = views.surroundings(resources, tx)
        context = views.side(tx, conversation_id, around["channels"])
    whole = frame.frame(resources, viewer, "inbox")
    return frame.fragment(resources, viewer, "inbox/side.html", **whole, **around, **context)


def _part(
    resources: Resources, viewer: Viewer, messages: list[Message], *, has_older: bool = False, has_newer: bool = False
) -> Response[str]:
    answer = frame.fragment(resources, viewer, "inbox/messages.html", messages=messages)
    if has_older:
        answer.headers["X-More"] = "1"
    if has_newer:
        answer.headers["X-Newer"] = "1"
    return answer


def _ids(text: str) -> Iterator[UUID]:
    """What is no id names nothing."""
    for part in text.split(","):
        with suppress(ValueError):
            yield UUID(part)


def _whole_page(
    resources: Resources, viewer: Viewer, choice: dict[str, str | None], conversation_id: UUID | None
) -> Response[str]:
    shown, wanted = views.chosen(**choice)
    with resources.database.transaction(viewer.scope()) as tx:
        cursor = views.live_cursor(tx)
        around = views.surroundings(resources, tx)
        context = {
            **around,
            **views.rows(tx, shown, wanted, None),
            "cursor": cursor,
            "filters": shown,
            "counts": views.counts(tx, str(shown["status"])),
            "conversation": None,
        }
        if conversation_id is not None:
            context |= views.pane(tx, conversation_id, around["channels"])
    return frame.page(resources, viewer, "inbox/index.html", "inbox", **context)


def _pane(resources: Resources, viewer: Viewer, conversation_id: UUID) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        cursor = views.live_cursor(tx)
        around = views.surroundings(resources, tx)
        context = views.pane(tx, conversation_id, around["channels"])
    whole = frame.frame(resources, viewer, "inbox")
    return frame.fragment(resources, viewer, "inbox/pane.html", **whole, **around, **context, cursor=cursor)


def _may_read(viewer: Viewer) -> bool:
    """Raises Forbidden for somebody inside a tenant who may not."""
    if viewer.tenant_id is None:
        return False
    if not permissions.may(viewer, "conversation.read"):
        raise Forbidden
    return True


ROUTES = [inbox, inbox_at, inbox_list, some_rows, older, newer, around, changes, side]
