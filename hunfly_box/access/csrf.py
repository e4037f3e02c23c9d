"""Whether a write was meant: where it comes from, and that it carries the token of the very session it uses."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from hunfly_box.access import credentials
from hunfly_box.config import Settings
from hunfly_box.kit.crypto import SealBroken, Sealer
from hunfly_box.kit.errors import Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADER = "x-csrf-token"
FIELD = "csrf_token"

# What the sign-in form's token is bound to, as there is no session yet.
PRE_SESSION_PLACE = "access.pre_session"


class CrossSite(Forbidden):
    code = "csrf"
    title = "This form is no longer valid"


def check_origin(settings: Settings, headers: Mapping[str, str]) -> None:
    """Raises CrossSite when the browser says that another site sent this.

    Saying nothing proves nothing: the token decides.
    """
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site == "cross-site":
        raise CrossSite("This was sent from another site.")
    origin = headers.get("origin")
    if origin is None:
        if fetch_site == "same-site":
            raise CrossSite("This was sent from another address of this site.")
        return
    if not _is_ours(settings, headers, origin):
        raise CrossSite("This was sent from another site.")


def check_token(given: str | None, expected: str | None) -> None:
    if not given or not expected or not credentials.is_same(given, expected):
        raise CrossSite("The page is out of date. Load it again.")


def pre_session_token(sealer: Sealer, cookie: str) -> str:
    """Bound to the cookie by the box's key, so that planting a cookie is of no use."""
    return sealer.seal(credentials.hashed(cookie), PRE_SESSION_PLACE).hex()


def check_pre_session(sealer: Sealer, cookie: str | None, given: str | None) -> None:
    try:
        opened = sealer.open(bytes.fromhex(given or ""), PRE_SESSION_PLACE)
    except (SealBroken, ValueError):
        opened = b""
    if not cookie or opened != credentials.hashed(cookie):
        raise CrossSite("The page is out of date. Load it again.")


def _is_ours(settings: Settings, headers: Mapping[str, str], origin: str) -> bool:
    if settings.public_url is not None:
        return origin.lower() == settings.public_url.lower()
    # Without a public address people reach the box by any of its names; a page of ours came from the one they use now.
    try:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
    except ValueError:
        return False
