"""What every page of the product has around it: who is signed in, where they may go, how they like it."""

from typing import Any

from litestar.enums import MediaType
from litestar.response import Response

from hunfly_box.access import permissions
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources

# The pages of the rail, in its order, and the permission that opens each.
PAGES = {
    "inbox": "conversation.read",
    "channels": "channel.read",
    "tenants": "tenant.list",
    "journal": "journal.list",
}


def page(
    resources: Resources, viewer: Viewer, template: str, place: str, *, status_code: int = 200, **context: Any
) -> Response[str]:
    """`place` marks the rail: one of PAGES, or profile."""
    html = resources.templates.page(template, viewer.language, **frame(resources, viewer, place), **context)
    return Response(html, media_type=MediaType.HTML, status_code=status_code)


def fragment(resources: Resources, viewer: Viewer, template: str, /, **context: Any) -> Response[str]:
    """A part of a page, without the frame."""
    html = resources.templates.page(template, viewer.language, **context)
    return Response(html, media_type=MediaType.HTML)


def frame(resources: Resources, viewer: Viewer, place: str) -> dict[str, Any]:
    return {
        "me": {"id": str(viewer.user_id), "name": viewer.name, "email": viewer.email, "role": viewer.role},
        "tenant": tenant_of(viewer),
        "csrf": viewer.csrf_token or "",
        "theme": viewer.theme,
        "page": place,
        "may": [key for key, permission in PAGES.items() if permissions.may(viewer, permission)],
        "preferences": viewer.preferences,
        "public_url_secure": resources.settings.is_https,
    }


def tenant_of(viewer: Viewer) -> dict[str, str | None] | None:
    if viewer.tenant_id is None:
        return None
    return {"id": str(viewer.tenant_id), "name": viewer.tenant_name, "slug": viewer.tenant_slug}


def home(viewer: Viewer) -> str:
    """Who may not read content lands on the list of tenants."""
    return "/inbox" if permissions.may(viewer, "conversation.read") else "/tenants"
