"""What a program's request may hold: parameters and fields that somebody reads, and a body where one belongs.

What nobody reads must not look as if it worked.
"""

from typing import Any

import msgspec
from litestar import Request

from hunfly_box.kit.errors import FieldError, HunflyError, Invalid

JSON = "application/json"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
BODY = "data"


class WrongMediaType(HunflyError):
    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


async def check_form(request: "Request[Any, Any, Any]") -> None:
    """Before the handler's own arguments are read. Raises WrongMediaType, Invalid."""
    parameters = request.route_handler.parsed_fn_signature.parameters
    for name in request.query_params:
        if name not in parameters or name == BODY or name in request.path_params:
            raise _invalid(name, "unknown", "There is no such parameter.")
    if request.method in SAFE_METHODS:
        return
    is_empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    if is_empty:
        if BODY in parameters:
            raise _invalid("body", "required", "This call needs a body.")
        return
    _check_media_type(request)
    if BODY not in parameters:
        _refuse_fields(await request.body())


def _check_media_type(request: "Request[Any, Any, Any]") -> None:
    """Who names no type is taken to mean the right one."""
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    expected = request.route_handler.opt.get("body", JSON)
    if given and given != expected:
        raise WrongMediaType(f"Send the body as {expected}.")


def _refuse_fields(body: bytes) -> None:
    """An empty object is as good as no body."""
    try:
        told = msgspec.json.decode(body) if body.strip() else {}
    except (ValueError, RecursionError):
        told = None
    if told != {}:
        name = next(iter(told)) if isinstance(told, dict) else "body"
        raise _invalid(name, "unknown", "This call takes no body.")


def _invalid(field: str, code: str, detail: str) -> Invalid:
    return Invalid(f"{field}: {detail}", errors=(FieldError(field, code, detail),))
