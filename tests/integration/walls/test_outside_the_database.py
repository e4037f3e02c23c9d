"""What leaves the database: keys in Redis, lines in the log, figures, and the pages that say what went wrong."""

import asyncio
import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from litestar import get

from hunfly_box.access.viewer import Viewer
from hunfly_box.app import create_app
from hunfly_box.bootstrap import Resources, build_resources
from hunfly_box.inbox.live import Live, push_changes
from hunfly_box.ingest import spill
from hunfly_box.kit import metrics
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.hub import Hub
from hunfly_box.kit.logging import configure
from tests.conftest import Box
from tests.integration.access.conftest import Browsers
from tests.integration.ingest.harness import add_channel, open_ingest, run, signature, upsert
from tests.integration.outbound.conftest import StartWorker, shop, start_worker
from tests.integration.outbound.shop import Shop

__all__ = ["shop", "start_worker"]
pytestmark = pytest.mark.services

TEXT = "s3gr3d0-do-cliente"
NAME = "Nome-Do-Cliente-Sigiloso"
PHONE = "5511933334444"
API_KEY = "4p1-k3y-of-the-engine"
PASSWORD = "p4ssw0rd-that-was-wrong"
# Whose levels the configuration of the log changes.
NOISY = ("httpx", "httpcore", "huey", "alembic", "_granian", "granian.access")
OF_THE_BOX = re.compile(r"hb:\{box\}:[a-z_-]+(:.+)?")


@dataclass
class Watched:
    """Every key and channel that the server was asked for."""

    names: set[str] = field(default_factory=set)

    def take(self, connection: redis.Redis, command: str) -> None:
        words = _words(command)
        if not words:
            return
        verb = words[0].upper()
        if verb in ("PUBLISH", "SUBSCRIBE"):
            self.names.add(words[1])
            return
        try:
            keys = connection.execute_command("COMMAND GETKEYS", *words)
        except redis.RedisError:
            return
        self.names |= {key.decode() if isinstance(key, bytes) else str(key) for key in keys}


def _words(command: str) -> list[str]:
    """What MONITOR shows: words in quotes, with quotes inside escaped."""
    return [word.replace('\\"', '"') for word in re.findall(r'"((?:[^"\\]|\\.)*)"', command)]


@pytest.fixture
def watched(box: Box) -> Iterator[Watched]:
    found, lines = Watched(), []
    # The monitor sees all databases of the server; ours alone are asked about.
    ours = str(box.resources.redis.connection_pool.connection_kwargs.get("db", 0))
    with redis.Redis.from_url(box.resources.redis_url, socket_timeout=None).monitor() as monitor:
        is_over = threading.Event()

        def listen() -> None:
            while not is_over.is_set():
                line = monitor.connection.read_response()
                lines.append(line.decode("utf-8", "replace"))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield found
        is_over.set()
        box.resources.redis.ping()
        thread.join(5.0)
    for line in lines:
        place = re.match(r"[\d.]+ \[(\d+) [^\]]*\] (.*)", line, re.DOTALL)
        if place and place[1] == ours:
            found.take(box.resources.redis, place[2])
    own, other = f"hb:{{t:{box.cast.tenant_a}}}:", str(box.cast.tenant_b)
    strange = {name for name in found.names if not name.startswith(own) and not OF_THE_BOX.fullmatch(name)}
    assert not strange
    assert not {name for name in found.names if other in name}
    assert any(name.startswith(own) for name in found.names), found.names
    assert len({name for name in found.names if OF_THE_BOX.fullmatch(name)}) >= 4, found.names
    for secret in (TEXT, NAME, PASSWORD):
        assert not [name for name in found.names if secret in name]


def test_every_key_bears_the_company_that_acts_or_is_the_boxs_own(
    box: Box, watched: Watched, shop: Shop, start_worker: StartWorker
) -> None:
    """Tenant A signs in, sends, receives while Postgres is away, and two processes tell each other. B does nothing."""
    browsers = Browsers(create_app(box.resources))
    try:
        browsers().sign_in(box.cast.ana, PASSWORD)
        browsers(box.cast.ana).get("/inbox")
    finally:
        browsers.close()
    start_worker()
    shop.wait_for_status(shop.write(shop.customer(), "oi"), "sent")
    add_channel(box.resources, box.cast.tenant_a, "keys")
    asyncio.run(_away(box, upsert("keys", f"{PHONE}@s.whatsapp.net", "KEY", TEXT, name=NAME)))
    assert spill.drain_once(box.resources) >= 1
    asyncio.run(_two_processes(box.resources, box))


async def _away(box: Box, payload: dict[str, Any]) -> None:
    ingest = await open_ingest(box.resources, url="postgresql://hb_ingest:x@127.0.0.1:1/nowhere")
    try:
        assert await ingest.deliver(payload) == 202
    finally:
        await ingest.close()


