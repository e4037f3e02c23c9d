"""Opaque positions in a list: the sort key of the last row shown, so that rows arriving meanwhile shift nothing."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from hunfly_box.kit.errors import FieldError, Invalid


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
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at, id_ = msgspec.json.decode(packed, type=tuple[datetime, UUID])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise Invalid(
            "The cursor is not one of ours.",
            errors=(FieldError("cursor", "cursor", "Take it from `next` of the page before."),),
        ) from error
    return Position(at, id_)
