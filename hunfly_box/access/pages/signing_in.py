"""Sign in, sign out, change the tenant one works in."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.enums import MediaType, RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Response

from hunfly_box.access import attempts, authentication, csrf, frame, passwords, queries, trail
from hunfly_box.access.authentication import REMEMBERED
from hunfly_box.access.commands import people, sessions
from hunfly_box.access.commands.sessions import Opened
from hunfly_box.access.gate import IP_KEY
from hunfly_box.access.pages import cookies
from hunfly_box.access.queries import Account
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.kit import i18n
from hunfly_box.kit.database import Scope
from hunfly_box.kit.errors import TooMany
from hunfly_box.kit.http import network_of
from hunfly_box.kit.i18n import DEFAULT_VIEWER, LOCALES
from hunfly_box.kit.throttle import Throttle

log = logging.getLogger(__name__)

AnyRequest = Request[Any, Any, Any]
THEMES = ("light", "dark", "auto")
LONGEST_EMAIL = 256


@dataclass
class LoginForm:
    email: str = ""
    password: str = ""
    remember: str = ""
    next: str = ""
    csrf_token: str = ""


@dataclass
class TenantForm:
    tenant_id: UUID
    csrf_token: str = ""


@dataclass
class Attempt:
    """A sign-in under way."""

    form: LoginForm
    account: Account | None
    network: str
    user_agent: str
    # The device cookie, where it proves that this person was here before.
    device: str | None


@get("/", sync_to_thread=False, opt={"permission": "public"})
def start(viewer: Viewer | None) -> Redirect:
    return Redirect(frame.home(viewer) if viewer else "/login", status_code=303)


@get("/login", sync_to_thread=True, opt={"permission": "public"})
def login_page(
    request: AnyRequest, resources: Resources, viewer: Viewer | None, next: str = "", lang: str = ""
) -> Response[Any]:
    if viewer is not None:
        return Redirect(_inside(next) or frame.home(viewer), status_code=303)
    answer = _login_page(request, resources, LoginForm(next=next))
    if lang in LOCALES:
        answer.set_cookie(cookies.of_language(resources.settings, lang))
    return answer


@post("/login", opt={"permission": "public", "csrf": "pre_session"})
async def sign_in(
    request: AnyRequest,
    resources: Resources,
    throttle: Throttle,
    data: Annotated[LoginForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[Any]:
    """Not in a thread as a whole: those who wait for their turn at hashing must not hold the threads of the others."""
    attempt = await sync_to_thread(_begin, request, resources, data)
    wait = await sync_to_thread(attempts.count_login, throttle, data.email, attempt.network, attempt.device)
    if wait:
        log.warning("sign-in from %s has to wait %d s", attempt.network, wait)
        return await sync_to_thread(_login_page, request, resources, data, "throttled", 429, wait)
    stored = attempt.account.password_hash if attempt.account else None
    try:
        is_right = await asyncio.wrap_future(passwords.checking(stored, data.password))
    except TooMany as busy:
        return await sync_to_thread(_login_page, request, resources, data, "throttled", 429, busy.retry_after_seconds)
    if not is_right or attempt.account is None:
        log.info("sign-in from %s refused", attempt.network)
        return await sync_to_thread(_login_page, request, resources, data, "bad", 422)
    fresh_hash = None
    if passwords.is_outdated(attempt.account.password_hash):
        fresh_hash = await asyncio.wrap_future(passwords.hashing(data.password))
    return await sync_to_thread(_finish, request, resources, throttle, attempt, attempt.account, fresh_hash)


@post("/logout", sync_to_thread=True, opt={"permission": "session.end"})
def sign_out(resources: Resources, viewer: Viewer) -> Redirect:
    with resources.control.transaction() as tx:
        sessions.end(tx, viewer)
    REMEMBERED.forget_user(viewer.user_id)
    answer = Redirect("/login", status_code=303, headers={"Clear-Site-Data": '"cache", "storage"'})
    answer.cookies += cookies.without_session(resources.settings)
    return answer


@post("/tenant", sync_to_thread=True, opt={"permission": "session.switch_tenant"})
def switch_tenant(
    request: AnyRequest,
    resources: Resources,
    viewer: Viewer,
    data: Annotated[TenantForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Redirect:
    with resources.control.transaction() as tx:
        opened = sessions.switch_tenant(tx, viewer, data.tenant_id)
    REMEMBERED.forget_user(viewer.user_id)
    answer = Redirect("/", status_code=303)
    answer.cookies += cookies.of_session(resources.settings, opened, is_kept=cookies.is_kept(request.cookies))
    return answer


def _begin(request: AnyRequest, resources: Resources, form: LoginForm) -> Attempt:
    with resources.control.transaction() as tx:
        account = queries.account_by_email(tx, form.email.strip()[:LONGEST_EMAIL])
    device = request.cookies.get(cookies.device_cookie_name(resources.settings))
    return Attempt(
        form,
        account,
        network=network_of(request.scope["state"][IP_KEY]),
        user_agent=request.headers.get("user-agent", ""),
        device=device if cookies.is_known_device(resources.sealer, device, account) else None,
    )


def _finish(
    request: AnyRequest,
    resources: Resources,
    throttle: Throttle,
    attempt: Attempt,
    account: Account,
    fresh_hash: str | None,
) -> Response[Any]:
    attempts.forgive_login(throttle, attempt.form.email, attempt.network, attempt.device)
    opened = _open(resources, attempt, account, fresh_hash)
    if opened is None:
        return _login_page(request, resources, attempt.form, "disabled", 422)
    answer = Redirect(_inside(attempt.form.next) or "/", status_code=303)
    answer.cookies += cookies.of_session(resources.settings, opened, is_kept=bool(attempt.form.remember))
    with resources.control.transaction() as tx:
        account = queries.account(tx, account.id)
    answer.set_cookie(cookies.of_device(resources.settings, resources.sealer, account))
    answer.delete_cookie(authentication.pre_session_cookie_name(resources.settings))
    return answer


def _open(resources: Resources, attempt: Attempt, account: Account, fresh_hash: str | None) -> Opened | None:
    with resources.control.transaction() as tx:
        desk = sessions.first_desk(tx, account) if account.is_active else None
        if desk is None:
            return None
        if fresh_hash is not None:
            people.refresh_hash(tx, account.id, fresh_hash)
        tenant_id, role = desk
        opened = sessions.open_session(
            tx, account.id, tenant_id, role, ip_prefix=attempt.network, user_agent=attempt.user_agent
        )
    if tenant_id is not None:
        trail.note(resources.database, Scope(tenant_id, account.id, role), "session.opened")
    return opened


def _login_page(
    request: AnyRequest,
    resources: Resources,
    form: LoginForm,
    error: str | None = None,
    status_code: int = 200,
    retry_after: int = 0,
) -> Response[Any]:
    """Every showing has a fresh form token, bound to a cookie of its own."""
    settings = resources.settings
    name = authentication.pre_session_cookie_name(settings)
    cookie = request.cookies.get(name) or cookies.new_pre_session()
    theme = request.cookies.get("theme", "auto")
    html = resources.templates.page(
        "access/login.html",
        i18n.Viewer(locale=_language(request), zone=DEFAULT_VIEWER.zone),
        csrf=csrf.pre_session_token(resources.sealer, cookie),
        error=error,
        retry_after=retry_after,
        email=form.email[:LONGEST_EMAIL],
        next=_inside(form.next) or "/",
        theme=theme if theme in THEMES else "auto",
        page="login",
        may=[],
    )
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    answer: Response[Any] = Response(html, media_type=MediaType.HTML, status_code=status_code, headers=headers)
    answer.set_cookie(cookies.of_pre_session(settings, cookie))
    return answer


def _language(request: AnyRequest) -> str:
    for wanted in (request.query_params.get("lang"), request.cookies.get("lang")):
        if wanted in LOCALES:
            return str(wanted)
    return i18n.closest_locale(request.headers.get("accept-language", "").split(",")[0].split(";")[0])


def _inside(path: str) -> str | None:
    """Only to a page of ours: `//host` and `/\\host` are other sites to a browser."""
    is_plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_plain and len(path) <= 500 and not path.startswith(("/login", "/logout")) else None


def login_address(path: str) -> str:
    """Where to send somebody who has to sign in first."""
    return "/login?" + urlencode({"next": path}) if _inside(path) and path != "/" else "/login"


ROUTES = [start, login_page, sign_in, sign_out, switch_tenant]
