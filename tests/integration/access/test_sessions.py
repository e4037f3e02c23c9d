"""Sessions: proof against fixation, gone within a second when they are taken away, never longer than they may be."""

import time

import pytest

from hunfly_box.access import credentials
from hunfly_box.access.authentication import REMEMBERED, viewer_from_headers
from hunfly_box.access.commands import people, sessions
from tests.cast import PASSWORD
from tests.conftest import Box
from tests.integration.access.conftest import Browser, Browsers

A_SECOND = 1.0


def row_of(box: Box, browser: Browser) -> bytes:
    return credentials.hashed(browser.cookies["hb_sid"])


def age(box: Box, browser: Browser, change: str) -> None:
    with box.resources.control.transaction() as tx:
        tx.execute(f"UPDATE app.sessions SET {change} WHERE token_hash = :hash", hash=row_of(box, browser))


def test_signing_in_leads_into_the_box_and_signing_out_leads_out(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.ana)
    assert browser.get("/profile").status_code == 200
    token = browser.form_token("/profile")
    answer = browser.post("/logout", {"csrf_token": token})
    assert answer.status_code == 303
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert "hb_sid" not in browser.cookies
    assert browser.get("/profile").headers["location"] == "/login?next=%2Fprofile"


def test_a_session_id_known_before_signing_in_is_worth_nothing_after(box: Box, browsers: Browsers) -> None:
    browser = browsers()
    planted = credentials.new_session_id()
    browser.cookies.set("hb_sid", planted, domain="box.example", path="/")
    browser.sign_in(box.cast.ana)
    thief = browsers()
    thief.cookies.set("hb_sid", planted, domain="box.example", path="/")
    assert thief.get("/profile").status_code == 303


def test_an_id_stolen_before_the_sign_out_does_not_work_after_it(box: Box, browsers: Browsers) -> None:
    browser, thief = browsers(box.cast.ana), browsers()
    thief.cookies.set("hb_sid", browser.cookies["hb_sid"], domain="box.example", path="/")
    assert thief.get("/profile").status_code == 200
    browser.post("/logout", {"csrf_token": browser.form_token("/profile")})
    assert thief.get("/profile").status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(box: Box, browsers: Browsers) -> None:
    answer = browsers().sign_in(box.cast.ana)
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("hb_sid="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert "Max-Age" not in cookie


def test_remembering_makes_the_cookie_outlive_the_window(box: Box, browsers: Browsers) -> None:
    answer = browsers().sign_in(box.cast.ana, remember="1")
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("hb_sid="))
    assert f"Max-Age={7 * 24 * 3600}" in cookie


def test_the_database_does_not_hold_the_id(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.ana)
    with box.resources.control.transaction() as tx:
        stored = tx.scalars("SELECT encode(token_hash, 'escape') || encode(csrf_secret, 'escape') FROM app.sessions")
    assert not any(browser.cookies["hb_sid"] in text for text in stored)


@pytest.mark.parametrize(
    "change",
    ["last_seen_at = now() - interval '12 hours 1 second'", "expires_at = now() - interval '1 second'"],
    ids=["idle", "too old"],
)
def test_a_session_ends_by_itself(box: Box, browsers: Browsers, change: str) -> None:
    browser = browsers(box.cast.bruno)
    assert browser.get("/profile").status_code == 200
    age(box, browser, change)
    time.sleep(A_SECOND)
    assert browser.get("/profile").status_code == 303


def test_those_who_reach_many_tenants_stay_for_a_shorter_time(box: Box, browsers: Browsers) -> None:
    for person in (box.cast.olga, box.cast.duda):
        browser = browsers(person)
        age(box, browser, "last_seen_at = now() - interval '31 minutes'")
        time.sleep(A_SECOND)
        assert browser.get("/profile").status_code == 303


def test_use_keeps_a_session_alive_and_is_written_at_most_once_a_minute(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.bruno)
    age(box, browser, "last_seen_at = now() - interval '2 minutes'")
    time.sleep(A_SECOND)
    browser.get("/profile")
    with box.resources.control.transaction() as tx:
        seconds = tx.scalar(
            "SELECT extract(epoch FROM now() - last_seen_at) FROM app.sessions WHERE token_hash = :hash",
            hash=row_of(box, browser),
        )
    assert seconds < 5


def test_the_eleventh_session_ends_the_oldest(box: Box, browsers: Browsers) -> None:
    with box.resources.control.transaction() as tx:
        sessions.end_all(tx, box.cast.beto.id)
    first = browsers(box.cast.beto)
    age(box, first, "last_seen_at = now() - interval '50 seconds'")
    others = [browsers(box.cast.beto) for _ in range(10)]
    time.sleep(A_SECOND)
    assert first.get("/profile").status_code == 303
    assert others[0].get("/profile").status_code == 200


def test_somebody_switched_off_is_out_within_a_second(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.bia)
    assert browser.get("/profile").status_code == 200
    with box.resources.control.transaction() as tx:
        people.set_active(tx, box.cast.bia.id, is_active=False)
    time.sleep(A_SECOND)
    assert browser.get("/profile").status_code == 303
    refused = browsers().sign_in(box.cast.bia)
    assert refused.status_code == 422
    assert "desativado" in refused.text
    with box.resources.control.transaction() as tx:
        people.set_active(tx, box.cast.bia.id, is_active=True)


