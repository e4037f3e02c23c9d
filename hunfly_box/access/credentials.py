"""The shapes of what proves somebody: session ids and API tokens. The database keeps only their hashes."""

import hashlib
import hmac
import re
import secrets
import string

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")
API_TOKEN = re.compile(r"hbx_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
RANDOM_BYTES = 32
PREFIX_LETTERS = string.ascii_lowercase + string.digits


def new_session_id() -> str:
    return secrets.token_urlsafe(RANDOM_BYTES)


def new_api_token() -> tuple[str, str]:
    """(prefix, token): the prefix finds the row, and lets leak scanners recognise a token."""
    prefix = "".join(secrets.choice(PREFIX_LETTERS) for _ in range(8))
    return prefix, f"hbx_{prefix}_{secrets.token_urlsafe(RANDOM_BYTES)}"


def hashed(secret: str) -> bytes:
    """A plain hash is enough: 256 random bits cannot be guessed from it."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_token(csrf_secret: bytes) -> str:
    return hmac.digest(csrf_secret, b"csrf", hashlib.sha256).hex()


def is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
