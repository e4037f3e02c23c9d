"""The many ways one value is written: Longs, index objects, base64, strings with NULs; and the limits of a body."""

import base64
import binascii
import json
import math
from typing import Any

import msgspec

MAX_DEPTH = 64
MAX_KEYS = 10_000
MAX_STRING = 1 << 20
# WhatsApp's own limit for a message.
MAX_TEXT = 65_536
MAX_NAME = 255
MAX_INT = (1 << 63) - 1
# Beyond the year 9999, which neither Postgres nor Python can write as a date.
MAX_EPOCH_SECONDS = 253_402_300_800
# Evolution and Baileys write milliseconds where seconds are meant in places; 10^11 s is the year 5138.
MILLISECONDS_FROM = 100_000_000_000

_decode = msgspec.json.Decoder().decode


class LimitPassed(ValueError):
    """Deeper, wider or longer than any real body."""


def decode(raw: bytes) -> Any:
    """Raises ValueError when the body is no JSON, LimitPassed when it nests too deep to read."""
    try:
        return _decode(raw)
    except RecursionError:
        raise LimitPassed("nesting") from None
    except ValueError:
        pass
    # Broken UTF-8 and lone surrogates are repaired rather than refused: the message is more than one character.
    try:
        return json.loads(raw.decode("utf-8", "replace"), parse_constant=_refuse, parse_int=_integer_or_text)
    except RecursionError:
        raise LimitPassed("nesting") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _integer_or_text(digits: str) -> int | str:
    return int(digits) if len(digits) < 19 else digits


def check_limits(value: Any) -> None:
    """Raises LimitPassed. Bytes written as {"0": 1, "1": 2} count as one value: a thumbnail has thousands."""
    keys = 0
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                if not _is_index_object(item):
                    keys += len(item)
                    deeper.extend(item.values())
            elif isinstance(item, list):
                keys += len(item)
                deeper.extend(item)
            elif isinstance(item, str) and len(item) > MAX_STRING:
                raise LimitPassed("string")
        if keys > MAX_KEYS:
            raise LimitPassed("keys")
        if not deeper:
            return
        level = deeper
    raise LimitPassed("depth")


def _is_index_object(item: dict[Any, Any]) -> bool:
    return "0" in item and next(iter(item)) == "0" and isinstance(item["0"], int) and _all_integers(item)


def _all_integers(item: dict[Any, Any]) -> bool:
    return all(type(value) is int for value in item.values())


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def clean(value: str) -> str:
    """What Postgres accepts as text: no NUL, no lone surrogates."""
    if "\x00" in value:
        value = value.replace("\x00", "")
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode("utf-8") if _has_surrogate(value) else value
    return value


def _has_surrogate(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False


def text(value: Any, limit: int = MAX_TEXT) -> str | None:
    """None for what is no string or empty. Raises LimitPassed rather than losing an end silently."""
    if not isinstance(value, str) or not value:
        return None
    if len(value) > limit:
        raise LimitPassed("text")
    return clean(value) or None


def name(value: Any) -> str | None:
    """A short label; a longer one is cut."""
    return (clean(value[:MAX_NAME]).strip() or None) if isinstance(value, str) else None


def identifier(value: Any) -> str | None:
    """An id as a key in our tables: printable and short, or it is none."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not value.isprintable():
        return None
    return value


def integer(value: Any) -> int | None:
    """From a number, its digits, or {low, high, unsigned}; None when it does not fit 64 bits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, dict):
        low, high = value.get("low"), value.get("high")
        if type(low) is not int or type(high) is not int:
            return None
        value = high * (1 << 32) + (low & 0xFFFFFFFF)
    elif isinstance(value, str):
        if not value.removeprefix("-").isdigit() or not value.isascii() or len(value) > 20:
            return None
        value = int(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = int(value)
    if not isinstance(value, int) or not -MAX_INT <= value <= MAX_INT:
        return None
    return value


def count(value: Any) -> int | None:
    """A size or duration: never negative, never beyond 32 bits."""
    number = integer(value)
    return number if number is not None and 0 <= number < 1 << 31 else None


def number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def epoch_seconds(value: Any) -> float:
    """0.0 when it is none."""
    moment: float | None = value if isinstance(value, float) and math.isfinite(value) else integer(value)
    if moment is None or moment <= 0:
        return 0.0
    if moment >= MILLISECONDS_FROM:
        moment /= 1000
    return float(moment) if moment < MAX_EPOCH_SECONDS else 0.0


def octets(value: Any, limit: int = 4096) -> bytes:
    """From index objects, base64, {type: Buffer, data: […]} or lists; empty when it is none of them or too long."""
    if isinstance(value, dict):
        value = value["data"] if isinstance(value.get("data"), list) else list(value.values())
    if isinstance(value, str) and len(value) <= 2 * limit:
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return b""
    if isinstance(value, list) and len(value) <= limit and all(type(v) is int and 0 <= v < 256 for v in value):
        return bytes(value)
    return b""
