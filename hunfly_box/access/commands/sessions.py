"""Sessions: opened at sign-in, renamed whenever what they allow changes, ended at will."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from hunfly_box.access import credentials, queries
from hunfly_box.access.queries import Account, Desk
from hunfly_box.access.viewer import RESELLER, SUPER_ADMIN, Viewer
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import Transaction
from hunfly_box.kit.errors import NotFound

MOST_SESSIONS = 10
LONGEST_USER_AGENT = 200


@dataclass(frozen=True, slots=True)
class Lifetime:
    idle: timedelta
    absolute: timedelta


OF_TEAMS = Lifetime(timedelta(hours=12), timedelta(days=7))
# Those who reach many tenants stay signed in for a shorter time.
OF_DESKS = Lifetime(timedelta(minutes=30), timedelta(hours=12))

INSERT = """
INSERT INTO app.sessions (token_hash, user_id, tenant_id, csrf_secret, expires_at, idle_seconds, ip_prefix, user_agent)
VALUES (:token_hash, :user_id, :tenant_id, :csrf_secret, now() + :absolute, :idle_seconds, :ip_prefix, :user_agent)
"""

# What is over goes, and of the rest the oldest beyond the limit.
PRUNE = """
DELETE FROM app.sessions WHERE user_id = :user_id AND (
  expires_at < now() OR last_seen_at + make_interval(secs => idle_seconds) < now()
  OR token_hash IN (SELECT token_hash FROM app.sessions WHERE user_id = :user_id
                    ORDER BY last_seen_at DESC, created_at DESC OFFSET :most))
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """`session_id` goes into the cookie and nowhere else."""

    session_id: str
    token_hash: bytes
    lifetime: Lifetime


def lifetime_of(role: str) -> Lifetime:
    return OF_DESKS if role in (SUPER_ADMIN, RESELLER) else OF_TEAMS


def first_desk(tx: Transaction, account: Account) -> tuple[UUID | None, str] | None:
    """Where somebody lands after signing in: (tenant, role). None: there is no place for them any more."""
    if account.box_role is not None:
        return None, SUPER_ADMIN
    if account.reseller_id is not None:
        return None, RESELLER
    desks = queries.desks_of_user(tx, account.id)
    if not desks:
        return None
    last = tx.scalar(
        "SELECT tenant_id FROM app.sessions WHERE user_id = :user_id ORDER BY last_seen_at DESC LIMIT 1",
        user_id=account.id,
    )
    desk = next((desk for desk in desks if desk.tenant_id == last), desks[0])
    return desk.tenant_id, desk.role


def open_session(
    tx: Transaction, user_id: UUID, tenant_id: UUID | None, role: str, *, ip_prefix: str, user_agent: str
) -> Opened:
    """Always a new id: one known before signing in is worth nothing after it."""
    session_id = credentials.new_session_id()
    opened = Opened(session_id, credentials.hashed(session_id), lifetime_of(role))
    tx.execute(
        INSERT,
        token_hash=opened.token_hash,
        user_id=user_id,
        tenant_id=tenant_id,
        csrf_secret=secrets.token_bytes(32),
        absolute=opened.lifetime.absolute,
        idle_seconds=int(opened.lifetime.idle.total_seconds()),
        ip_prefix=ip_prefix,
        user_agent=user_agent[:LONGEST_USER_AGENT],
    )
    tx.execute(PRUNE, user_id=user_id, most=MOST_SESSIONS)
    return opened


def rename(tx: Transaction, viewer: Viewer) -> Opened:
    """The same session under a new id and a new form token; its age counts on."""
    session_id = credentials.new_session_id()
    opened = Opened(session_id, credentials.hashed(session_id), lifetime_of(viewer.role))
    touched = tx.execute(
        "UPDATE app.sessions SET token_hash = :new, csrf_secret = :csrf_secret WHERE token_hash = :old",
        new=opened.token_hash,
        old=viewer.session_hash,
        csrf_secret=secrets.token_bytes(32),
    )
    if not touched:
        raise NotFound
    announce_access(tx, viewer.user_id)
    return opened


def switch_tenant(tx: Transaction, viewer: Viewer, tenant_id: UUID) -> Opened:
    """To another tenant of the same person. Raises NotFound for one they do not work in."""
    desk = next((desk for desk in desks(tx, viewer) if desk.tenant_id == tenant_id), None)
    if desk is None:
        raise NotFound
    tx.execute(
        "UPDATE app.sessions SET tenant_id = :tenant_id, idle_seconds = :idle,"
        " expires_at = least(expires_at, created_at + :absolute) WHERE token_hash = :token_hash",
        tenant_id=desk.tenant_id,
        idle=int(lifetime_of(desk.role).idle.total_seconds()),
        absolute=lifetime_of(desk.role).absolute,
        token_hash=viewer.session_hash,
    )
    return rename(tx, viewer)


def desks(tx: Transaction, viewer: Viewer) -> list[Desk]:
    return queries.desks_of_user(tx, viewer.user_id)


def end(tx: Transaction, viewer: Viewer) -> None:
    tx.execute("DELETE FROM app.sessions WHERE token_hash = :token_hash", token_hash=viewer.session_hash)
    announce_access(tx, viewer.user_id)


def end_all(tx: Transaction, user_id: UUID, *, but: bytes | None = None) -> int:
    """Returns how many; `but` is the hash of the one that stays."""
    ended = tx.execute(
        "DELETE FROM app.sessions WHERE user_id = :user_id AND token_hash IS DISTINCT FROM :but",
        user_id=user_id,
        but=but,
    )
    announce_access(tx, user_id)
    return ended


def announce_access(tx: Transaction, user_id: UUID) -> None:
    """To every tenant of the person: open streams check themselves."""
    for tenant_id in tx.scalars("SELECT tenant_id FROM app.memberships WHERE user_id = :user_id", user_id=user_id):
        tx.announce(Changed(tenant_id, "access", user_id))
