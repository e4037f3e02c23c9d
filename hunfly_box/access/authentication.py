"""Headers → Viewer. Answers are remembered for less than a second, so that what was taken away is gone within one."""

import hmac
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hunfly_box.access import credentials, queries
from hunfly_box.access.permissions import BOX_SCOPES, scopes_of
from hunfly_box.access.queries import LiveSession, LiveToken, Who
from hunfly_box.access.viewer import DEFAULT_PREFERENCES, RESELLER, SUPER_ADMIN, Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.config import Settings
from hunfly_box.kit.database import Transaction
from hunfly_box.kit.i18n import DEFAULT_VIEWER

Headers = Mapping[str, str]

REMEMBERED_SECONDS = 0.9
MOST_REMEMBERED = 20_000
# The session's last use is written this often, not at every request.
TOUCH_EVERY = timedelta(minutes=1)


BEARER = "bearer "


class Remembered:
    """Viewers by the hash of what proved them. One for the process: hashes of random secrets collide with nobody's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[bytes, tuple[float, Viewer]] = {}
        self._forgotten = 0
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Viewer | None:
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] > self._clock() else None

    def look_up(self, key: bytes, find: Callable[[], Viewer | None]) -> Viewer | None:
        """A look-up that was overtaken by a revocation is answered but not remembered."""
        found = self.get(key)
        if found is not None:
            return found
        generation, now = self._forgotten, self._clock()
        found = find()
        with self._lock:
            if found is not None and generation == self._forgotten:
                if len(self._entries) >= MOST_REMEMBERED:
                    self._entries.clear()
                self._entries[key] = (now + REMEMBERED_SECONDS, found)
            else:
                self._entries.pop(key, None)
        return found

    def forget_user(self, user_id: UUID) -> None:
        with self._lock:
            self._forgotten += 1
            for key in [key for key, (_, viewer) in self._entries.items() if viewer.user_id == user_id]:
                del self._entries[key]

    def forget_all(self) -> None:
        with self._lock:
            self._forgotten += 1
            self._entries.clear()


REMEMBERED = Remembered()


def viewer_from_headers(resources: Resources, headers: Headers, *, is_use: bool = True) -> Viewer | None:
    """Blocking when the answer is not remembered. Header names in lower case.

    A bearer token goes before a cookie; a wrong one is never made good by a cookie beside it. With `is_use` False the
    session is not kept alive by the look: an open tab that nobody touches must not do so.
    """
    authorization = headers.get("authorization")
    if authorization is not None:
        return _by_token(resources, authorization)
    cookie = session_cookie(resources.settings, headers)
    return viewer_of_session(resources, cookie, is_use=is_use) if cookie else None


def remembered_viewer(settings: Settings, headers: Headers) -> Viewer | None:
    """The same without touching the database: None also when it would have to be asked."""
    authorization = headers.get("authorization")
    secret = _token(authorization) if authorization is not None else session_cookie(settings, headers)
    return REMEMBERED.get(credentials.hashed(secret)) if secret else None


def viewer_of_session(resources: Resources, session_id: str, *, is_use: bool = True) -> Viewer | None:
    if not credentials.SESSION_ID.fullmatch(session_id):
        return None
    token_hash = credentials.hashed(session_id)
    return REMEMBERED.look_up(token_hash, lambda: _find_session(resources, token_hash, is_use))


def session_cookie_name(settings: Settings) -> str:
    return "__Host-hb_sid" if settings.is_https else "hb_sid"


def pre_session_cookie_name(settings: Settings) -> str:
    return "__Host-hb_pre" if settings.is_https else "hb_pre"


def session_cookie(settings: Settings, headers: Headers) -> str | None:
    return cookie(headers, session_cookie_name(settings))


def cookie(headers: Headers, name: str) -> str | None:
    """The first of that name, as browsers send the most specific one first."""
    for part in headers.get("cookie", "").split(";"):
        key, found, value = part.strip().partition("=")
        if found and key == name:
            return value.strip('"')
    return None


def _by_token(resources: Resources, authorization: str) -> Viewer | None:
    token = _token(authorization)
    if token is None:
        return None
    token_hash = credentials.hashed(token)
    return REMEMBERED.look_up(token_hash, lambda: _find_token(resources, token, token_hash))


def _token(authorization: str) -> str | None:
    if authorization[: len(BEARER)].lower() != BEARER:
        return None
    token = authorization[len(BEARER) :].strip()
    return token if credentials.API_TOKEN.fullmatch(token) else None


def _find_session(resources: Resources, token_hash: bytes, is_use: bool) -> Viewer | None:
    with resources.control.transaction() as tx:
        session = queries.live_session(tx, token_hash)
        if session is None:
            return None
        role = _role_of_session(session)
        if role is None:
            return None
        if is_use:
            _touch(tx, "sessions", "last_seen_at", "token_hash", token_hash, session.last_seen_at)
    return _viewer(
        session,
        role=role,
        scopes=None,
        session_hash=token_hash,
        csrf_token=credentials.csrf_token(session.csrf_secret),
        reseller_id=session.reseller_id if role == RESELLER else None,
    )


def _find_token(resources: Resources, token: str, token_hash: bytes) -> Viewer | None:
    match = credentials.API_TOKEN.fullmatch(token)
    if match is None:
        return None
    with resources.control.transaction() as tx:
        found = queries.live_token(tx, match[1])
        if found is None or found.member_role is None or not hmac.compare_digest(found.token_hash, token_hash):
            return None
        _touch(tx, "api_tokens", "last_used_at", "id", found.token_id, found.last_used_at)
    # The rights of its person now, not of the day it was made: who was demoted holds a smaller token.
    allowed = scopes_of(found.member_role) | (BOX_SCOPES if found.box_role else frozenset())
    return _viewer(found, role=found.member_role, scopes=frozenset(found.scopes) & allowed, token_id=found.token_id)


def _role_of_session(session: LiveSession) -> str | None:
    if session.tenant_id is not None:
        return session.member_role
    if session.box_role is not None:
        return SUPER_ADMIN
    return RESELLER if session.reseller_id is not None else None


def _touch(tx: Transaction, table: str, column: str, key: str, value: bytes | UUID, last: datetime | None) -> None:
    if last is None or datetime.now(UTC) - last > TOUCH_EVERY:
        tx.execute(f"UPDATE app.{table} SET {column} = now() WHERE {key} = :value", value=value)


def _viewer(
    who: Who | LiveSession | LiveToken,
    *,
    role: str,
    scopes: frozenset[str] | None,
    session_hash: bytes | None = None,
    csrf_token: str | None = None,
    token_id: UUID | None = None,
    reseller_id: UUID | None = None,
) -> Viewer:
    return Viewer(
        user_id=who.user_id,
        name=who.name,
        email=who.email,
        tenant_id=who.tenant_id,
        role=role,
        scopes=scopes,
        locale=who.locale or who.tenant_locale or DEFAULT_VIEWER.locale,
        timezone=who.timezone or DEFAULT_VIEWER.zone,
        theme="auto" if who.theme == "system" else who.theme,
        preferences=DEFAULT_PREFERENCES | who.preferences,
        session_hash=session_hash,
        csrf_token=csrf_token,
        token_id=token_id,
        tenant_name=who.tenant_name,
        tenant_slug=who.tenant_slug,
        reseller_id=reseller_id,
        is_box_admin=who.box_role is not None,
    )
