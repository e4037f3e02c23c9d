"""One guard for every route: it reads the route's permission, and the table says the rest."""

from collections.abc import Iterable, Iterator
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from hunfly_box.access import permissions
from hunfly_box.access.permissions import PERMISSIONS, PUBLIC
from hunfly_box.access.viewer import Viewer
from hunfly_box.kit.errors import Forbidden, Unauthorized

VIEWER_KEY = "viewer"


class UndeclaredPermission(Exception):
    """A route does not say who may call it, or names a permission that is not in the table."""


def check_permission(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    name = handler.opt.get("permission")
    if name == PUBLIC or _is_framework_options(handler):
        return
    viewer = viewer_of(connection.scope)
    if viewer is None:
        raise Unauthorized
    if not permissions.may(viewer, str(name)):
        raise Forbidden


def viewer_of(scope: Any) -> Viewer | None:
    found = scope["state"].get(VIEWER_KEY)
    return found if isinstance(found, Viewer) else None


def refuse_undeclared(routes: Iterable[BaseRoute]) -> None:
    """Called once when the app is built, so that such a route never answers anybody."""
    for route in routes:
        for handler in _handlers(route):
            name = handler.opt.get("permission")
            if name != PUBLIC and name not in PERMISSIONS and not _is_framework_options(handler):
                raise UndeclaredPermission(f"{route.path} ({handler}) declares the permission {name!r}")


def _handlers(route: BaseRoute) -> Iterator[BaseRouteHandler]:
    if isinstance(route, HTTPRoute):
        yield from route.route_handlers
    else:
        yield route.route_handler  # type: ignore[attr-defined]


def _is_framework_options(handler: BaseRouteHandler) -> bool:
    """The framework answers OPTIONS by itself, with nothing but the methods of the path."""
    return isinstance(handler, HTTPRouteHandler) and set(handler.http_methods) == {"OPTIONS"}
