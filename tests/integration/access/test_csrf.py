"""Writes by a browser: every unsafe route, whoever owns it, refuses what another site or a stale page could have sent."""

import re

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from hunfly_box.access import credentials
from tests.cast import PASSWORD
from tests.conftest import Box
from tests.integration.access.conftest import Browser, Browsers

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
SOME_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
HERE = {"origin": "http://box.example"}


def unsafe_routes(app: Litestar) -> list[tuple[str, str]]:
    found = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                path = re.sub(r"\{[^}]+\}", SOME_ID, route.path_format)
                found += [(str(method), path) for method in set(handler.http_methods) & UNSAFE]
    return sorted(set(found))


@pytest.fixture
def ana(browsers: Browsers, box: Box) -> Browser:
    return browsers(box.cast.ana)


CASES = {
    "no token": {},
    "an invented token": {"x-csrf-token": "0" * 64},
    "another site": {"origin": "https://evil.example", "x-csrf-token": "right"},
    "no site at all": {"origin": "null", "x-csrf-token": "right"},
    "a sandboxed frame": {"sec-fetch-site": "cross-site", "x-csrf-token": "right"},
    "a sister address": {"sec-fetch-site": "same-site", "x-csrf-token": "right"},
    "json disguised as text": {"content-type": "text/plain"},
}


@pytest.mark.parametrize("case", CASES, ids=CASES)
def test_no_unsafe_route_can_be_called_by(case: str, app: Litestar, ana: Browser) -> None:
    right = ana.form_token("/profile")
    headers = {name: right if value == "right" else value for name, value in CASES[case].items()}
    routes = unsafe_routes(app)
    assert ("POST", "/logout") in routes
    assert len(routes) > 10
    for method, path in routes:
        answer = ana.request(method, path, headers=headers | {"accept": "application/json"}, content=b'{"a":1}')
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), f"{method} {path}"


def test_the_token_of_another_session_is_worth_nothing(
    app: Litestar, ana: Browser, browsers: Browsers, box: Box
) -> None:
    foreign = browsers(box.cast.carla).form_token("/profile")
    for method, path in unsafe_routes(app):
        answer = ana.request(method, path, headers={"x-csrf-token": foreign, "accept": "application/json"})
        assert answer.status_code == 403, f"{method} {path}"


def test_the_right_token_from_the_right_place_is_taken(ana: Browser) -> None:
    token = ana.form_token("/profile")
    headers = {"x-csrf-token": token, "sec-fetch-site": "same-origin", **HERE}
    answer = ana.request("PATCH", "/ui/preferences", json={"sound": "loud"}, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["sound"] == "loud"


def test_a_program_with_its_token_and_no_cookie_needs_no_form_token(box: Box, browsers: Browsers) -> None:
    from hunfly_box.access.commands import tokens

    with box.resources.control.transaction() as tx:
        token = tokens.create_token(tx, box.cast.tenant_a, box.cast.ana.id)
    bare = browsers()
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    answer = bare.request("POST", "/api/v1/labels", json={"name": "Urgente", "color": 1}, headers=headers)
    assert answer.status_code == 201, answer.text


def test_a_token_beside_a_cookie_does_not_make_up_for_the_form_token(box: Box, ana: Browser) -> None:
    from hunfly_box.access.commands import tokens

    with box.resources.control.transaction() as tx:
        token = tokens.create_token(tx, box.cast.tenant_a, box.cast.ana.id)
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    assert ana.request("POST", "/api/v1/labels", json={"name": "X", "color": 1}, headers=headers).status_code == 403


def test_the_sign_in_form_is_protected_before_there_is_a_session(box: Box, browsers: Browsers) -> None:
    form = {"email": box.cast.ana.email, "password": PASSWORD}
    no_cookie = browsers()
    assert no_cookie.post("/login", form).status_code == 403
    stranger = browsers()
    token_of_another = stranger.form_token("/login")
    victim = browsers()
    victim.form_token("/login")
    assert victim.post("/login", form | {"csrf_token": token_of_another}).status_code == 403
    planted = browsers()
    planted.cookies.set("hb_pre", credentials.new_session_id(), domain="box.example", path="/")
    assert planted.post("/login", form | {"csrf_token": token_of_another}).status_code == 403
    own = browsers()
    token = own.form_token("/login")
    assert (
        own.post("/login", form | {"csrf_token": token}, headers={"origin": "https://evil.example"}).status_code == 403
    )
    assert own.post("/login", form | {"csrf_token": token}, headers=HERE).status_code == 303


def test_no_get_changes_anything(app: Litestar, box: Box, ana: Browser) -> None:
    """Every GET route is asked; the rows of the control plane stay as they are, but for the session's own last use."""
    before = _fingerprint(box)
    for route in app.routes:
        if isinstance(route, HTTPRoute) and any("GET" in handler.http_methods for handler in route.route_handlers):
            ana.get(re.sub(r"\{[^}]+\}", SOME_ID, route.path_format))
    assert _fingerprint(box) == before


def _fingerprint(box: Box) -> list[str]:
    tables = ("tenants", "users", "memberships", "api_tokens", "resellers")
    with box.resources.control.transaction() as tx:
        return [
            str(tx.scalar(f"SELECT md5(string_agg(md5(x::text), '' ORDER BY x::text)) FROM app.{table} x"))
            for table in tables
        ]
