"""Too many attempts wait; nobody is kept out from a device they have used; unknown people cost what known ones do."""

import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from hunfly_box.access import passwords
from hunfly_box.kit.throttle import Limit, Throttle
from tests.cast import PASSWORD
from tests.conftest import Box
from tests.integration.access.conftest import Browsers


def test_the_sixth_attempt_at_a_login_from_one_address_waits(box: Box, browsers: Browsers) -> None:
    browser = browsers()
    statuses = [browser.sign_in(box.cast.ana, f"wrong password {n}").status_code for n in range(6)]
    assert statuses == [422] * 5 + [429]
    refused = browser.sign_in(box.cast.ana)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 15 * 60
    assert "Muitas tentativas" in refused.text


def test_the_eleventh_attempt_at_a_login_waits_wherever_it_comes_from(box: Box, browsers: Browsers) -> None:
    statuses = [browsers().sign_in(box.cast.bruno, "wrong password").status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]


def test_an_attacker_cannot_keep_somebody_out_from_their_own_device(box: Box, browsers: Browsers) -> None:
    known = browsers(box.cast.carla)
    known.post("/logout", {"csrf_token": known.form_token("/profile")})
    for _ in range(12):
        browsers().sign_in(box.cast.carla, "wrong password")
    assert browsers().sign_in(box.cast.carla).status_code == 429
    assert known.sign_in(box.cast.carla).status_code == 303


def test_a_known_device_is_no_licence_to_guess(box: Box, browsers: Browsers) -> None:
    known = browsers(box.cast.caio)
    known.post("/logout", {"csrf_token": known.form_token("/profile")})
    statuses = [known.sign_in(box.cast.caio, f"wrong password {n}").status_code for n in range(11)]
    assert statuses == [422] * 10 + [429]


def test_the_device_of_one_person_says_nothing_for_another(box: Box, browsers: Browsers) -> None:
    known = browsers(box.cast.ana)
    known.post("/logout", {"csrf_token": known.form_token("/profile")})
    statuses = [known.sign_in(box.cast.beto, f"wrong password {n}").status_code for n in range(6)]
    assert statuses[-1] == 429


def test_the_right_password_forgives_the_wrong_ones_before(box: Box, browsers: Browsers) -> None:
    browser = browsers()
    for _ in range(2):
        assert [browser.sign_in(box.cast.ana, "wrong password").status_code for _ in range(4)] == [422] * 4
        assert browser.sign_in(box.cast.ana).status_code == 303
        browser.post("/logout", {"csrf_token": browser.form_token("/profile")})


def test_an_unknown_person_is_answered_in_the_same_words_and_time(box: Box, browsers: Browsers) -> None:
    # Both hashes with today's parameters: a hash of the test's own cheaper ones would tell them apart.
    stored = passwords.hashed(PASSWORD)
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(20):
        for is_known in (True, False):
            started = time.perf_counter()
            assert not passwords.checking(stored if is_known else None, "not the password").result()
            times[is_known].append(time.perf_counter() - started)
    apart = abs(statistics.median(times[True]) - statistics.median(times[False]))
    assert apart < 0.25 * statistics.median(times[True])
    known = browsers().sign_in(box.cast.ana, "wrong password")
    browser = browsers()
    form = {"email": "nobody@example.com", "password": "wrong password", "csrf_token": browser.form_token("/login")}
    unknown = browser.post("/login", form)
    assert known.status_code == unknown.status_code == 422
    assert "E-mail ou senha não conferem." in known.text
    assert "E-mail ou senha não conferem." in unknown.text


def test_who_is_not_signed_in_is_limited_by_address_and_told_how_long_to_wait(box: Box, browsers: Browsers) -> None:
    browser = browsers()
    limit = box.resources.settings.rate_per_ip
    statuses = [browser.get("/", headers={"accept": "application/json"}).status_code for _ in range(limit + 1)]
    assert statuses == [303] * limit + [429]
    refused = browser.get("/", headers={"accept": "application/json"})
    assert refused.json()["code"] == "limit.rate"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert browser.get("/health/live").status_code == 200
    assert browsers().get("/").status_code == 303


def test_a_forwarding_header_from_outside_does_not_hide_the_address(box: Box, browsers: Browsers) -> None:
    browser = browsers()
    limit = box.resources.settings.rate_per_ip
    for number in range(limit):
        browser.get("/", headers={"x-forwarded-for": f"203.0.113.{number}"})
    assert browser.get("/", headers={"x-forwarded-for": "198.51.100.1"}).status_code == 429


def test_behind_our_own_proxy_each_visitor_counts_alone(box: Box, browsers: Browsers) -> None:
    proxy = browsers(ip="127.0.0.1")
    limit = box.resources.settings.rate_per_ip
    for _ in range(limit + 1):
        last = proxy.get("/", headers={"x-forwarded-for": "6.6.6.6, 203.0.113.9"})
    assert last.status_code == 429
    assert proxy.get("/", headers={"x-forwarded-for": "6.6.6.6, 203.0.113.10"}).status_code == 303


def test_redis_counts_by_the_same_rules_as_the_process_alone(box: Box) -> None:
    """Both are given the same random attempts on the same clock, and must say the same each time."""
    now = 1_000_000.0
    chance = random.Random(20261123)
    shared = Throttle(box.resources.redis, lambda: now)
    alone = Throttle(None, lambda: now)
    plain, growing = Limit(f"p{now}", 3, 60), Limit(f"g{now}", 2, 90, 300)
    for step in range(600):
        now += chance.choice([0, 0, 1, 7, 40, 100])
        whom = chance.choice("ab")
        counted = [(plain, whom)] if chance.random() < 0.5 else [(plain, whom), (growing, whom)]
        if chance.random() < 0.02:
            shared.clear(*counted)
            alone.clear(*counted)
        assert shared.wait_seconds(*counted) == alone.wait_seconds(*counted), step


def test_a_hundred_attempts_at_once_do_not_slip_past(box: Box) -> None:
    limit = Limit("race", 10, 900)
    throttles = [Throttle(box.resources.redis) for _ in range(4)]
    with ThreadPoolExecutor(20) as threads:
        waits = list(threads.map(lambda n: throttles[n % 4].wait_seconds((limit, "one")), range(100)))
    assert waits.count(0) == 10
