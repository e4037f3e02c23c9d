"""Writes that may be asked for twice: what the REST edges share."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import redis
from litestar.enums import MediaType
from litestar.response import Response

from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.kit import idempotency, turns
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.idempotency import Answer, Request
from hunfly_box.kit.redis import key as redis_key

OK = 200
CREATED = 201
NO_CONTENT = 204
# Longer than the slowest call of the engine; a call that died is not waited for longer.
RUNNING_SECONDS = 90


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


@contextmanager
def running(resources: Resources, viewer: Viewer, request: Request | None) -> Iterator[None]:
    """Around a slow step before the transaction, so that a second call is told at once. Raises Busy.

    Without Redis the second call waits for the step too, and the transaction decides.
    """
    place = _place(viewer, request) if request is not None else None
    mine = None
    if place is not None:
        try:
            mine = turns.take(resources.redis, place, RUNNING_SECONDS)
            if mine is None:
                raise idempotency.Busy
        except redis.RedisError:
            pass
    try:
        yield
    finally:
        if place is not None and mine is not None:
            turns.give_back(resources.redis, place, mine)


def _place(viewer: Viewer, request: Request) -> str:
    name = hashlib.sha256(request.key.encode()).hexdigest()
    return redis_key(viewer.tenant_id, "running", request.user_id, name)


def _answer(status: int, told: msgspec.Struct | None) -> Answer:
    return Answer(status, b"" if told is None else msgspec.json.encode(told))


def _response(answer: Answer) -> Response[Any]:
    return Response(answer.body, status_code=answer.status, media_type=MediaType.JSON)
