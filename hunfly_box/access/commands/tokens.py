"""API tokens: made for a person of a tenant, shown once, never stronger than that person."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from hunfly_box.access import credentials
from hunfly_box.access.commands.sessions import announce_access
from hunfly_box.access.permissions import BOX_SCOPES, scopes_of
from hunfly_box.kit.database import Transaction
from hunfly_box.kit.errors import FieldError, Invalid, NotFound
from hunfly_box.kit.ids import new_id

DEFAULT_DAYS = 90
LONGEST_DAYS = 365

PERSON = """
SELECT m.role FROM app.memberships m JOIN app.users u ON u.id = m.user_id
WHERE m.tenant_id = :tenant_id AND m.user_id = :user_id AND m.is_active AND u.is_active
"""
IS_BOX_OWNER = "SELECT box_role IS NOT NULL FROM app.users WHERE id = :user_id"


def create_token(
    tx: Transaction, tenant_id: UUID, user_id: UUID, scopes: Iterable[str] | None = None, days: int = DEFAULT_DAYS
) -> str:
    """The token, for the only time. `scopes` None: all that the person's role has. Raises Invalid, NotFound."""
    role = tx.scalar(PERSON, tenant_id=tenant_id, user_id=user_id)
    if role is None:
        raise NotFound("This person does not work in that tenant.")
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid(f"A token lives 1 to {LONGEST_DAYS} days.", errors=(FieldError("days", "range", ""),))
    allowed = scopes_of(role) | (BOX_SCOPES if tx.scalar(IS_BOX_OWNER, user_id=user_id) else frozenset())
    wanted = scopes_of(role) if scopes is None else frozenset(scopes)
    if not wanted or wanted - allowed:
        wrong = ", ".join(sorted(wanted - allowed)) or "none given"
        raise Invalid(
            f"Not scopes of this person: {wrong}. Possible: {', '.join(sorted(allowed))}.",
            errors=(FieldError("scopes", "unknown", wrong),),
        )
    prefix, token = credentials.new_api_token()
    tx.execute(
        "INSERT INTO app.api_tokens (id, tenant_id, user_id, prefix, token_hash, scopes, expires_at)"
        " VALUES (:id, :tenant_id, :user_id, :prefix, :token_hash, :scopes, now() + :life)",
        id=new_id(),
        tenant_id=tenant_id,
        user_id=user_id,
        prefix=prefix,
        token_hash=credentials.hashed(token),
        scopes=sorted(wanted),
        life=timedelta(days=days),
    )
    return token


def revoke_token(tx: Transaction, tenant_id: UUID, prefix: str) -> None:
    """`prefix` is the eight letters after hbx_, with or without the rest."""
    letters = prefix.removeprefix("hbx_")[:8]
    user_id = tx.scalar(
        "UPDATE app.api_tokens SET revoked_at = now()"
        " WHERE tenant_id = :tenant_id AND prefix = :prefix AND revoked_at IS NULL RETURNING user_id",
        tenant_id=tenant_id,
        prefix=letters,
    )
    if user_id is None:
        raise NotFound("There is no such token that still works.")
    announce_access(tx, user_id)
