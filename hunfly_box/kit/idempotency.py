"""Idempotency-Key: a write that is asked for twice is done once, and answered the same both times.

The answer is stored in the transaction of the write. A run that dies leaves neither, and its key is free again.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec

from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import Conflict, FieldError, Invalid

LONGEST_KEY = 128

# Held until the transaction ends, however it ends. Tenants share the numbers: a clash costs a retry, nothing else.
LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 7231))"
FIND = """
SELECT body_sha256, status, answer FROM app.idempotency_keys
WHERE tenant_id = app.tenant_id() AND user_id = :user_id AND key = :key AND created_at > now() - interval '24 hours'
"""
STORE = """
INSERT INTO app.idempotency_keys (tenant_id, user_id, key, body_sha256, status, answer)
VALUES (app.tenant_id(), :user_id, :key, :body_sha256, :status, :answer)
ON CONFLICT (tenant_id, user_id, key) DO UPDATE
  SET body_sha256 = excluded.body_sha256, status = excluded.status, answer = excluded.answer, created_at = now()
"""


class Busy(Conflict):
    code = "idempotency.busy"
    title = "The first call with this key is still running"


class Mismatch(Invalid):
    code = "idempotency.mismatch"
    title = "This key came with another body before"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What makes two calls the same: the person, the key, and what is asked of which address."""

    key: str
    user_id: UUID
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class _Stored:
    body_sha256: bytes
    status: int
    answer: bytes


def request(key: str, user_id: UUID, address: str, body: msgspec.Struct | None) -> Request:
    """The fingerprint is of the body as it was understood: white space and the order of fields do not count."""
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        detail = f"1 to {LONGEST_KEY} printable characters."
        raise Invalid(detail, errors=(FieldError("Idempotency-Key", "value", detail),))
    understood = msgspec.json.encode([address, body], order="deterministic")
    return Request(key, user_id, hashlib.sha256(understood).digest())


def once(tx: TenantTransaction, asked: Request | None, run: Callable[[], Answer]) -> Answer:
    """Raises Busy or Mismatch. Without a key it just runs."""
    if asked is None:
        return run()
    if not tx.scalar(LOCK, name=f"{tx.tenant_id}/{asked.user_id}/{asked.key}"):
        raise Busy
    before = stored_answer(tx, asked)
    if before is not None:
        return before
    answer = run()
    tx.execute(
        STORE,
        user_id=asked.user_id,
        key=asked.key,
        body_sha256=asked.fingerprint,
        status=answer.status,
        answer=answer.body,
    )
    return answer


def stored_answer(tx: TenantTransaction, asked: Request | None) -> Answer | None:
    """For looking before a slow step that has to lie outside the transaction. Raises Mismatch."""
    found = tx.maybe(_Stored, FIND, user_id=asked.user_id, key=asked.key) if asked else None
    if found is None or asked is None:
        return None
    if bytes(found.body_sha256) != asked.fingerprint:
        raise Mismatch
    return Answer(found.status, bytes(found.answer))
