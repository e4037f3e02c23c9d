"""Webhooks as the real engine sends them: same envelope, secrets, retries, lost order and head-of-line block."""

from __future__ import annotations

import asyncio
import base64
import fnmatch
import hashlib
import hmac
import json
import random
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from hunfly_box.simulator.http_client import Client, Headers
from hunfly_box.simulator.model import Instance, Webhook, World
from hunfly_box.simulator.options import Options
from hunfly_box.simulator.shapes import Json, iso, wire

# The one event whose delivery, with all its retries, everything later of the same number waits for.
AWAITED_IN_QUEUE = "messages.edited"
ATTEMPTS_REMEMBERED = 5000
TOKEN_LIFETIME_SECONDS = 600


@dataclass
class Event:
    instance: Instance
    name: str
    data: Any
    before: Json = field(default_factory=dict)
    at: float = field(default_factory=time.time)


@dataclass
class Attempt:
    n: int
    at: float
    instance: str
    event: str
    url: str
    attempt: int
    status: int | None
    error: str | None
    body: bytes


@dataclass
class WebhookFault:
    """action: drop, duplicate (`copies` in all), reorder or delay (up to, or exactly, `seconds`)."""

    id: str
    action: str
    event: str = "*"
    instance: str = "*"
    times: int | None = None
    chance: float = 1.0
    copies: int = 2
    seconds: float = 1.0


class Dispatcher:
    def __init__(self, world: World, options: Options) -> None:
        self.attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_REMEMBERED)
        self.faults: dict[str, WebhookFault] = {}
        self._world = world
        self._options = options
        self._client = Client()
        self._queues: dict[str, asyncio.Queue[Event]] = {}
        self._drains: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[Any]] = set()
        # What nobody has taken yet, in the order it happened.
        self._undelivered: dict[int, Event] = {}
        self._random = random.Random(options.seed)  # noqa: S311
        self._count = 0
        self._in_queue = 0

    @property
    def is_idle(self) -> bool:
        return self._in_queue == 0 and not self._running

    def queue(self, instance: Instance, name: str, data: Any, before: Json | None = None) -> None:
        """What comes from WhatsApp passes one serial queue per number."""
        if instance.name not in self._queues:
            self._queues[instance.name] = asyncio.Queue()
            self._drains.append(asyncio.create_task(self._drain(self._queues[instance.name])))
        self._in_queue += 1
        event = Event(instance, name, data, before or {})
        self._undelivered[id(event)] = event
        self._queues[instance.name].put_nowait(event)

    def send(self, instance: Instance, name: str, data: Any) -> asyncio.Task[bool]:
        """What an API call causes goes out beside the queue. The task ends with the last retry."""
        return self._spawn(self._deliver(Event(instance, name, data)))

    @property
    def undelivered(self) -> list[Event]:
        return list(self._undelivered.values())

    def send_again(self, event: Event) -> None:
        self._spawn(self._deliver(event))

    def forget(self) -> None:
        """The engine's process died: waiting events and retries lived only in its memory."""
        self._stop()
        self._undelivered.clear()

    def _stop(self) -> None:
        for task in [*self._drains, *self._running]:
            task.cancel()
        self._drains.clear()
        self._queues.clear()
        self._in_queue = 0

    def close(self) -> None:
        self._stop()
        self._client.close()

    def _spawn(self, work: Coroutine[Any, Any, bool]) -> asyncio.Task[bool]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _drain(self, queue: asyncio.Queue[Event]) -> None:
        while True:
            event = await queue.get()
            if event.name == AWAITED_IN_QUEUE:
                await self._deliver(event)
            else:
                self._spawn(self._deliver(event))
            self._in_queue -= 1

    async def _deliver(self, event: Event) -> bool:
        self._undelivered[id(event)] = event
        is_taken = await self._deliver_now(event)
        self._undelivered.pop(id(event), None)
        return is_taken

    async def _deliver_now(self, event: Event) -> bool:
        webhook = event.instance.webhook
        if webhook is None or not webhook.enabled or subscription(event.name) not in webhook.events:
            return False
        url = address(webhook, event.name)
        headers = request_headers(webhook)
        body = envelope(event, webhook, self._options)
        copies = 1
        for fault in self._matching(event):
            if fault.action == "drop":
                return False
            if fault.action == "duplicate":
                copies = fault.copies
            elif fault.action == "reorder":
                await asyncio.sleep(self._random.uniform(0, fault.seconds))
            else:
                await asyncio.sleep(fault.seconds)
        for _ in range(copies - 1):
            self._spawn(self._attempt_all(event, url, headers, body))
        return await self._attempt_all(event, url, headers, body)

    def _matching(self, event: Event) -> list[WebhookFault]:
        found = []
        for fault in list(self.faults.values()):
            if not fnmatch.fnmatch(event.name, fault.event):
                continue
            if not fnmatch.fnmatch(event.instance.name, fault.instance):
                continue
            if self._random.random() >= fault.chance:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    del self.faults[fault.id]
            found.append(fault)
        return found

    async def _attempt_all(self, event: Event, url: str, headers: Headers, body: bytes) -> bool:
        retry = self._options.retry
        lines = [*headers[:-3], ("Content-Length", str(len(body))), *headers[-3:]]
        for attempt in range(1, retry.max_attempts + 1):
            status = await self._attempt(event, url, lines, body, attempt)
            if status is not None and 200 <= status < 300:
                return True
            if status in retry.non_retryable or attempt == retry.max_attempts:
                return False
            await asyncio.sleep(retry.wait(attempt, self._random) * self._options.time_scale)
        return False

    async def _attempt(self, event: Event, url: str, headers: Headers, body: bytes, attempt: int) -> int | None:
        self._count += 1
        note = Attempt(self._count, time.time(), event.instance.name, event.name, url, attempt, None, None, body)
        self.attempts.append(note)
        try:
            async with asyncio.timeout(self._options.webhook_timeout_seconds):
                note.status, _ = await self._client.request("POST", url, headers, body)
        except TimeoutError:
            note.error = "timeout"
        except (OSError, EOFError, ValueError) as error:
            note.error = f"{type(error).__name__}: {error}"
        return note.status


