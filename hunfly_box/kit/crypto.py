"""Sealing of secrets in columns, and comparison in constant time.

A sealed value is bound to the place it lies in: moved to another row, column or tenant, it does not open.
"""

import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
NONCE_BYTES = 12


class KeyFileError(Exception):
    """The key file is missing, unreadable, or open to others."""


class SealBroken(Exception):
    """Not sealed by this key for this place."""


class Sealer:
    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, place: str) -> bytes:
        """`place` names table, column, tenant and row, such as `channels.secrets/<tenant>/<channel>`."""
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        if sealed[:1] != VERSION:
            raise SealBroken(place)
        try:
            return self._cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], place.encode())
        except InvalidTag as error:
            raise SealBroken(place) from error


def load_or_make_key(path: Path) -> bytes:
    """32 random bytes, readable by the owner alone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _load_key(path)
    key = secrets.token_bytes(32)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def _load_key(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyFileError(f"{path} can be read by others (mode {mode:o}). Run: chmod 600 {path}")
    key = path.read_bytes()
    if len(key) != 32:
        raise KeyFileError(
            f"{path} does not hold a key of 32 bytes. Put the right key file back; without it secrets cannot be read."
        )
    return key
