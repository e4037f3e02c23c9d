"""Passwords: argon2id, at most two at once: a flood of sign-ins takes neither the memory nor the web's threads."""

import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hunfly_box.kit.errors import FieldError, Invalid, TooMany

# The least that OWASP names; each hash holds this memory while it runs.
MEMORY_KIB = 19_456
PASSES = 2
LANES = 1

AT_ONCE = 2
MOST_WAITING = 20

SHORTEST = 12
LONGEST = 128
# Fewer different characters than this is a key held down.
FEWEST_DIFFERENT = 5

# A hash in today's form that no password has: checking against it costs what checking a real one does.
NOBODYS = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${'A' * 22}${'A' * 43}"

Answer = TypeVar("Answer")

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, hash_len=32, salt_len=16)
_threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="argon2")
_places = threading.BoundedSemaphore(AT_ONCE + MOST_WAITING)


def check_choice(password: str, email: str, name: str, field: str = "password") -> None:
    """Raises Invalid for a password that may not be chosen. No rules of composition: length is what counts."""
    code, detail = "", ""
    letters = _composed(password)
    if len(letters) < SHORTEST:
        code, detail = "too_short", f"Use at least {SHORTEST} characters."
    elif len(password) > LONGEST:
        code, detail = "too_long", f"Use at most {LONGEST} characters."
    elif len(set(letters)) < FEWEST_DIFFERENT or _is_about(letters, email, name):
        code, detail = "too_simple", "This one is too easy to guess."
    if code:
        raise Invalid(detail, errors=(FieldError(field, code, detail),))


def hashed(password: str) -> str:
    """Waits for its turn. For commands given by hand; the web uses `hashing`."""
    return hashing(password).result()


def is_right(stored: str, password: str) -> bool:
    return checking(stored, password).result()


def hashing(password: str) -> "Future[str]":
    """Raises TooMany when too many wait already."""
    return _in_turn(lambda: _hasher.hash(_composed(password)))


def checking(stored: str | None, password: str) -> "Future[bool]":
    """`stored` None, for a person who does not exist, costs the same and is never right. Raises TooMany."""
    return _in_turn(lambda: _is_right(stored or NOBODYS, password) and stored is not None)


def is_outdated(stored: str) -> bool:
    return _hasher.check_needs_rehash(stored)


def _in_turn(work: Callable[[], Answer]) -> "Future[Answer]":
    if not _places.acquire(blocking=False):
        raise TooMany("Too many people are signing in at this moment.", retry_after_seconds=2)
    try:
        turn = _threads.submit(work)
    except BaseException:
        _places.release()
        raise
    turn.add_done_callback(lambda _: _places.release())
    return turn


def _composed(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _is_about(password: str, email: str, name: str) -> bool:
    lowered = password.casefold()
    return lowered in {email.casefold(), name.casefold(), email.split("@")[0].casefold()} - {""}


def _is_right(stored: str, password: str) -> bool:
    # Longer than any that was accepted: not worth the memory.
    if len(password) > LONGEST:
        password = password[:LONGEST] + "…"
    try:
        return _hasher.verify(stored, _composed(password))
    except (VerificationError, InvalidHashError):
        return False
