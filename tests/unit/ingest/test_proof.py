"""Proofs of a sender, without any server."""

import base64
import hmac
import json
from typing import Any

import pytest

from hunfly_box.ingest.proof import Secrets, proves

NOW = 1_790_000_000.0
CURRENT = Secrets(b"k1", b"x-box", b"v1", b"j1")
PREVIOUS = Secrets(b"k0", b"x-box", b"v0", b"j0")
SIGNED = b"x-webhook-signature"


def signed(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256").hex().encode()


def token(key: bytes, header: dict[str, Any] | None = None, **claims: Any) -> bytes:
    told = {"app": "evolution", "action": "webhook", "iat": NOW, **claims}
    parts = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header or {"alg": "HS256"}, told)
    )
    return b"Bearer " + parts + b"." + base64.urlsafe_b64encode(hmac.digest(key, parts, "sha256")).rstrip(b"=")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"a": 1}', b'{"a":1}', "ção".encode(), b"\x00\xff" * 100])
@pytest.mark.parametrize("key", [b"k1", b"k0"])
def test_the_raw_bytes_are_signed_by_either_key(body: bytes, key: bytes) -> None:
    for shown in (signed(key, body), b"sha256=" + signed(key, body)):
        assert proves((CURRENT, PREVIOUS), [(SIGNED, shown)], body, NOW)
    assert not proves((CURRENT, PREVIOUS), [(SIGNED, signed(key, body + b" "))], body, NOW)


def test_the_known_vector_of_rfc_4231_holds() -> None:
    secrets = (Secrets(b"Jefe", b"x", b"x", b"x"),)
    shown = b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert proves(secrets, [(SIGNED, shown)], b"what do ya want for nothing?", NOW)


def test_a_wrong_signature_is_not_made_good_by_a_right_header_and_token() -> None:
    headers = [(SIGNED, b"00"), (b"x-box", b"v1"), (b"authorization", token(b"j1"))]
    assert not proves((CURRENT,), headers, b"", NOW)
    assert proves((CURRENT,), headers[1:], b"", NOW)


def test_header_and_token_must_be_of_one_set() -> None:
    mixed = [(b"x-box", b"v0"), (b"authorization", token(b"j1"))]
    assert not proves((CURRENT, PREVIOUS), mixed, b"", NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": NOW - 1801},
        {"iat": NOW + 301},
        {"iat": "now"},
        {"iat": None},
        {"app": "other"},
        {"action": "other"},
        {"app": None},
    ],
)
def test_claims_decide(claims: dict[str, Any]) -> None:
    assert not proves((CURRENT,), [(b"x-box", b"v1"), (b"authorization", token(b"j1", **claims))], b"", NOW)


@pytest.mark.parametrize(
    "shown", [b"", b"Bearer ", b"Bearer a.b", b"Bearer ...", b"Basic eA==", b"Bearer " + b"x" * 10_000]
)
def test_nonsense_is_refused_without_an_error(shown: bytes) -> None:
    assert not proves((CURRENT,), [(b"x-box", b"v1"), (b"authorization", shown)], b"", NOW)


def test_another_algorithm_is_refused_also_when_signed_by_the_key() -> None:
    shown = token(b"j1", {"alg": "none"})
    assert not proves((CURRENT,), [(b"x-box", b"v1"), (b"authorization", shown)], b"", NOW)