def test_a_new_role_counts_within_a_second(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.bia)
    assert browser.get("/settings").status_code == 403
    with box.resources.control.transaction() as tx:
        people.change_role(tx, box.cast.tenant_a, box.cast.bia.id, "manager")
    time.sleep(A_SECOND)
    assert browser.get("/settings").status_code == 200
    with box.resources.control.transaction() as tx:
        people.change_role(tx, box.cast.tenant_a, box.cast.bia.id, "agent")


def test_the_session_of_a_suspended_tenant_does_not_work(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.caio)
    suspend = "UPDATE app.tenants SET status = :status WHERE id = :id"
    with box.resources.control.transaction() as tx:
        tx.execute(suspend, status="suspended", id=box.cast.tenant_b)
    time.sleep(A_SECOND)
    assert browser.get("/profile").status_code == 303
    with box.resources.control.transaction() as tx:
        tx.execute(suspend, status="active", id=box.cast.tenant_b)


def test_a_new_password_ends_the_other_sessions_and_renames_this_one(box: Box, browsers: Browsers) -> None:
    here, elsewhere = browsers(box.cast.caio), browsers(box.cast.caio)
    before = here.cookies["hb_sid"]
    new = "outra frase bem comprida"
    answer = here.request(
        "POST",
        "/ui/password",
        json={"current": PASSWORD, "new": new},
        headers={"x-csrf-token": here.form_token("/profile")},
    )
    assert answer.status_code == 204
    assert here.cookies["hb_sid"] != before
    assert here.get("/profile").status_code == 200
    assert elsewhere.get("/profile").status_code == 303
    assert browsers().sign_in(box.cast.caio).status_code == 422
    assert browsers().sign_in(box.cast.caio, new).status_code == 303


def test_the_wrong_current_password_changes_nothing(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.ana)
    token = browser.form_token("/profile")
    answer = browser.post(
        "/profile/password",
        {"current": "wrong", "new": "a" * 6 + "bcdefghi", "again": "a" * 6 + "bcdefghi", "csrf_token": token},
    )
    assert answer.status_code == 422
    assert "Esta não é a sua senha atual." in answer.text


def test_a_person_of_two_tenants_goes_from_one_to_the_other(box: Box, browsers: Browsers) -> None:
    with box.resources.control.transaction() as tx:
        people.join_tenant(tx, box.cast.beto.id, box.cast.tenant_b, "agent")
    browser = browsers(box.cast.beto)
    token, before = browser.form_token("/profile"), browser.cookies["hb_sid"]
    other = str(box.cast.tenant_b if "Floricultura</p>" not in browser.get("/profile").text else box.cast.tenant_a)
    answer = browser.post("/tenant", {"tenant_id": other, "csrf_token": token})
    assert answer.status_code == 303
    assert browser.cookies["hb_sid"] != before
    foreign = browsers(box.cast.ana)
    refused = foreign.post("/tenant", {"tenant_id": other, "csrf_token": foreign.form_token("/profile")})
    assert refused.status_code == (404 if other == str(box.cast.tenant_b) else 303)


def test_a_hash_of_old_parameters_is_renewed_at_sign_in(box: Box, browsers: Browsers) -> None:
    browsers(box.cast.carla)
    with box.resources.control.transaction() as tx:
        stored = tx.scalar("SELECT password_hash FROM app.users WHERE id = :id", id=box.cast.carla.id)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_who_came_in_and_changed_their_password_stands_in_the_tenants_log(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.bia)
    answer = browser.request(
        "POST",
        "/ui/password",
        json={"current": PASSWORD, "new": "mais uma frase comprida"},
        headers={"x-csrf-token": browser.form_token("/profile")},
    )
    assert answer.status_code == 204
    with box.resources.database.transaction(box.cast.ana.scope) as tx:
        mine = "SELECT action FROM app.audit WHERE actor_id = :bia ORDER BY id"
        actions = tx.scalars(mine, bia=box.cast.bia.id)
    assert actions[-2:] == ["session.opened", "password.changed"]


def test_a_tab_that_nobody_touches_does_not_keep_its_session_alive(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.bruno)
    age(box, browser, "last_seen_at = now() - interval '2 minutes'")
    REMEMBERED.forget_all()
    headers = {"cookie": f"hb_sid={browser.cookies['hb_sid']}"}
    assert viewer_from_headers(box.resources, headers, is_use=False) is not None
    with box.resources.control.transaction() as tx:
        seconds = "SELECT extract(epoch FROM now() - last_seen_at) FROM app.sessions WHERE token_hash = :hash"
        assert tx.scalar(seconds, hash=row_of(box, browser)) > 100


def test_one_sees_where_one_is_signed_in_and_ends_the_others(box: Box, browsers: Browsers) -> None:
    with box.resources.control.transaction() as tx:
        sessions.end_all(tx, box.cast.ana.id)
    here, elsewhere = browsers(box.cast.ana), browsers(box.cast.ana)
    foreign = browsers(box.cast.carla)
    page = here.get("/profile").text
    assert page.count("usado <time") == 2
    assert page.count("Este aqui") == 1
    answer = here.post("/profile/sessions", {"csrf_token": here.form_token("/profile")})
    assert answer.status_code == 303
    assert [browser.get("/profile").status_code for browser in (here, elsewhere, foreign)] == [200, 303, 200]
