"""Writes that may be asked for twice: what the REST edges share."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar.enums import MediaType
from litestar.response import Response

from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.kit import idempotency
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.idempotency import Answer, Request

OK = 200
CREATED = 201
NO_CONTENT = 204


def asked(viewer: Viewer, key: str | None, address: str, body: msgspec.Struct | None = None) -> Request | None:
    return None if key is None else idempotency.request(key, viewer.user_id, address, body)


def once(
    resources: Resources,
    viewer: Viewer,
    request: Request | None,
    write: Callable[[TenantTransaction], msgspec.Struct | None],
    *,
    status: int = OK,
) -> Response[Any]:
    """The write and its stored answer, in one transaction. A write that has nothing to tell answers without a body."""
    with resources.database.transaction(viewer.scope()) as tx:
        answer = idempotency.once(tx, request, lambda: _answer(status, write(tx)))
    return _response(answer)


def answered_before(resources: Resources, viewer: Viewer, request: Request | None) -> Response[Any] | None:
    if request is None:
        return None
    with resources.database.transaction(viewer.scope()) as tx:
        answer = idempotency.stored_answer(tx, request)
    return None if answer is None else _response(answer)


def _answer(status: int, told: msgspec.Struct | None) -> Answer:
    return Answer(status, b"" if told is None else msgspec.json.encode(told))


def _response(answer: Answer) -> Response[Any]:
    return Response(answer.body, status_code=answer.status, media_type=MediaType.JSON)
