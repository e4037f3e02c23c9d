"""/api/docs: the OpenAPI document as a plain page, without a script and without anything from elsewhere."""

from typing import Any

from litestar import Request, get
from litestar.enums import MediaType
from litestar.response import Response

from hunfly_box import VERSION
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.kit.i18n import DEFAULT_VIEWER

METHODS = ("get", "post", "put", "patch", "delete")


@get("/api/docs", sync_to_thread=True, opt={"permission": "public"})
def api_docs(request: Request[Any, Any, Any], resources: Resources, viewer: Viewer | None) -> Response[str]:
    schema = request.app.openapi_schema.to_schema()
    html = resources.templates.page(
        "access/api_docs.html",
        viewer.language if viewer else DEFAULT_VIEWER,
        version=VERSION,
        operations=operations(schema),
    )
    return Response(html, media_type=MediaType.HTML)


def operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "method": method.upper(),
            "path": path,
            "summary": item[method].get("summary", ""),
            "description": item[method].get("description", ""),
            "parameters": [
                {"name": parameter["name"], "place": parameter["in"], "required": parameter.get("required", False)}
                for parameter in item[method].get("parameters", [])
            ],
            "answers": sorted(item[method].get("responses", {})),
        }
        for path, item in sorted(schema.get("paths", {}).items())
        for method in METHODS
        if method in item
    ]


ROUTES = [api_docs]
