"""People: made, given a role, switched off; their own password and taste."""

import json
import re
from typing import Any
from uuid import UUID

from hunfly_box.access import queries
from hunfly_box.access.commands import sessions
from hunfly_box.access.viewer import TENANT_ROLES
from hunfly_box.kit.database import Transaction
from hunfly_box.kit.errors import Conflict, FieldError, Invalid, NotFound
from hunfly_box.kit.ids import new_id

EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
LONGEST_NAME = 120

INSERT_USER = """
INSERT INTO app.users (id, email, name, password_hash, box_role) VALUES (:id, :email, :name, :password_hash, :box_role)
ON CONFLICT DO NOTHING
"""
INSERT_MEMBERSHIP = """
INSERT INTO app.memberships (tenant_id, user_id, role, name)
SELECT :tenant_id, u.id, :role, u.name FROM app.users u WHERE u.id = :user_id
ON CONFLICT DO NOTHING
"""


class EmailTaken(Conflict):
    code = "access.email_taken"
    title = "This e-mail address is in use"


def create_user(tx: Transaction, *, email: str, name: str, password_hash: str, box_role: str | None = None) -> UUID:
    """Without a place to work in yet. Raises Invalid, EmailTaken."""
    email, name = email.strip(), name.strip()
    if not EMAIL.fullmatch(email):
        raise Invalid("This is not an e-mail address.", errors=(FieldError("email", "invalid", "Not an address."),))
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid("A name is needed.", errors=(FieldError("name", "invalid", f"1 to {LONGEST_NAME} characters."),))
    user_id = new_id()
    made = tx.execute(INSERT_USER, id=user_id, email=email, name=name, password_hash=password_hash, box_role=box_role)
    if not made:
        raise EmailTaken(f"{email} has an account already.")
    return user_id


def join_tenant(tx: Transaction, user_id: UUID, tenant_id: UUID, role: str) -> None:
    if role not in TENANT_ROLES:
        raise Invalid(f"In a tenant a person is one of: {', '.join(TENANT_ROLES)}.")
    if not tx.execute(INSERT_MEMBERSHIP, tenant_id=tenant_id, user_id=user_id, role=role):
        raise Conflict("This person works in that tenant already.", code="access.already_member")
    sessions.announce_access(tx, user_id)


def join_reseller(tx: Transaction, user_id: UUID, reseller_id: UUID) -> None:
    tx.execute(
        "INSERT INTO app.reseller_members (reseller_id, user_id) VALUES (:reseller_id, :user_id)"
        " ON CONFLICT DO NOTHING",
        reseller_id=reseller_id,
        user_id=user_id,
    )


def change_role(tx: Transaction, tenant_id: UUID, user_id: UUID, role: str) -> None:
    if role not in TENANT_ROLES:
        raise Invalid(f"In a tenant a person is one of: {', '.join(TENANT_ROLES)}.")
    changed = tx.execute(
        "UPDATE app.memberships SET role = :role WHERE tenant_id = :tenant_id AND user_id = :user_id",
        role=role,
        tenant_id=tenant_id,
        user_id=user_id,
    )
    if not changed:
        raise NotFound
    sessions.announce_access(tx, user_id)


def set_active(tx: Transaction, user_id: UUID, *, is_active: bool) -> None:
    """Switching somebody off ends their sessions; their tokens die with them. They look after nothing any more."""
    changed = tx.execute(
        "UPDATE app.users SET is_active = :is_active, updated_at = now() WHERE id = :user_id",
        is_active=is_active,
        user_id=user_id,
    )
    if not changed:
        raise NotFound
    sessions.end_all(tx, user_id)


def set_password(tx: Transaction, user_id: UUID, password_hash: str, *, keep_session: bytes | None = None) -> None:
    """Every other session ends: whoever knew the old password is out."""
    changed = tx.execute(
        "UPDATE app.users SET password_hash = :password_hash, updated_at = now() WHERE id = :user_id",
        password_hash=password_hash,
        user_id=user_id,
    )
    if not changed:
        raise NotFound
    sessions.end_all(tx, user_id, but=keep_session)


def refresh_hash(tx: Transaction, user_id: UUID, password_hash: str) -> None:
    """The same password with today's parameters."""
    tx.execute(
        "UPDATE app.users SET password_hash = :password_hash WHERE id = :user_id",
        password_hash=password_hash,
        user_id=user_id,
    )


def set_taste(tx: Transaction, user_id: UUID, *, theme: str | None, locale: str | None, more: dict[str, Any]) -> None:
    """What is None stays as it is; `more` lies over the stored preferences."""
    tx.execute(
        "UPDATE app.users SET theme = coalesce(:theme, theme), locale = coalesce(:locale, locale),"
        " preferences = preferences || cast(:more AS jsonb), updated_at = now() WHERE id = :user_id",
        theme="system" if theme == "auto" else theme,
        locale=locale,
        more=json.dumps(more),
        user_id=user_id,
    )
    # Not a matter of rights, but other open pages of this person should notice.
    sessions.announce_access(tx, user_id)


def find_account(tx: Transaction, email: str) -> queries.Account:
    found = queries.account_by_email(tx, email.strip())
    if found is None:
        raise NotFound(f"There is no person with the address {email}.")
    return found
