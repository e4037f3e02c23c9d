"""Where a write comes from, as the browser tells it."""

from pathlib import Path

import pytest

from hunfly_box.access import credentials, csrf
from hunfly_box.access.csrf import CrossSite
from hunfly_box.config import Settings, load_settings
from hunfly_box.kit.crypto import Sealer

SEALER = Sealer(b"k" * 32)


def settings(tmp_path: Path, public_url: str | None) -> Settings:
    environment = {"HUNFLY_DATA_DIR": str(tmp_path), "CONFIGURATION_DIRECTORY": str(tmp_path)}
    return load_settings(environment | ({"HUNFLY_PUBLIC_URL": public_url} if public_url else {}))


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "10.0.0.5:8080", "origin": "http://10.0.0.5:8080", "sec-fetch-site": "same-origin"},
        {"host": "10.0.0.5:8080"},
        {"host": "10.0.0.5:8080", "sec-fetch-site": "same-origin"},
        {"host": "10.0.0.5:8080", "sec-fetch-site": "none"},
    ],
)
def test_our_own_page_is_let_through_by_any_name_of_the_box(tmp_path: Path, headers: dict[str, str]) -> None:
    csrf.check_origin(settings(tmp_path, None), headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "box.example", "origin": "https://evil.example"},
        {"host": "box.example", "origin": "https://box.example.evil.example"},
        {"host": "box.example", "origin": "null"},
        {"host": "box.example", "origin": "https://box.example:8443"},
        {"host": "box.example", "sec-fetch-site": "cross-site"},
        {"host": "box.example", "sec-fetch-site": "cross-site", "origin": "https://box.example"},
        {"host": "box.example", "sec-fetch-site": "same-site"},
        {"host": "box.example", "sec-fetch-site": "same-site", "origin": "https://other.box.example"},
        {"origin": "https://"},
    ],
)
def test_another_place_is_not(tmp_path: Path, headers: dict[str, str]) -> None:
    for public_url in (None, "https://box.example"):
        with pytest.raises(CrossSite):
            csrf.check_origin(settings(tmp_path, public_url), headers)


def test_with_a_public_address_the_host_header_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CrossSite):
        csrf.check_origin(
            settings(tmp_path, "https://box.example"), {"host": "evil.example", "origin": "https://evil.example"}
        )


@pytest.mark.parametrize(("given", "expected"), [(None, "a"), ("", ""), ("a", None), ("b", "a"), ("aé", "a")])
def test_a_token_that_is_not_the_sessions_is_refused(given: str | None, expected: str | None) -> None:
    with pytest.raises(CrossSite):
        csrf.check_token(given, expected)


def test_the_sign_in_forms_token_goes_with_its_cookie_and_with_no_other() -> None:
    cookie = credentials.new_session_id()
    token = csrf.pre_session_token(SEALER, cookie)
    csrf.check_pre_session(SEALER, cookie, token)
    for other_cookie, other_token in ((None, token), ("x", token), (cookie, None), (cookie, "zz"), (cookie, "00" * 40)):
        with pytest.raises(CrossSite):
            csrf.check_pre_session(SEALER, other_cookie, other_token)
