"""The Litestar application: a table of contents. What stands before every handler is in kit.http and access.gate."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_origin

from litestar import Litestar, Request, Router
from litestar.di import Dependency, Provide
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from litestar.middleware import DefineMiddleware
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import SkipValidationMarker
from litestar.response import Response

from hunfly_box import VERSION
from hunfly_box.access import pages as access_pages
from hunfly_box.access.gate import Gate
from hunfly_box.access.guards import check_permission, refuse_undeclared, viewer_of
from hunfly_box.access.pages import error_page
from hunfly_box.access.permissions import PUBLIC
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.channels import api as channels_api
from hunfly_box.channels import pages as channels_pages
from hunfly_box.contacts import api as contacts_api
from hunfly_box.health import api_docs, static_files
from hunfly_box.health import pages as health_pages
from hunfly_box.inbox import api as inbox_api
from hunfly_box.inbox import labels_api, labels_pages
from hunfly_box.inbox import pages as inbox_pages
from hunfly_box.inbox import ui as inbox_ui
from hunfly_box.ingest import pages as ingest_pages
from hunfly_box.kit.errors import NotFound
from hunfly_box.kit.head import HeadAsGet
from hunfly_box.kit.http import PROBLEM, Edge, exception_handlers, problem_body
from hunfly_box.kit.request_form import check_form
from hunfly_box.kit.throttle import Throttle
from hunfly_box.media import api as media_api
from hunfly_box.media import pages as media_pages
from hunfly_box.tenancy import pages as tenancy_pages

# Pages and what only our own browser code calls; not in the OpenAPI document.
PAGES = [
    *access_pages.ROUTES,
    *inbox_pages.ROUTES,
    *inbox_ui.ROUTES,
    *media_pages.ROUTES,
    *channels_pages.ROUTES,
    *labels_pages.ROUTES,
    *ingest_pages.ROUTES,
    *tenancy_pages.ROUTES,
    *health_pages.ROUTES,
    *api_docs.ROUTES,
    *static_files.ROUTES,
]
# For programs: /api/v1, in the OpenAPI document.
API: list[Any] = [
    *inbox_api.ROUTES,
    *labels_api.ROUTES,
    *contacts_api.ROUTES,
    *channels_api.ROUTES,
    *media_api.ROUTES,
]

# Requests larger than this are refused before they are read whole; the upload route allows more for itself.
LARGEST_BODY_BYTES = 1024 * 1024


def create_app(resources: Resources, pages: Sequence[Any] = (), api: Sequence[Any] = ()) -> Litestar:
    """`pages` and `api` are routes beside the listed ones. Raises UndeclaredPermission for one that declares none."""
    throttle = Throttle(resources.redis)
    given = {
        "resources": Provide(lambda: resources, sync_to_thread=False),
        "throttle": Provide(lambda: throttle, sync_to_thread=False),
        "viewer": Provide(viewer, sync_to_thread=False),
    }
    page_routes, api_routes = [*PAGES, *pages], [*API, *api]
    _mark_dependencies([*page_routes, *api_routes], given)
    with warnings.catch_warnings():
        # Version 3 wants path and query parameters marked as such; 2, which the lock names, knows them by name.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = Litestar(
            route_handlers=[
                Router("/", route_handlers=page_routes, include_in_schema=False),
                Router("/", route_handlers=api_routes, before_request=check_form),
            ],
            dependencies=given,
            middleware=[DefineMiddleware(Gate, resources=resources, throttle=throttle)],
            guards=[check_permission],
            exception_handlers=exception_handlers(error_page.render(resources)),
            openapi_config=openapi(),
            request_max_body_size=LARGEST_BODY_BYTES,
            # Errors of ours are answers, not incidents; the handler logs what is one.
            logging_config=None,
            debug=False,
        )
    refuse_undeclared(app.routes)
    app.state.throttle = throttle
    app.asgi_handler = Edge(HeadAsGet(app.asgi_handler), is_https=resources.settings.is_https)
    return app


def _mark_dependencies(handlers: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Says once for all handlers that these parameters are ours: not the request's, and not to be validated."""
    for handler in handlers:
        annotations = handler.fn.__annotations__
        for name in given.keys() & annotations.keys():
            if get_origin(annotations[name]) is not Annotated:
                annotations[name] = Annotated[annotations[name], SkipValidationMarker(), Dependency(kind="named")]


def viewer(request: Request[Any, Any, Any]) -> Viewer | None:
    """None only where the route is public."""
    return viewer_of(request.scope)


def openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Hunfly Box",
        version=VERSION,
        components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"token": []}],
        use_handler_docstrings=True,
        # The document alone: the framework's own pages load scripts from strangers. Ours is /api/docs.
        render_plugins=[JsonRenderPlugin()],
        openapi_router=Router(
            "/api",
            route_handlers=[],
            include_in_schema=False,
            opt={"permission": PUBLIC},
            after_request=_as_problem,
        ),
    )


def _as_problem(response: Response[Any]) -> Response[Any]:
    """The framework answers unknown paths under /api with a page of its own."""
    if response.status_code != 404:
        return response
    return Response(problem_body(NotFound()), status_code=404, media_type=PROBLEM)
