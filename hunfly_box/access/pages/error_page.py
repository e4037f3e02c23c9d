"""Errors as a page, in the asker's language; who must sign in first is taken there."""

from typing import Any

from litestar import Request
from litestar.enums import MediaType
from litestar.response import Redirect, Response

from hunfly_box.access import frame
from hunfly_box.access.guards import viewer_of
from hunfly_box.access.pages.signing_in import login_address
from hunfly_box.bootstrap import Resources
from hunfly_box.kit import i18n
from hunfly_box.kit.errors import HunflyError, Unauthorized
from hunfly_box.kit.http import ErrorPage


def render(resources: Resources) -> ErrorPage:
    def answer(request: "Request[Any, Any, Any]", error: HunflyError) -> Response[Any]:
        if isinstance(error, Unauthorized):
            return Redirect(login_address(request.url.path), status_code=303)
        viewer = viewer_of(request.scope)
        language = viewer.language if viewer else i18n.Viewer(_language(request))
        around = frame.frame(resources, viewer, "") if viewer else {"may": [], "page": "", "csrf": "", "theme": "auto"}
        html = resources.templates.page(
            "access/error.html",
            language,
            **around,
            status=error.status,
            code=error.code,
            home=frame.home(viewer) if viewer else "/login",
            signed_in=viewer is not None,
        )
        return Response(html, media_type=MediaType.HTML, status_code=error.status)

    return answer


def _language(request: "Request[Any, Any, Any]") -> str:
    wanted = request.cookies.get("lang")
    return wanted if wanted in i18n.LOCALES else i18n.closest_locale(request.headers.get("accept-language", "")[:5])
