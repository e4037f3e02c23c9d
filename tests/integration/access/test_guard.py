"""One guard for all routes: each declares its permission, and the table decides for every role."""

import re

import pytest
from litestar import Litestar, get
from litestar.routes import HTTPRoute

from hunfly_box.access.guards import UndeclaredPermission
from hunfly_box.access.permissions import PERMISSIONS
from hunfly_box.app import create_app
from tests.cast import Person
from tests.conftest import Box
from tests.integration.access.conftest import Browsers

SOME_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def people(box: Box) -> list[Person]:
    cast = box.cast
    return [cast.olga, cast.duda, cast.ana, cast.beto, cast.bruno]


def declared(app: Litestar) -> list[tuple[str, str, str]]:
    found = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                permission = handler.opt.get("permission")
                if permission and permission != "public":
                    path = re.sub(r"\{[^}]+\}", SOME_ID, route.path_format)
                    found += [(str(method), path, permission) for method in set(handler.http_methods) - {"OPTIONS"}]
    return found


def test_a_route_without_a_permission_stops_the_start(box: Box) -> None:
    @get("/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        return "everybody sees this"

    with pytest.raises(UndeclaredPermission, match="/forgotten"):
        create_app(box.resources, pages=[forgotten])


def test_a_permission_that_is_not_in_the_table_stops_the_start(box: Box) -> None:
    @get("/misspelt", sync_to_thread=False, opt={"permission": "conversation.reed"})
    def misspelt() -> str:
        return ""

    with pytest.raises(UndeclaredPermission, match=r"conversation\.reed"):
        create_app(box.resources, pages=[misspelt])


def test_nobody_gets_past_a_permission_without_signing_in(app: Litestar, browsers: Browsers) -> None:
    for method, path, permission in declared(app):
        if method == "GET":
            answer = browsers().get(path, headers={"accept": "application/json"})
            assert answer.status_code == 401, f"{method} {path} {permission}"
            assert answer.json()["code"] == "auth.required"


def test_every_route_answers_403_exactly_to_the_roles_the_table_leaves_out(
    app: Litestar, box: Box, browsers: Browsers
) -> None:
    for person in people(box):
        browser = browsers(person)
        token = browser.form_token("/profile")
        for method, path, permission in declared(app):
            if permission.startswith("session."):
                continue
            headers = {"accept": "application/json", "x-csrf-token": token}
            answer = browser.request(method, path, headers=headers)
            is_left_out = person.role not in PERMISSIONS[permission].reach
            assert (answer.status_code == 403) == is_left_out, f"{person.name} {method} {path}: {answer.status_code}"


def test_those_who_may_not_read_content_land_on_the_list_of_tenants(box: Box, browsers: Browsers) -> None:
    for person, home in ((box.cast.olga, "/tenants"), (box.cast.duda, "/tenants"), (box.cast.bruno, "/inbox")):
        assert browsers(person).get("/").headers["location"] == home


def test_a_page_is_refused_in_words_and_a_program_by_code(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.bruno)
    page = browser.get("/tenants")
    assert page.status_code == 403
    assert "Seu acesso não permite isto" in page.text
    problem = browser.get("/tenants", headers={"accept": "application/json"})
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == "auth.forbidden"