async def _two_processes(resources: Resources, box: Box) -> None:
    other = build_resources(resources.settings, resources.logins, resources.redis_url, Hub())
    first, second = Live(resources), Live(other)
    resources.hub.is_closing = False
    first.start()
    second.start()
    try:
        for _ in range(100):
            if not first.relay.is_alone and not second.relay.is_alone:
                break
            await asyncio.sleep(0.05)
        await asyncio.to_thread(push_changes, other, [Changed(box.cast.tenant_a, "access", box.cast.ana.id)])
        await asyncio.sleep(0.2)
    finally:
        await first.stop()
        await second.stop()
        other.close()


@get("/planted", sync_to_thread=True, opt={"permission": "profile.read"})
def planted(viewer: Viewer) -> None:
    """A handler with a bug whose error quotes what it had in hand."""
    raise RuntimeError(f"{TEXT} apikey={API_KEY} {PHONE}@s.whatsapp.net")


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """All that the box would write, as it configures its log, at the most talkative level."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in NOISY}
    handlers, level = root.handlers, root.level
    configure("debug", "json")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    handler.setStream(stream)
    yield stream
    root.handlers, root.level = handlers, level
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)


def test_nothing_planted_comes_out_in_logs_figures_or_error_pages(
    box: Box, log_lines: io.StringIO, shop: Shop, start_worker: StartWorker
) -> None:
    said = io.StringIO()
    _receive(box)
    cookies = _browse(box, said)
    _send(box, shop, start_worker)
    said.write(metrics.exposition().decode())
    log = log_lines.getvalue()
    assert len(log.splitlines()) > 5
    for name, text in (("log", log), ("answers and figures", said.getvalue())):
        for secret in (TEXT, NAME, PHONE, API_KEY, PASSWORD, shop.sim.api_key, *cookies):
            # A handler's own error may quote a message's text into the log, for who runs the box; never a key or a number.
            if not (name == "log" and secret == TEXT):
                assert secret not in text, f"{secret} in the {name}"
    for tenant in ("padaria", "floricultura", str(box.cast.tenant_a)):
        assert tenant not in metrics.exposition().decode()


def _receive(box: Box) -> None:
    add_channel(box.resources, box.cast.tenant_a, "planted-flow")
    chat = f"{PHONE}@s.whatsapp.net"
    good = {**upsert("planted-flow", chat, "P1", TEXT, name=NAME), "apikey": API_KEY}
    broken = json.dumps(good).encode()[:-3]
    unknown = json.dumps({**good, "event": "unheard.of"}).encode()

    async def scenario(ingest: Any) -> None:
        assert await ingest.deliver(good) == 200
        for body in (broken, unknown):
            await ingest.post(body, signature(body))
            await ingest.post(body, (b"x-webhook-signature", b"0" * 64))
        with box.servers.admin(box.database_name) as admin:
            admin.execute("ALTER TABLE app.messages ADD CONSTRAINT planted CHECK (provider_id <> 'BAD')")
            try:
                assert (
                    await ingest.deliver({**upsert("planted-flow", chat, "BAD", TEXT, name=NAME), "apikey": API_KEY})
                    == 200
                )
            finally:
                admin.execute("ALTER TABLE app.messages DROP CONSTRAINT planted")

    run(box.resources, scenario)


def _browse(box: Box, said: io.StringIO) -> list[str]:
    browsers = Browsers(create_app(box.resources, pages=[planted]))
    try:
        stranger = browsers()
        said.write(stranger.sign_in(box.cast.ana, PASSWORD).text)
        ana = browsers(box.cast.ana)
        for path in ("/planted", f"/no/such/{API_KEY}", "/api/v1/conversations?cursor=" + PASSWORD):
            for accept in ("text/html", "application/json"):
                answer = ana.get(path, headers={"accept": accept})
                assert answer.status_code >= 400
                said.write(answer.text.replace(f"/no/such/{API_KEY}", ""))
        wrong = ana.post(
            "/api/v1/messages", json={"to": PHONE, "text": TEXT, "apikey": API_KEY}, headers={"x-csrf-token": "no"}
        )
        said.write(wrong.text)
        for header in (f"Bearer {API_KEY}", f"Bearer hbx_abcdefgh_{API_KEY}"):
            said.write(browsers().get("/api/v1/conversations", headers={"authorization": header}).text)
        return [value for value in ana.cookies.values() if len(value) > 20]
    finally:
        browsers.close()


def _send(box: Box, shop: Shop, start_worker: StartWorker) -> None:
    """One that arrives, and some that the engine refuses or does not answer."""
    start_worker()
    maria = shop.customer(NAME)
    shop.wait_for_status(shop.write(maria, TEXT), "sent")
    nobody = shop.customer(NAME, is_known=False)
    shop.sim.command("not_on_whatsapp", numbers=[nobody.number])
    shop.wait_for_status(shop.write(nobody, TEXT), "failed")
