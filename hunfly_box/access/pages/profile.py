"""One's own profile: password, language, theme, sounds, keys. As a page, and as calls of our own scripts."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from litestar import Request, get, patch, post
from litestar.concurrency import sync_to_thread
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Response
from msgspec import UNSET, Struct, UnsetType

from hunfly_box.access import attempts, frame, passwords, queries, trail
from hunfly_box.access.authentication import REMEMBERED
from hunfly_box.access.commands import people, sessions
from hunfly_box.access.commands.sessions import Opened
from hunfly_box.access.pages import cookies
from hunfly_box.access.queries import SessionLine
from hunfly_box.access.viewer import DEFAULT_PREFERENCES, Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.kit.errors import FieldError, Forbidden, HunflyError, Invalid, TooMany
from hunfly_box.kit.throttle import Throttle

AnyRequest = Request[Any, Any, Any]
BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
Theme = Literal["light", "dark", "auto"]
Locale = Literal["pt_BR", "en", "es"]
Sound = Literal["off", "soft", "loud"]


class PreferencesChange(Struct, forbid_unknown_fields=True):
    """What is not named stays as it is."""

    theme: Theme | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET
    sound: Sound | UnsetType = UNSET
    desktop: bool | UnsetType = UNSET
    private: bool | UnsetType = UNSET
    single_keys: bool | UnsetType = UNSET


class PasswordChange(Struct, forbid_unknown_fields=True):
    current: str
    new: str


@dataclass
class ProfileForm:
    """An unchecked box is not sent at all."""

    locale: Locale
    theme: Theme
    sound: Sound
    single_keys: str = ""
    private: str = ""
    desktop: str = ""
    csrf_token: str = ""


@dataclass
class PasswordForm:
    current: str = ""
    new: str = ""
    again: str = ""
    csrf_token: str = ""


@get("/profile", sync_to_thread=True, opt={"permission": "profile.read"})
def profile_page(resources: Resources, viewer: Viewer, saved: str = "") -> Response[str]:
    return _profile_page(resources, viewer, saved=saved)


@post("/profile", sync_to_thread=True, opt={"permission": "profile.update"})
def save_profile(
    resources: Resources,
    viewer: Viewer,
    data: Annotated[ProfileForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Redirect:
    more = {
        "sound": data.sound,
        "single_keys": bool(data.single_keys),
        "private": bool(data.private),
        "desktop": bool(data.desktop),
    }
    with resources.control.transaction() as tx:
        people.set_taste(tx, viewer.user_id, theme=data.theme, locale=data.locale, more=more)
    REMEMBERED.forget_user(viewer.user_id)
    return Redirect("/profile?saved=profile", status_code=303)


@post("/profile/password", opt={"permission": "profile.update"})
async def save_password(
    request: AnyRequest,
    resources: Resources,
    throttle: Throttle,
    viewer: Viewer,
    data: Annotated[PasswordForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[Any]:
    try:
        if data.new != data.again:
            raise _wrong("again", "different", "The two are not the same.")
        opened = await _change_password(resources, throttle, viewer, data.current, data.new)
    except (Invalid, TooMany) as error:
        return await sync_to_thread(_refused_page, resources, viewer, error)
    answer = Redirect("/profile?saved=password", status_code=303)
    answer.cookies += cookies.of_session(resources.settings, opened, is_kept=cookies.is_kept(request.cookies))
    return answer


@post("/profile/sessions", sync_to_thread=True, opt={"permission": "session.end"})
def end_other_sessions(resources: Resources, viewer: Viewer) -> Redirect:
    with resources.control.transaction() as tx:
        sessions.end_all(tx, viewer.user_id, but=viewer.session_hash)
    REMEMBERED.forget_user(viewer.user_id)
    return Redirect("/profile?saved=sessions", status_code=303)


@patch("/ui/preferences", sync_to_thread=True, opt={"permission": "profile.update"})
def change_preferences(resources: Resources, viewer: Viewer, data: PreferencesChange) -> dict[str, Any]:
    more = {name: value for name in DEFAULT_PREFERENCES if (value := getattr(data, name)) is not UNSET}
    theme = None if data.theme is UNSET else str(data.theme)
    locale = None if data.locale is UNSET else str(data.locale)
    with resources.control.transaction() as tx:
        people.set_taste(tx, viewer.user_id, theme=theme, locale=locale, more=more)
    REMEMBERED.forget_user(viewer.user_id)
    return {"theme": theme or viewer.theme, "locale": locale or viewer.locale, **viewer.preferences, **more}


@post("/ui/password", status_code=204, opt={"permission": "profile.update"})
async def change_password(
    request: AnyRequest, resources: Resources, throttle: Throttle, viewer: Viewer, data: PasswordChange
) -> Response[None]:
    """The session goes on under a new id; every other one of this person ends."""
    opened = await _change_password(resources, throttle, viewer, data.current, data.new)
    answer: Response[None] = Response(None, status_code=204)
    answer.cookies += cookies.of_session(resources.settings, opened, is_kept=cookies.is_kept(request.cookies))
    return answer


async def _change_password(resources: Resources, throttle: Throttle, viewer: Viewer, current: str, new: str) -> Opened:
    if viewer.session_hash is None:
        raise Forbidden
    passwords.check_choice(new, viewer.email, viewer.name, "new")
    stored = await sync_to_thread(_count_and_read, resources, throttle, viewer)
    if not await asyncio.wrap_future(passwords.checking(stored, current)):
        raise _wrong("current", "wrong", "This is not your password.")
    new_hash = await asyncio.wrap_future(passwords.hashing(new))
    return await sync_to_thread(_store, resources, viewer, new_hash)


def _count_and_read(resources: Resources, throttle: Throttle, viewer: Viewer) -> str:
    seconds = throttle.wait_seconds((attempts.OF_PASSWORD_CHANGE, str(viewer.user_id)))
    if seconds:
        raise TooMany("Too many attempts.", retry_after_seconds=seconds)
    with resources.control.transaction() as tx:
        return queries.account(tx, viewer.user_id).password_hash


def _store(resources: Resources, viewer: Viewer, new_hash: str) -> Opened:
    with resources.control.transaction() as tx:
        people.set_password(tx, viewer.user_id, new_hash, keep_session=viewer.session_hash)
        opened = sessions.rename(tx, viewer)
    REMEMBERED.forget_user(viewer.user_id)
    if viewer.tenant_id is not None:
        trail.note(resources.database, viewer.scope(), "password.changed")
    return opened


def _refused_page(resources: Resources, viewer: Viewer, error: HunflyError) -> Response[str]:
    faults = {item.field: item.code for item in error.errors}
    return _profile_page(resources, viewer, faults=faults or {"current": error.code}, status_code=error.status)


def _profile_page(
    resources: Resources,
    viewer: Viewer,
    *,
    saved: str = "",
    faults: dict[str, str] | None = None,
    status_code: int = 200,
) -> Response[str]:
    with resources.control.transaction() as tx:
        desks = queries.desks_of_user(tx, viewer.user_id)
        lines = queries.sessions_of_user(tx, viewer.user_id)
    return frame.page(
        resources,
        viewer,
        "access/profile.html",
        "profile",
        status_code=status_code,
        locale=viewer.locale,
        desks=[{"id": str(desk.tenant_id), "name": desk.name, "role": desk.role} for desk in desks],
        sessions=[_shown(line, viewer) for line in lines],
        faults=faults or {},
        saved=saved,
    )


def _shown(line: SessionLine, viewer: Viewer) -> dict[str, Any]:
    return {
        "is_this": line.token_hash == viewer.session_hash,
        "last_seen_at": line.last_seen_at,
        "browser": _browser_of(line.user_agent or ""),
        "network": line.ip_prefix or "",
    }


def _browser_of(user_agent: str) -> str:
    """Enough to tell one's phone from one's computer. Order matters: most name others beside themselves."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return " · ".join(filter(None, (browser, system))) or user_agent[:40] or "–"


def _wrong(field: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, errors=(FieldError(field, code, detail),))


ROUTES = [profile_page, save_profile, save_password, end_other_sessions, change_preferences, change_password]
