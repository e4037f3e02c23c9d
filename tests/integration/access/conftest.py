"""A browser that talks to the application in this process: cookies, forms, an address of its own."""

import asyncio
import itertools
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from litestar import Litestar

from hunfly_box.access.authentication import REMEMBERED
from hunfly_box.app import create_app
from tests.cast import PASSWORD, Person
from tests.conftest import Box

# Every browser comes from another address, so that tests do not use up each other's attempts.
_addresses = itertools.count(1)
CSRF = re.compile(r'name="csrf_token" value="([^"]*)"|<meta name="csrf" content="([^"]*)"')


class Browser:
    def __init__(self, app: Litestar, runner: asyncio.Runner, ip: str | None = None) -> None:
        number = next(_addresses)
        self.ip = ip or f"10.1.{number // 250}.{number % 250 + 1}"
        self._runner = runner
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, client=(self.ip, 40_000)),
            base_url="http://box.example",
            headers={"accept": "text/html"},
        )

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def head(self, path: str, **more: Any) -> httpx.Response:
        return self.request("HEAD", path, **more)

    def post(self, path: str, data: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        return self.request("POST", path, data=data or {}, **more)

    def form_token(self, path: str) -> str:
        found = CSRF.search(self.get(path).text)
        assert found is not None
        return found[1] or found[2]

    def sign_in(self, person: Person, password: str = PASSWORD, **more: str) -> httpx.Response:
        token = self.form_token("/login")
        return self.post("/login", {"email": person.email, "password": password, "csrf_token": token, **more})

    def close(self) -> None:
        self._runner.run(self._client.aclose())


class Browsers:
    def __init__(self, app: Litestar) -> None:
        self._app = app
        self._runner = asyncio.Runner()
        self._open: list[Browser] = []

    def __call__(self, person: Person | None = None, *, ip: str | None = None) -> Browser:
        """Signed in already, when a person is given."""
        browser = Browser(self._app, self._runner, ip)
        self._open.append(browser)
        if person is not None:
            answer = browser.sign_in(person)
            assert answer.status_code == 303, answer.text
        return browser

    def close(self) -> None:
        for browser in self._open:
            browser.close()
        self._runner.close()


@pytest.fixture(scope="module")
def app(box: Box) -> Litestar:
    return create_app(box.resources)


@pytest.fixture
def browsers(app: Litestar, box: Box) -> Iterator[Browsers]:
    REMEMBERED.forget_all()
    # Attempts of earlier tests are forgotten, also by the process, which counts along for when Redis is away.
    box.resources.redis.flushdb()
    app.state.throttle.forget_own()
    opened = Browsers(app)
    yield opened
    opened.close()
