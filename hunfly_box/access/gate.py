"""What stands before every handler: who is it, are they asking too often, did they mean this write."""

from typing import Any
from urllib.parse import parse_qs

from litestar.concurrency import sync_to_thread
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from hunfly_box.access import authentication, csrf
from hunfly_box.access.guards import VIEWER_KEY
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.kit.errors import HunflyError, TooMany
from hunfly_box.kit.http import client_ip, network_of
from hunfly_box.kit.throttle import Limit, Throttle

IP_KEY = "client_ip"

# A form of ours is far below this; whatever is larger has no business carrying its token in the body.
LARGEST_FORM_BYTES = 256 * 1024
FORM = "application/x-www-form-urlencoded"


class FormTooLarge(HunflyError):
    status = 413
    code = "too_large"
    title = "Request body too large"


class Gate:
    """Routes may declare in `opt`: unmetered (not counted), csrf="pre_session" (the sign-in form)."""

    def __init__(self, app: ASGIApp, resources: Resources, throttle: Throttle) -> None:
        self._app = app
        self._resources = resources
        self._throttle = throttle
        settings = resources.settings
        self._per_ip = Limit("ip", settings.rate_per_ip, 60)
        self._per_session = Limit("session", settings.rate_per_session, 60)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = Headers.from_scope(scope)
        options = scope["route_handler"].opt
        ip = client_ip(scope, headers)
        scope["state"][IP_KEY] = ip
        if not options.get("unmetered"):
            scope["state"][VIEWER_KEY] = await sync_to_thread(self._admit, headers, ip)
        if str(scope.get("method")) not in csrf.SAFE_METHODS:
            receive = await self._check_intent(scope, headers, options, receive)
        await self._app(scope, receive, send)

    def _admit(self, headers: Headers, ip: str) -> Viewer | None:
        """Runs in a thread: asks the database and Redis."""
        viewer = authentication.viewer_from_headers(self._resources, headers)
        counted = (self._per_ip, network_of(ip)) if viewer is None else (self._per_session, _name_of(viewer))
        seconds = self._throttle.wait_seconds(counted)
        if seconds:
            raise TooMany("Too many requests. Wait a moment.", retry_after_seconds=seconds)
        return viewer

    async def _check_intent(self, scope: Scope, headers: Headers, options: dict[str, Any], receive: Receive) -> Receive:
        settings = self._resources.settings
        session_id = authentication.session_cookie(settings, headers)
        is_pre_session = options.get("csrf") == "pre_session"
        if session_id is None and not is_pre_session:
            # No cookie a browser could have sent by itself: a program with its token, or nobody.
            return receive
        csrf.check_origin(settings, headers)
        given = headers.get(csrf.HEADER)
        if given is None and headers.get("content-type", "").split(";")[0].strip().lower() == FORM:
            body, receive = await _read_form(receive)
            given = next(iter(parse_qs(body.decode("utf-8", "replace")).get(csrf.FIELD, [])), None)
        if is_pre_session:
            cookie = authentication.cookie(headers, authentication.pre_session_cookie_name(settings))
            csrf.check_pre_session(self._resources.sealer, cookie, given)
        elif session_id is not None:
            viewer = scope["state"].get(VIEWER_KEY)
            if not isinstance(viewer, Viewer) or viewer.csrf_token is None:
                viewer = await sync_to_thread(authentication.viewer_of_session, self._resources, session_id)
            if viewer is None and headers.get("authorization") is None:
                # An ended session: the guard answers that signing in is needed.
                return receive
            csrf.check_token(given, viewer.csrf_token if viewer else None)
        return receive


def _name_of(viewer: Viewer) -> str:
    return viewer.session_hash.hex() if viewer.session_hash else str(viewer.token_id)


async def _read_form(receive: Receive) -> tuple[bytes, Receive]:
    """The body, and a `receive` that gives it once more."""
    messages: list[Any] = []
    body = b""
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if len(body) > LARGEST_FORM_BYTES:
            raise FormTooLarge
        if not message.get("more_body"):
            break
    waiting = iter(messages)

    async def replay() -> Any:
        found = next(waiting, None)
        return found if found is not None else await receive()

    return body, replay
