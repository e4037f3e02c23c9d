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

CREATED = 201


def asked(viewer: Viewer, key: str | None, address: str, body: msgspec.Struct | None) -> Request | None:
    return None if key is None else idempotency.request(key, viewer.user_id, address, body)


def once(
    resources: Resources,
    viewer: Viewer,
    request: Request | None,
    write: Callable[[TenantTransaction], msgspec.Struct],
) -> Response[Any]:
    """The write and its stored answer, in one transaction."""
    with resources.database.transaction(viewer.scope()) as tx:
        answer = idempotency.once(tx, request, lambda: Answer(CREATED, msgspec.json.encode(write(tx))))
    return _response(answer)


def answered_before(resources: Resources, viewer: Viewer, request: Request | None) -> Response[Any] | None:
    if request is None:
        return None
    with resources.database.transaction(viewer.scope()) as tx:
        answer = idempotency.stored_answer(tx, request)
    return None if answer is None else _response(answer)


def _response(answer: Answer) -> Response[Any]:
    return Response(answer.body, status_code=answer.status, media_type=MediaType.JSON)
