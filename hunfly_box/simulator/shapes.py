"""Values as Evolution prints them: protobuf bytes and 64-bit numbers have a different face on every road out."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Long:
    """A 64-bit number as the protobuf library of the real engine holds it."""

    value: int
    unsigned: bool = False

    def halves(self) -> Json:
        low = self.value & 0xFFFFFFFF
        high = (self.value >> 32) & 0xFFFFFFFF
        return {"low": _signed(low), "high": _signed(high), "unsigned": self.unsigned}


def _signed(word: int) -> int:
    return word - 0x100000000 if word >= 0x80000000 else word


def wire(value: Any) -> Any:
    """Webhooks and HTTP answers: bytes become objects of indexes, numbers their two halves."""
    return _encode(value, lambda raw: {str(i): byte for i, byte in enumerate(raw)}, Long.halves)


def stored(value: Any) -> Any:
    """findMessages reads its own table back: bytes are base64 there, numbers still halves."""
    return _encode(value, _base64, Long.halves)


def protobuf_json(value: Any) -> Any:
    """messages.edited prints protobuf's own JSON: bytes are base64, numbers are strings."""
    return _encode(value, _base64, lambda number: str(number.value))


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _encode(value: Any, raw: Callable[[bytes], Any], number: Callable[[Long], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _encode(item, raw, number) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item, raw, number) for item in value]
    if isinstance(value, bytes):
        return raw(value)
    if isinstance(value, Long):
        return number(value)
    return value


def packed(value: Any) -> Any:
    """For the state file, so that both kinds come back as what they were."""
    return _encode(value, lambda raw: {"$bytes": _base64(raw)}, lambda n: {"$long": [n.value, n.unsigned]})


def unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [unpacked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$bytes"}:
        return base64.b64decode(value["$bytes"])
    if set(value) == {"$long"}:
        return Long(*value["$long"])
    return {key: unpacked(item) for key, item in value.items()}


def without_nothing(**fields: Any) -> Json:
    """JavaScript's undefined never reaches the wire; its null does."""
    return {name: value for name, value in fields.items() if value is not None}


def row_id() -> str:
    return "cm" + "".join(secrets.choice(BASE36) for _ in range(23))


def engine_message_id() -> str:
    """The form of ids that the linked-device library makes for what it sends."""
    return "3EB0" + secrets.token_hex(9).upper()


def phone_message_id() -> str:
    """The form of ids that an Android phone makes."""
    return "AC" + secrets.token_hex(15).upper()


def new_uuid() -> str:
    return str(uuid.uuid4())


def iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
