"""Opaque positions in a list: the sort key of the last row shown, so that rows arriving meanwhile shift nothing."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec

from hunfly_box.kit.errors import FieldError, Invalid

T = TypeVar("T")
Place = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class Position:
    at: datetime
    id: UUID


def encode(position: Position) -> str:
    packed = msgspec.json.encode([position.at, position.id])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(cursor: str | None) -> Position | None:
    if not cursor:
        return None
    try:
        at, id_ = msgspec.json.decode(_unpacked(cursor), type=tuple[datetime, UUID])
    except (ValueError, msgspec.MsgspecError) as error:
        raise _foreign() from error
    return Position(at, id_)


def page_of(items: Sequence[T], *, cursor: str | None, limit: int) -> tuple[list[T], str | None]:
    """A page of a list that is short enough to be read whole, such as a tenant's numbers: the cursor is a place."""
    start = _place(cursor)
    following = start + limit
    packed = base64.urlsafe_b64encode(b"%d" % following).decode().rstrip("=")
    return list(items[start:following]), packed if following < len(items) else None


def _place(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        return msgspec.json.decode(_unpacked(cursor), type=Place)
    except (ValueError, msgspec.MsgspecError) as error:
        raise _foreign() from error


def _unpacked(cursor: str) -> bytes:
    """Raises ValueError, of which binascii.Error is one."""
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def _foreign() -> Invalid:
    return Invalid(
        "The cursor is not one of ours.",
        errors=(FieldError("cursor", "cursor", "Take it from `next` of the page before."),),
    )
