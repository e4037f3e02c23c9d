"""Reads about people, sessions and tokens, by the control plane's login: who somebody is comes before any tenant."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hunfly_box.kit.database import Transaction

WHO = """
  u.id AS user_id, u.name, u.email, u.box_role, u.locale, u.theme, u.preferences,
  t.id AS tenant_id, t.name AS tenant_name, t.slug AS tenant_slug, t.locale AS tenant_locale, t.timezone,
  m.role AS member_role
"""

# At a tenant's desk a session needs an active membership of an active tenant; other desks have no tenant.
LIVE_SESSION = f"""
SELECT {WHO}, s.csrf_secret, s.last_seen_at, s.authenticated_at,
  (SELECT r.reseller_id FROM app.reseller_members r WHERE r.user_id = u.id ORDER BY r.created_at LIMIT 1) AS reseller_id
FROM app.sessions s
JOIN app.users u ON u.id = s.user_id
LEFT JOIN app.memberships m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id AND m.is_active
LEFT JOIN app.tenants t ON t.id = m.tenant_id AND t.status = 'active'
WHERE s.token_hash = :token_hash AND u.is_active AND s.expires_at > now()
  AND s.last_seen_at + make_interval(secs => s.idle_seconds) > now()
  AND (s.tenant_id IS NULL OR t.id IS NOT NULL)
"""

LIVE_TOKEN = f"""
SELECT {WHO}, k.id AS token_id, k.token_hash, k.scopes, k.last_used_at
FROM app.api_tokens k
JOIN app.users u ON u.id = k.user_id
JOIN app.memberships m ON m.tenant_id = k.tenant_id AND m.user_id = k.user_id AND m.is_active
JOIN app.tenants t ON t.id = m.tenant_id AND t.status = 'active'
WHERE k.prefix = :prefix AND u.is_active AND k.expires_at > now() AND k.revoked_at IS NULL
"""

DESKS_OF_USER = """
SELECT t.id AS tenant_id, t.name, t.slug, m.role FROM app.memberships m JOIN app.tenants t ON t.id = m.tenant_id
WHERE m.user_id = :user_id AND m.is_active AND t.status = 'active' ORDER BY t.name, t.id
"""

SESSIONS_OF_USER = """
SELECT token_hash, created_at, last_seen_at, ip_prefix, user_agent FROM app.sessions
WHERE user_id = :user_id AND expires_at > now() AND last_seen_at + make_interval(secs => idle_seconds) > now()
ORDER BY last_seen_at DESC
"""

ACCOUNT = """
SELECT u.id, u.email, u.name, u.password_hash, u.box_role, u.is_active,
  (SELECT r.reseller_id FROM app.reseller_members r WHERE r.user_id = u.id ORDER BY r.created_at LIMIT 1) AS reseller_id
FROM app.users u
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    user_id: UUID
    name: str
    email: str
    box_role: str | None
    locale: str | None
    theme: str
    preferences: dict[str, Any]
    tenant_id: UUID | None
    tenant_name: str | None
    tenant_slug: str | None
    tenant_locale: str | None
    timezone: str | None
    member_role: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSession(Who):
    csrf_secret: bytes
    last_seen_at: datetime
    authenticated_at: datetime
    reseller_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveToken(Who):
    token_id: UUID
    token_hash: bytes
    scopes: list[str]
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Desk:
    """A tenant somebody works in."""

    tenant_id: UUID
    name: str
    slug: str
    role: str


@dataclass(frozen=True, slots=True)
class SessionLine:
    token_hash: bytes
    created_at: datetime
    last_seen_at: datetime
    ip_prefix: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    email: str
    name: str
    password_hash: str
    box_role: str | None
    is_active: bool
    reseller_id: UUID | None


@dataclass(frozen=True, slots=True)
class TokenLine:
    id: UUID
    prefix: str
    email: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def live_session(tx: Transaction, token_hash: bytes) -> LiveSession | None:
    return tx.maybe(LiveSession, LIVE_SESSION, token_hash=token_hash)


def live_token(tx: Transaction, prefix: str) -> LiveToken | None:
    return tx.maybe(LiveToken, LIVE_TOKEN, prefix=prefix)


def desks_of_user(tx: Transaction, user_id: UUID) -> list[Desk]:
    return tx.all(Desk, DESKS_OF_USER, user_id=user_id)


def sessions_of_user(tx: Transaction, user_id: UUID) -> list[SessionLine]:
    return tx.all(SessionLine, SESSIONS_OF_USER, user_id=user_id)


def account_by_email(tx: Transaction, email: str) -> Account | None:
    return tx.maybe(Account, ACCOUNT + "WHERE lower(u.email) = lower(:email)", email=email)


def account(tx: Transaction, user_id: UUID) -> Account:
    return tx.one(Account, ACCOUNT + "WHERE u.id = :user_id", user_id=user_id)


def tokens_of_tenant(tx: Transaction, tenant_id: UUID) -> list[TokenLine]:
    return tx.all(
        TokenLine,
        "SELECT k.id, k.prefix, u.email, k.scopes, k.created_at, k.expires_at, k.last_used_at, k.revoked_at"
        " FROM app.api_tokens k JOIN app.users u ON u.id = k.user_id WHERE k.tenant_id = :tenant_id ORDER BY k.id",
        tenant_id=tenant_id,
    )
