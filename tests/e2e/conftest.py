"""A whole demonstration of its own, and real browsers on it. Everything is stopped at the end, by pid."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

START_SECONDS = 60
CHROMIUM = os.environ.get("HUNFLY_TEST_CHROMIUM", "/usr/bin/chromium")


@dataclass
class Demo:
    """A running `hunfly-box demo`. `kill` and `start` are what a power cut and the next morning are."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    logins: dict[tuple[str | None, str], dict[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def phone_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}/"

    def start(self) -> None:
        (self.folder / "demo.json").unlink(missing_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("HUNFLY_")}
        environment |= {"HUNFLY_DATA_DIR": str(self.folder), "HUNFLY_BIND": f"127.0.0.1:{self.port}"}
        # Clicks of a test are faster than people; the limit itself is tested elsewhere.
        environment |= {"HUNFLY_RATE_PER_SESSION": "100000", "HUNFLY_RATE_PER_IP": "100000"}
        command = [sys.executable, "-m", "hunfly_box", "demo"]
        with (self.folder.parent / "demo.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError("the demonstration did not start:\n" + self.log())
            time.sleep(0.1)
        summary = json.loads((self.folder / "demo.json").read_text())
        self.logins = {(one["tenant"], one["role"]): one for one in summary["logins"]}
        assert summary["inbox_url"].startswith(self.url), "another server's summary"

    def _answers(self) -> bool:
        """Our own folder's summary is written when our own process is ready: no other server can fake that."""
        return (self.folder / "demo.json").exists()

    def kill(self) -> None:
        """kill -9 of the box alone; its servers are left to the next start."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)

    def log(self) -> str:
        return (self.folder.parent / "demo.log").read_text(errors="replace")[-4000:]

    def tell(self, command: str, **fields: Any) -> Any:
        """The simulator's control, as its table of commands has it."""
        answer = urllib3.request("POST", f"http://127.0.0.1:{self.port + 2}/sim/{command}", json=fields, retries=False)
        assert answer.status == 200, answer.data
        return answer.json()["result"]

    def ask(self, question: str, **query: str) -> Any:
        answer = urllib3.request("GET", f"http://127.0.0.1:{self.port + 2}/sim/{question}", fields=query, retries=False)
        assert answer.status == 200, answer.data
        return answer.json()


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    root = Path(tempfile.mkdtemp(prefix="hbe2e-"))
    root.chmod(0o755)
    running = Demo(root / "data", three_free_ports())
    running.folder.mkdir(mode=0o700)
    try:
        running.start()
        wait_until(lambda: all_linked(running), "both sample numbers to be linked")
        yield running
    finally:
        if running.process is not None and running.process.poll() is None:
            running.stop()
        shutil.rmtree(root, ignore_errors=True)


def all_linked(demo: Demo) -> bool:
    return {one["state"] for one in demo.ask("instances")} == {"open"} and len(demo.ask("instances")) == 2


def three_free_ports() -> int:
    """The first of three in a row, below what the kernel hands out by itself."""
    for _ in range(200):
        first = 20_000 + secrets.randbelow(10_000)
        sockets = [socket.socket() for _ in range(3)]
        try:
            for offset, one in enumerate(sockets):
                one.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
        return first
    raise AssertionError("no free ports")


def wait_until(holds: Callable[[], Any], what: str, seconds: float = 15) -> Any:
    until = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = [
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--use-fake-device-for-media-stream",
        ]
        arguments += ["--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"]
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield running
        running.close()


@dataclass
class Desk:
    """One person's browser. What the browser complained of is kept; a test ends with none of it."""

    context: BrowserContext
    page: Page
    complaints: list[str]


@pytest.fixture
def desk(demo: Demo, browser: Browser) -> Iterator[Callable[..., Desk]]:
    """`desk("padaria", "agent")` is a signed-in browser; `theme` and `width` are what the screen is like."""
    opened: list[Desk] = []

    def open_desk(tenant: str | None, role: str, *, theme: str = "light", width: int = 1440, height: int = 900) -> Desk:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            has_touch=width < 600,
            locale="pt-BR",
            permissions=["microphone", "clipboard-read", "clipboard-write"],
        )
        one = Desk(context, context.new_page(), [])
        opened.append(one)
        listen(one)
        sign_in(one.page, demo, tenant, role)
        return one

    yield open_desk
    complaints = [line for one in opened for line in one.complaints]
    for one in opened:
        one.context.close()
    assert not complaints, "\n".join(complaints)


def listen(desk: Desk) -> None:
    desk.page.on("pageerror", lambda error: desk.complaints.append(f"error in the page: {error}"))
    desk.page.on(
        "console",
        lambda message: (
            desk.complaints.append(f"console: {message.text}") if is_worth_telling(message.type, message.text) else None
        ),
    )


def is_worth_telling(kind: str, text: str) -> bool:
    """A cut connection is what some tests are about; a violated policy or a broken script never is."""
    return kind == "error" and not any(known in text for known in ("Failed to load resource", "net::ERR_"))


def sign_in(page: Page, demo: Demo, tenant: str | None, role: str) -> None:
    login = demo.logins[(tenant, role)]
    page.goto(f"{demo.url}/login")
    page.fill("input[name=email]", login["email"])
    page.fill("input[name=password]", login["password"])
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url)
