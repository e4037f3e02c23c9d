"""API tokens: bound to a person and their scopes as they are now, useless within a second of being taken away."""

import time

import pytest

from hunfly_box.access import credentials
from hunfly_box.access.authentication import viewer_from_headers
from hunfly_box.access.commands import people, tokens
from hunfly_box.access.permissions import PERMISSIONS, may, scopes_of
from hunfly_box.access.viewer import Viewer
from hunfly_box.kit.errors import Invalid, NotFound
from tests.cast import Person
from tests.conftest import Box
from tests.integration.access.conftest import Browsers

A_SECOND = 1.0


def make(box: Box, person: Person, scopes: list[str] | None = None, days: int = 90) -> str:
    assert person.tenant_id is not None
    with box.resources.control.transaction() as tx:
        return tokens.create_token(tx, person.tenant_id, person.id, scopes, days)


def viewer(box: Box, token: str) -> Viewer | None:
    return viewer_from_headers(box.resources, {"authorization": f"Bearer {token}"})


def test_a_token_has_the_form_that_leak_scanners_know(box: Box) -> None:
    assert credentials.API_TOKEN.fullmatch(make(box, box.cast.ana))


def test_the_database_keeps_only_its_hash(box: Box) -> None:
    token = make(box, box.cast.ana)
    with box.resources.control.transaction() as tx:
        row = tx.scalar("SELECT t::text FROM app.api_tokens t WHERE prefix = :prefix", prefix=token[4:12])
    assert token[13:] not in row
    assert token[13:].encode().hex() not in row


def test_without_scopes_named_it_may_what_its_person_may(box: Box) -> None:
    found = viewer(box, make(box, box.cast.bruno))
    assert found is not None
    assert found.scopes == scopes_of("agent")
    assert (found.tenant_id, found.user_id, found.role) == (box.cast.tenant_a, box.cast.bruno.id, "agent")


def test_each_permission_opens_with_its_scope_and_with_no_other(box: Box) -> None:
    for scope in sorted(scopes_of("tenant_admin")):
        found = viewer(box, make(box, box.cast.ana, [scope]))
        assert found is not None
        opened = {name for name in PERMISSIONS if may(found, name)}
        assert opened == {
            name for name, rule in PERMISSIONS.items() if rule.scope == scope and "tenant_admin" in rule.reach
        }


def test_a_token_never_opens_what_is_a_persons_own(box: Box) -> None:
    found = viewer(box, make(box, box.cast.ana))
    assert found is not None
    for name in ("profile.update", "tenant_settings.update", "channel.create", "session.end"):
        assert not may(found, name)


def test_a_scope_beyond_the_person_is_refused(box: Box) -> None:
    with pytest.raises(Invalid):
        make(box, box.cast.bruno, ["labels:write"])


def test_a_person_of_another_tenant_gets_no_token_here(box: Box) -> None:
    with box.resources.control.transaction() as tx, pytest.raises(NotFound):
        tokens.create_token(tx, box.cast.tenant_b, box.cast.ana.id)


def test_it_shrinks_with_its_person_and_dies_with_them(box: Box) -> None:
    token = make(box, box.cast.beto, ["labels:write", "conversations:read"])
    with box.resources.control.transaction() as tx:
        people.change_role(tx, box.cast.tenant_a, box.cast.beto.id, "agent")
    found = viewer(box, token)
    assert found is not None
    assert found.scopes == {"conversations:read"}
    with box.resources.control.transaction() as tx:
        people.set_active(tx, box.cast.beto.id, is_active=False)
    time.sleep(A_SECOND)
    assert viewer(box, token) is None
    with box.resources.control.transaction() as tx:
        people.set_active(tx, box.cast.beto.id, is_active=True)
        people.change_role(tx, box.cast.tenant_a, box.cast.beto.id, "manager")


@pytest.mark.parametrize("change", ["revoked_at = now()", "expires_at = now()"], ids=["revoked", "expired"])
def test_it_is_useless_within_a_second_of_being(box: Box, change: str) -> None:
    token = make(box, box.cast.ana)
    assert viewer(box, token) is not None
    with box.resources.control.transaction() as tx:
        tx.execute(f"UPDATE app.api_tokens SET {change} WHERE prefix = :prefix", prefix=token[4:12])
    time.sleep(A_SECOND)
    assert viewer(box, token) is None


def test_the_right_prefix_with_another_secret_is_nobody(box: Box) -> None:
    token = make(box, box.cast.ana)
    forged = token[:13] + credentials.new_api_token()[1][13:]
    assert viewer(box, forged) is None


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic YTpi", "Bearer hbx_short", "hbx_", "Bearer " + "x" * 9000]
)
def test_what_is_no_token_is_nobody_and_no_error(box: Box, header: str) -> None:
    assert viewer_from_headers(box.resources, {"authorization": header}) is None


def test_a_wrong_token_is_not_made_good_by_a_cookie(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.ana)
    headers = {"authorization": "Bearer hbx_aaaaaaaa_" + "a" * 43, "accept": "application/json"}
    assert browser.get("/profile", headers=headers).status_code == 401


def test_the_box_owners_token_reads_the_figures_and_a_tenants_does_not(box: Box, browsers: Browsers) -> None:
    with box.resources.control.transaction() as tx:
        people.join_tenant(tx, box.cast.olga.id, box.cast.tenant_a, "agent")
        owners = tokens.create_token(tx, box.cast.tenant_a, box.cast.olga.id, ["metrics:read"])
    outside = browsers()
    assert outside.get("/metrics").status_code == 404
    assert outside.get("/metrics", headers={"authorization": f"Bearer {make(box, box.cast.ana)}"}).status_code == 404
    answer = outside.get("/metrics", headers={"authorization": f"Bearer {owners}"})
    assert answer.status_code == 200
    assert "hunfly_http_request_duration_seconds_bucket" in answer.text
