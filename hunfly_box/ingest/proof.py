"""Whether a delivery comes from the channel's engine: it signed the raw body, or knows a header and signed a token."""

import base64
import binascii
import hmac
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Struct

Headers = Iterable[tuple[bytes, bytes]]

SIGNATURE_HEADER = b"x-webhook-signature"
SIGNATURE_PREFIX = b"sha256="
BEARER = b"bearer "
# Evolution mints a token once before it retries a delivery for about twenty minutes.
MAX_TOKEN_AGE_SECONDS = 30 * 60
# Clocks of two machines differ.
MAX_CLOCK_SKEW_SECONDS = 5 * 60
MAX_TOKEN_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Secrets:
    """One set of a channel's secrets; during a rotation a channel has two."""

    hmac: bytes
    header_name: bytes  # lower case
    header_value: bytes
    jwt_key: bytes
    until: float = math.inf  # the end of a former set, while secrets rotate


# Checked where there is no channel, so that an unknown route takes as long as a wrong secret.
NOBODY = (Secrets(b"nobody", b"x-nobody", b"nobody", b"nobody"),)


class _TokenHeader(Struct):
    alg: str


class _Claims(Struct):
    app: str
    action: str
    iat: float


_decode_header = msgspec.json.Decoder(_TokenHeader).decode
_decode_claims = msgspec.json.Decoder(_Claims).decode


def proves(valid: Sequence[Secrets], headers: Headers, body: bytes, now: float) -> bool:
    """A signature that is present and wrong refuses, whatever else is right."""
    valid = [secrets for secrets in valid if secrets.until > now]
    given = {name: value for name, value in headers if name == SIGNATURE_HEADER}
    signatures = [value for name, value in headers if name == SIGNATURE_HEADER]
    if given:
        return len(signatures) == 1 and _is_signed(valid, signatures[0].removeprefix(SIGNATURE_PREFIX), body)
    # As much work as a signature costs, so that the time tells nobody which road was taken.
    return _is_introduced(valid, dict(headers), now)


def _is_signed(valid: Sequence[Secrets], signature: bytes, body: bytes) -> bool:
    found = False
    for secrets in valid:
        expected = hmac.digest(secrets.hmac, body, "sha256").hex().encode()
        found |= hmac.compare_digest(signature, expected)
    return found


def _is_introduced(valid: Sequence[Secrets], headers: dict[bytes, bytes], now: float) -> bool:
    authorization = headers.get(b"authorization", b"")
    token = authorization[len(BEARER) :].strip() if authorization[: len(BEARER)].lower() == BEARER else b""
    found = False
    for secrets in valid:
        has_header = hmac.compare_digest(headers.get(secrets.header_name, b""), secrets.header_value)
        found |= _is_token(secrets.jwt_key, token, now) & has_header
    return found


def _is_token(key: bytes, token: bytes, now: float) -> bool:
    signed, _, signature = token.rpartition(b".")
    expected = base64.urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")
    if not hmac.compare_digest(signature, expected) or len(token) > MAX_TOKEN_BYTES:
        return False
    header, _, claims = signed.partition(b".")
    try:
        algorithm = _decode_header(_unpadded(header)).alg
        told = _decode_claims(_unpadded(claims))
    except (ValueError, binascii.Error):
        return False
    if algorithm != "HS256" or told.app != "evolution" or told.action != "webhook":
        return False
    return -MAX_CLOCK_SKEW_SECONDS <= now - told.iat <= MAX_TOKEN_AGE_SECONDS


def _unpadded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