def subscription(event: str) -> str:
    return event.upper().replace(".", "_").replace("-", "_")


def address(webhook: Webhook, event: str) -> str:
    """A plain string append, so a query string in the URL is spoilt: the real engine does the same."""
    if not webhook.by_events:
        return webhook.url
    return f"{webhook.url}/{event.replace('.', '-')}"


def request_headers(webhook: Webhook) -> Headers:
    headers: Headers = [
        ("Accept", "application/json, text/plain, */*"),
        ("Content-Type", "application/json"),
    ]
    own = dict(webhook.headers or {})
    secret = own.pop("jwt_key", None)
    if secret is not None:
        own.pop("Authorization", None)
    headers += [(str(name), str(value)) for name, value in own.items()]
    if secret is not None:
        headers.append(("Authorization", f"Bearer {mint_token(str(secret), int(time.time()))}"))
    return [
        *headers,
        ("User-Agent", "axios/1.13.2"),
        ("Accept-Encoding", "gzip, compress, deflate, br"),
        ("Host", ""),
        ("Connection", "keep-alive"),
    ]


def mint_token(secret: str, now: int) -> str:
    claims = {"iat": now, "exp": now + TOKEN_LIFETIME_SECONDS, "app": "evolution", "action": "webhook"}
    signed = b".".join(
        _segment(json.dumps(part, separators=(",", ":")).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + _segment(signature)).decode()


def _segment(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def envelope(event: Event, webhook: Webhook, options: Options) -> bytes:
    instance = event.instance
    body: Json = {
        **event.before,
        "event": event.name,
        "instance": instance.name,
        "data": wire(event.data),
        "destination": webhook.url,
        # Local wall-clock time with a Z behind it; nobody may trust it for order or freshness.
        "date_time": iso(event.at + options.clock_offset_hours * 3600),
    }
    if instance.owner_jid:
        body["sender"] = instance.owner_jid
    body["server_url"] = options.server_url
    body["apikey"] = instance.token if options.expose_token else None
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
