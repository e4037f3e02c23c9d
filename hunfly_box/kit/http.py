"""The edge of every answer: strict headers, a name for each request, and errors in the form the asker reads."""

import ipaddress
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import psycopg
from litestar import Request
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Response
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hunfly_box.kit import hx, metrics
from hunfly_box.kit.errors import FieldError, HunflyError, Invalid, TooMany, Unauthorized
from hunfly_box.kit.logging import request_id

log = logging.getLogger("hunfly.http")

PROBLEM = "application/problem+json"
NUL_CHARACTER = FieldError("body", "characters", "Leave the character U+0000 out.")
# How the framework names the field inside its words.
NAMED = re.compile(r"Object (?:contains unknown|missing required) field `([^`]+)`")

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
SECURITY_HEADERS = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"permissions-policy": b"microphone=(self), camera=(), geolocation=(self), payment=(), usb=()",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}
STRICT_TRANSPORT = {b"strict-transport-security": b"max-age=31536000"}

# Statuses of the framework's own refusals, with the stable code of each.
CODES = {
    400: "malformed",
    401: "auth.required",
    403: "auth.forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}

ErrorPage = Callable[["Request[Any, Any, Any]", HunflyError], Response[Any]]


class Unavailable(HunflyError):
    status = 503
    code = "unavailable"
    title = "Not available right now"


class Malformed(HunflyError):
    status = 400
    code = "malformed"
    title = "The request cannot be read"


class Edge:
    """Around the whole application, so that answers nobody wrote a handler for carry the same headers."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._headers = SECURITY_HEADERS | (STRICT_TRANSPORT if is_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started, name = perf_counter(), secrets.token_hex(8)
        token = request_id.set(name)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._with_ours(list(message["headers"]), name)
                metrics.http_answered(message["status"], perf_counter() - started)
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        finally:
            request_id.reset(token)

    def _with_ours(self, headers: list[tuple[bytes, bytes]], name: str) -> list[tuple[bytes, bytes]]:
        """A handler may be stricter or deliberately laxer, as media and static files are: its own header stands."""
        present = {key.lower() for key, _ in headers}
        ours = [(key, value) for key, value in self._headers.items() if key not in present]
        return [*headers, *ours, (b"x-request-id", name.encode())]


def security_headers(*, is_https: bool) -> list[tuple[bytes, bytes]]:
    """For the edges that speak ASGI themselves: the live stream and the receiver."""
    return list((SECURITY_HEADERS | (STRICT_TRANSPORT if is_https else {})).items())


def client_ip(scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Who asks. The forwarding header counts only when the proxy beside us wrote it; then its last entry does."""
    peer = scope.get("client")
    host = str(peer[0]) if peer else "127.0.0.1"
    forwarded = headers.get("x-forwarded-for")
    if forwarded and is_loopback(host):
        return _plain(forwarded.rsplit(",", 1)[-1].strip()) or host
    return _plain(host) or host


def network_of(ip: str) -> str:
    """What one household or server can choose from: the address itself, of IPv6 its /64."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False).network_address) + "/64"


def is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == ""
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def is_forwarded(headers: Mapping[str, str]) -> bool:
    return any(name in headers for name in ("x-real-ip", "forwarded", "via")) or any(
        name.lower().startswith("x-forwarded-") for name in headers
    )


def _plain(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def wants_page(path: str, headers: Mapping[str, str]) -> bool:
    """A browser asks for a page; programs, and our own scripts, read problem+json."""
    is_for_programs = path.startswith(("/api/", "/ui/", "/live", "/health/", "/metrics"))
    return not is_for_programs and not hx.is_htmx(headers) and "text/html" in headers.get("accept", "")


def problem(error: HunflyError) -> Response[dict[str, Any]]:
    return Response(problem_body(error), status_code=error.status, media_type=PROBLEM, headers=headers_of(error))


def problem_body(error: HunflyError) -> dict[str, Any]:
    return {
        "type": f"urn:hunfly:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "errors": [{"field": item.field, "code": item.code, "detail": item.detail} for item in error.errors],
    }


def headers_of(error: HunflyError) -> dict[str, str]:
    if isinstance(error, TooMany):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, Unavailable):
        return {"Retry-After": "2"}
    return {}


def exception_handlers(error_page: ErrorPage) -> dict[Any, Any]:
    """For the application: one rendering of every error, as a page or as problem+json."""

    def answer(request: "Request[Any, Any, Any]", exception: Exception) -> Response[Any]:
        error = as_hunfly_error(exception)
        if error.status >= 500 and not isinstance(error, Unavailable):
            log.error("%s %s failed", request.method, request.url.path, exc_info=exception)
        elif isinstance(error, Unavailable):
            log.warning("%s %s: %s", request.method, request.url.path, type(exception).__name__)
        if wants_page(request.url.path, request.headers):
            try:
                page = error_page(request, error)
            except Exception:  # noqa: BLE001 - an error must be answered even where no page can be made of it
                log.exception("the error page failed")
                return problem(error)
            page.headers.update(headers_of(error))
            return page
        return problem(error)

    return {HunflyError: answer, HTTPException: answer, Exception: answer}


def as_hunfly_error(exception: Exception) -> HunflyError:
    if isinstance(exception, HunflyError):
        return exception
    if isinstance(exception, ValidationException):
        return Invalid("Some fields are not as they must be.", errors=tuple(_field_errors(exception.extra)))
    if isinstance(exception, HTTPException):
        return _of_framework(exception)
    if isinstance(exception, UnicodeDecodeError | RecursionError):
        return Malformed("The body is not UTF-8, or nested too deeply.")
    if isinstance(exception, DataError) and isinstance(exception.orig, psycopg.DataError) and _holds_nul(exception):
        return Invalid("Text cannot hold the character U+0000.", errors=(NUL_CHARACTER,))
    if isinstance(exception, OperationalError | InterfaceError | PoolTimeout):
        return Unavailable("The database does not answer. Try again in a moment.")
    return HunflyError(f"Something went wrong. Its number in the log is {request_id.get()}.")


def _holds_nul(exception: DataError) -> bool:
    """Refused by the driver in a text, by Postgres in a JSON value; no field of ours may hold it."""
    return "NUL" in str(exception.orig) or isinstance(exception.orig, psycopg.errors.UntranslatableCharacter)


def _of_framework(exception: HTTPException) -> HunflyError:
    status = exception.status_code
    if status >= 500:
        return HunflyError(f"Something went wrong. Its number in the log is {request_id.get()}.")
    error = HunflyError(exception.detail, code=CODES.get(status, "refused"))
    error.status = status
    error.title = exception.detail.split(",", 1)[0]
    return error


def _field_errors(extra: Any) -> list[FieldError]:
    found = extra if isinstance(extra, list) else []
    return [
        FieldError(_field_name(item), "invalid", str(item.get("message", "")))
        for item in found
        if isinstance(item, dict)
    ]


def _field_name(item: dict[str, Any]) -> str:
    """An unknown or missing field is named itself, not only what it is unknown to."""
    place = str(item.get("key", "data"))
    named = NAMED.match(str(item.get("message", "")))
    if named is None:
        return place if place != "data" else "body"
    return named[1] if place == "data" else f"{place}.{named[1]}"
