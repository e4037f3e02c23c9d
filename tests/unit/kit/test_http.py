"""Who asks, and in what form an error is told."""

import pytest
from litestar.exceptions import ValidationException
from sqlalchemy.exc import OperationalError

from hunfly_box.kit.errors import FieldError, Invalid, NotFound, TooMany
from hunfly_box.kit.http import (
    CONTENT_SECURITY_POLICY,
    as_hunfly_error,
    client_ip,
    is_forwarded,
    is_loopback,
    network_of,
    problem_body,
    wants_page,
)


@pytest.mark.parametrize(
    ("peer", "forwarded", "ip"),
    [
        ("203.0.113.5", None, "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "not an address", "127.0.0.1"),
        ("127.0.0.1", None, "127.0.0.1"),
    ],
)
def test_the_forwarding_header_counts_only_from_the_proxy_beside_us(peer: str, forwarded: str | None, ip: str) -> None:
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    assert client_ip({"client": (peer, 1)}, headers) == ip


def test_one_household_of_ipv6_counts_as_one() -> None:
    assert network_of("2001:db8:1:2:aaaa::1") == network_of("2001:db8:1:2:bbbb::9") == "2001:db8:1:2::/64"
    assert network_of("203.0.113.5") == "203.0.113.5"


@pytest.mark.parametrize(("host", "expected"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("x", False)])
def test_loopback_is_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/inbox", {"accept": "text/html,*/*"}, True),
        ("/inbox", {"accept": "text/html", "hx-request": "true"}, False),
        ("/inbox", {"accept": "*/*"}, False),
        ("/api/v1/conversations", {"accept": "text/html"}, False),
        ("/ui/counts", {"accept": "text/html"}, False),
    ],
)
def test_only_a_browser_that_asks_for_a_page_gets_one(path: str, headers: dict[str, str], expected: bool) -> None:
    assert wants_page(path, headers) is expected


def test_a_problem_has_exactly_the_fields_that_programs_rely_on() -> None:
    body = problem_body(Invalid("No.", errors=(FieldError("name", "invalid", "Too long."),)))
    assert body.keys() == {"type", "title", "status", "code", "detail", "errors"}
    assert (body["status"], body["code"]) == (422, "validation")
    assert body["errors"] == [{"field": "name", "code": "invalid", "detail": "Too long."}]


def test_wrong_fields_are_named() -> None:
    error = as_hunfly_error(ValidationException(extra=[{"key": "limit", "message": "Expected `int` <= 200"}]))
    assert (error.status, error.errors[0].field) == (422, "limit")


def test_a_database_that_is_away_is_a_503_and_an_unknown_error_tells_nothing() -> None:
    assert as_hunfly_error(OperationalError("SELECT secret", {}, Exception("password"))).status == 503
    unknown = as_hunfly_error(ZeroDivisionError("a secret"))
    assert unknown.status == 500
    assert "secret" not in unknown.detail


def test_our_own_errors_stay_what_they_are() -> None:
    for error in (NotFound(), TooMany(retry_after_seconds=7)):
        assert as_hunfly_error(error) is error


def test_the_policy_allows_nothing_inline_and_nobody_elsewhere() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-real-ip", "via"])
def test_any_forwarding_header_means_that_somebody_else_asks(name: str) -> None:
    assert is_forwarded({name: "1"})
    assert not is_forwarded({"host": "127.0.0.1", "accept": "*/*"})
