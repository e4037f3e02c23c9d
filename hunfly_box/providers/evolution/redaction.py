"""Takes keys, tokens and bulky bytes out of a webhook before it is written anywhere."""

import math
import re
from typing import Any

import msgspec

from hunfly_box.providers.evolution.encodings import MAX_DEPTH, MAX_INT, LimitPassed, clean

# Written with or without case, `_` and `-` between the words. Whoever reads the journal must not be able to take
# over a session, open a file on WhatsApp's servers, or call the engine.
SECRET_WORDS = (
    "access token",
    "access token wa business",
    "adv secret key",
    "api key",
    "app state sync key share",
    "authorization",
    "axolotl sender key distribution message",
    "bearer",
    "client secret",
    "enc iv",
    "enc payload",
    "fast ratchet key sender key distribution message",
    "file enc sha256",
    "hash",
    "identity key",
    "jwt",
    "jwt key",
    "key data",
    "media key",
    "message secret",
    "noise key",
    "password",
    "private key",
    "priv key",
    "refresh token",
    "secret",
    "sender key distribution message",
    "signed pre key",
    "token",
    "x api key",
    # A QR or pairing code links a device to the number.
    "pairing code",
    "code",
    # Not secret but heavy, and of no use in the journal.
    "base64",
    "buffer",
    "disconnection object",
    "file sha256",
    "first frame sidecar",
    "initial hist bootstrap inline payload",
    "jpeg thumbnail",
    "media",
    "png thumbnail",
    "streaming sidecar",
    "thumbnail",
)
SECRET_KEYS = frozenset(words.replace(" ", "") for words in SECRET_WORDS)


# Of a body nobody can read this much is evidence enough, and cheap to clean.
MAX_UNREADABLE = 1 << 20


class _NeedsWalk(Exception):
    """A secret's value is nested: the body must be decoded to cut it out."""


def redact(raw: bytes) -> bytes:
    """The body to keep: reads the same, holds no secret. Also for a body that is no JSON."""
    if not _is_json(raw):
        return _redact_by_pattern(raw)
    if not _HIDING_ESCAPE.search(raw):
        try:
            return _redact_in_place(raw)
        except _NeedsWalk:
            pass
    try:
        return _encode(redact_value(_decode(raw)))
    except (ValueError, RecursionError):
        return _redact_by_pattern(raw)


def redact_value(value: Any, depth: int = 0) -> Any:
    """A copy without secrets that both JSON and Postgres accept. Raises LimitPassed when it nests too deep."""
    if isinstance(value, dict):
        if depth >= MAX_DEPTH:
            raise LimitPassed("depth")
        return {clean(key): None if is_secret(key) else redact_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        if depth >= MAX_DEPTH:
            raise LimitPassed("depth")
        return [redact_value(item, depth + 1) for item in value]
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not -MAX_INT <= value <= MAX_INT:
        return str(value)
    return value


def is_secret(key: str) -> bool:
    return key in SECRET_KEYS or _SEPARATORS.sub("", key).lower() in SECRET_KEYS


def _is_json(raw: bytes) -> bool:
    try:
        _validate(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _redact_in_place(raw: bytes) -> bytes:
    lower = raw.lower()
    pieces: list[bytes] = []
    kept = 0
    for match in _SECRET_WITH_VALUE.finditer(lower):
        start, end = match.span(1)
        if start < 0:
            raise _NeedsWalk
        pieces.append(raw[kept:start])
        kept = end
    pieces.append(raw[kept:])
    return b"null".join(pieces)


def _redact_by_pattern(raw: bytes) -> bytes:
    """For what is no JSON: key-like names in any quoting, with `:` or `=`; a nested value takes the rest along."""
    plain = _HIDING_ESCAPE.sub(_unhide, raw[:MAX_UNREADABLE])
    pieces: list[bytes] = []
    kept = 0
    for match in _LOOSE_SECRET.finditer(plain.lower()):
        pieces.append(plain[kept : match.start(1)])
        kept = match.end(1)
    pieces.append(plain[kept:])
    return b"null".join(pieces)


def _unhide(match: re.Match[bytes]) -> bytes:
    character = bytes.fromhex(match[1].decode())
    return match[0] if character in b'"\\' else character


def _alternatives(words: list[str]) -> str:
    """One pattern of many names that looks at each letter once: the plain `a|b|c` is three times slower."""
    by_first: dict[str, list[str]] = {}
    for word in words:
        by_first.setdefault(word[:1], []).append(word[1:])
    branches = [
        (_GAP if first == " " else re.escape(first)) + _alternatives(rests)
        for first, rests in sorted(by_first.items())
        if first
    ]
    pattern = "|".join(branches)
    if "" in by_first:
        return f"(?:{pattern})?" if branches else ""
    return f"(?:{pattern})" if len(branches) > 1 else pattern


_GAP = "[_-]?"
_FIRST_LETTERS = "".join(sorted({words[0] for words in SECRET_WORDS}))
_KEY_PATTERN = _alternatives(list(SECRET_WORDS))
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_OPEN_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+\\?$'
_FLAT_VALUE = rf'{_STRING}|[-+.\w]++|\{{(?:"\d+":\d+,?)*+\}}|\[[\d,]*+\]'
# Group 1 is the value, when it is one that can be cut out without counting brackets.
_SECRET_WITH_VALUE = re.compile(
    rf'"(?=[{_FIRST_LETTERS}]){_KEY_PATTERN}"\s*+:\s*+(?:({_FLAT_VALUE})(?=\s*+[,}}\]])|)'.encode(), re.DOTALL
)
# A bracket in a string closes nothing; where quoting is not plain, a nested value is not told from what follows it.
_LOOSE_INSIDE = rf"""(?:[^{{}}\[\]"'\\]++|{_STRING})*+"""
_LOOSE_VALUE = (
    rf"""{_STRING}|{_OPEN_STRING}|\\"[^"]*"?|'[^']*'?"""
    rf"""|\{{{_LOOSE_INSIDE}\}}|\[{_LOOSE_INSIDE}\]|[{{\[].*|[^\s,;&}}\]]+"""
)
_LOOSE_SECRET = re.compile(
    rf"""(?=[{_FIRST_LETTERS}])(?<![a-z0-9]){_KEY_PATTERN}\\?["']?\s*+[:=]\s*+({_LOOSE_VALUE})""".encode(), re.DOTALL
)
# A letter written as \u0061 could hide a key's name; no ordinary encoder escapes printable ASCII.
_HIDING_ESCAPE = re.compile(rb"\\u00([2-7][0-9a-fA-F])")
_SEPARATORS = re.compile(r"[^0-9A-Za-z]+")
_validate = msgspec.json.Decoder(msgspec.Raw).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
