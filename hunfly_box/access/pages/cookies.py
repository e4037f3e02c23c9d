"""The cookies of the access slice. Only the language is readable by scripts; none names a domain."""

import hashlib
from collections.abc import Mapping
from uuid import UUID

from litestar.datastructures import Cookie

from hunfly_box.access import authentication, credentials
from hunfly_box.access.commands.sessions import Opened
from hunfly_box.access.queries import Account
from hunfly_box.config import Settings
from hunfly_box.kit.crypto import SealBroken, Sealer

DEVICE_PLACE = "access.device"
KEPT = "hb_kept"
A_YEAR = 365 * 24 * 3600


def of_session(settings: Settings, opened: Opened, *, is_kept: bool) -> list[Cookie]:
    """`is_kept`: it outlives the browser's window, up to the session's own end, and so do its successors."""
    seconds = int(opened.lifetime.absolute.total_seconds()) if is_kept else None
    session = _private(settings, authentication.session_cookie_name(settings), opened.session_id, seconds)
    return [session, _private(settings, KEPT, "1", seconds)] if is_kept else [session]


def is_kept(request_cookies: Mapping[str, str]) -> bool:
    return KEPT in request_cookies


def of_pre_session(settings: Settings, value: str) -> Cookie:
    return _private(settings, authentication.pre_session_cookie_name(settings), value, None)


def of_device(settings: Settings, sealer: Sealer, account: Account) -> Cookie:
    """Proof that this person signed in here before: they get in although somebody else has used up their attempts."""
    value = sealer.seal(_device_content(account.id, account.password_hash), DEVICE_PLACE).hex()
    return _private(settings, device_cookie_name(settings), value, A_YEAR)


def is_known_device(sealer: Sealer, value: str | None, account: Account | None) -> bool:
    """A device knows the person only until they change their password."""
    if not value or account is None:
        return False
    try:
        opened = sealer.open(bytes.fromhex(value), DEVICE_PLACE)
    except (SealBroken, ValueError):
        return False
    return opened == _device_content(account.id, account.password_hash)


def device_cookie_name(settings: Settings) -> str:
    return "__Host-hb_device" if settings.is_https else "hb_device"


def of_language(settings: Settings, locale: str) -> Cookie:
    return Cookie("lang", value=locale, path="/", max_age=A_YEAR, samesite="lax", secure=settings.is_https)


def without_session(settings: Settings) -> list[Cookie]:
    names = (authentication.session_cookie_name(settings), KEPT)
    return [_private(settings, name, "", 0) for name in names]


def new_pre_session() -> str:
    return credentials.new_session_id()


def _device_content(user_id: UUID, password_hash: str) -> bytes:
    return user_id.bytes + hashlib.sha256(password_hash.encode()).digest()[:16]


def _private(settings: Settings, name: str, value: str, max_age: int | None) -> Cookie:
    return Cookie(
        name,
        value=value,
        path="/",
        max_age=max_age,
        httponly=True,
        samesite="lax",
        secure=settings.is_https,
    )
