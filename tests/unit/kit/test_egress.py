"""Addresses that others name: which may be called, and which never."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from hunfly_box.kit import egress
from hunfly_box.kit.egress import EgressFailed, EgressRefused

FORBIDDEN = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0/",
    "https://localhost/",
    "https://localhost./",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://example.com/",
    "https://example.com:22/",
    "https://user:pw@example.com/",
    "https://example.com@127.0.0.1/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "dict://127.0.0.1:11211/",
    "https://",
    "//example.com/",
    "https://exa mple.com:99999/",
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_is_never_called(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_connection(*args: object, **kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(egress, "_get", no_connection)
    with pytest.raises((EgressRefused, EgressFailed)):
        egress.fetch(url, max_bytes=1000)


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.216.34", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answers)
    with pytest.raises(EgressRefused):
        egress.fetch("https://example.com/", max_bytes=1000)


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def rebinding(host: str, port: int, **kwargs: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    seen: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(egress, "_get", lambda parts, address, most: seen.append(address) or (b"", ""))
    egress.fetch("https://rebinding.example/", max_bytes=1000)
    assert seen == ["93.184.216.34"]
    assert asked == ["rebinding.example"]


@pytest.fixture
def engine() -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "http://169.254.169.254/")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.end_headers()
            self.wfile.write(b"x" * 5000)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_operators_own_engine_is_trusted_by_its_whole_origin(engine: str) -> None:
    body, kind = egress.fetch(f"{engine}/picture", max_bytes=10_000, trusted_origins=[engine])
    assert len(body) == 5000
    assert kind == "image/png"
    with pytest.raises(EgressRefused):
        egress.fetch(f"{engine}/picture", max_bytes=10_000, trusted_origins=["http://127.0.0.1:1"])


def test_redirects_are_not_followed_and_bodies_are_bounded(engine: str) -> None:
    with pytest.raises(EgressFailed, match="302"):
        egress.fetch(f"{engine}/moved", max_bytes=10_000, trusted_origins=[engine])
    with pytest.raises(EgressFailed, match="larger"):
        egress.fetch(f"{engine}/picture", max_bytes=1000, trusted_origins=[engine])
