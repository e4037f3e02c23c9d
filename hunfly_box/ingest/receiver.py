"""The webhook receiver: bare ASGI before the web framework, whose route would cost more than the rest of a message."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from hunfly_box.ingest.arrivals import ARRIVED, BODY
from hunfly_box.ingest.batch import SPILLED, STORED, Batcher
from hunfly_box.ingest.coalescing import Coalescing
from hunfly_box.ingest.proof import NOBODY, proves
from hunfly_box.ingest.received import received
from hunfly_box.ingest.routes import Channel, Routes
from hunfly_box.kit import metrics
from hunfly_box.kit.crash import crash_point
from hunfly_box.providers.evolution import parsing
from hunfly_box.providers.port import TypingSeen

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
OnTyping = Callable[[Channel, TypingSeen], None]

PATH = "/api/webhooks/whatsapp/evolution"
MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_WAITING_BYTES = 64 * 1024 * 1024
BODY_SECONDS = 30.0
RETRY_AFTER_SECONDS = b"5"
PROVIDER = "evolution"


class _Instance(Struct):
    instance: str


_instance_of = msgspec.json.Decoder(_Instance).decode


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    pass


class _Overloaded(Exception):
    pass


def _answer(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    shown = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    return (
        {"type": "http.response.start", "status": status, "headers": shown},
        {"type": "http.response.body", "body": body},
    )


ACCEPTED = _answer(200, b'{"accepted":true}')
KEPT = _answer(202, b'{"accepted":true}')
UNPROVEN = _answer(401, b'{"accepted":false}')
TOO_LARGE = _answer(413, b'{"accepted":false}')
LATER = _answer(503, b'{"accepted":false}', (b"retry-after", RETRY_AFTER_SECONDS))
NOT_A_POST = _answer(405, b'{"accepted":false}', (b"allow", b"POST"))
ANSWERS = {STORED: ACCEPTED, SPILLED: KEPT}


@dataclass
class Receiver:
    routes: Routes
    batcher: Batcher
    on_typing: OnTyping
    is_closing: bool = False
    waiting_bytes: int = 0
    unproven: int = 0
    coalescing: Coalescing = field(default_factory=Coalescing)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Who waits for the first byte of a body since when. A timer for each delivery would cost more than reading it.
    _unheard: dict["asyncio.Task[Any]", float] = field(default_factory=dict)

    def serves(self, path: str) -> bool:
        return path.startswith(PATH) and (len(path) == len(PATH) or path[len(PATH)] == "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = scope.get(ARRIVED) or time.monotonic()
        start, body = await self._received(scope, receive)
        crash_point("I5")
        status = start["status"]
        metrics.webhook_answered(status, time.monotonic() - began)
        await send(start)
        await send(body)

    async def _received(self, scope: Scope, receive: Receive) -> tuple[dict[str, Any], dict[str, Any]]:
        crash_point("R1")
        if scope["method"] != "POST":
            return NOT_A_POST
        if self.is_closing or self.batcher.is_full or not self.routes.is_loaded:
            return LATER
        reserved = 0
        try:
            body, reserved = await self._read(scope, receive)
            crash_point("R2")
            return await self._take(scope, body)
        except _TooLarge:
            return TOO_LARGE
        except (_Overloaded, _Gone):
            return LATER
        finally:
            self.waiting_bytes -= reserved

    async def _read(self, scope: Scope, receive: Receive) -> tuple[bytes, int]:
        """The whole body and how many bytes it holds of the common budget."""
        told = next(
            (int(value) for name, value in scope["headers"] if name == b"content-length" and value.isdigit()), -1
        )
        if told > MAX_BODY_BYTES:
            raise _TooLarge
        message = await self._first(scope.pop(BODY, None) or receive())
        body = message.get("body", b"")
        # The server says that more may come also when all of it is here: the told length spares the second look.
        is_whole = not message.get("more_body") or told == len(body)
        if is_whole and message["type"] == "http.request":
            return body, self._reserve(len(body))
        return await self._read_on(message, receive)

    async def _first(self, asked: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        task = asyncio.current_task()
        if task is None:
            return await asked
        self._unheard[task] = time.monotonic()
        try:
            return await asked
        except asyncio.CancelledError:
            if task in self._unheard:
                raise
            raise _Gone from None
        finally:
            self._unheard.pop(task, None)

    def give_up_silent(self) -> None:
        """To be called now and then: who sent the head of a delivery and then nothing holds a connection for ever."""
        latest = time.monotonic() - BODY_SECONDS
        for task in [task for task, since in self._unheard.items() if since < latest]:
            del self._unheard[task]
            task.cancel()

    async def _read_on(self, message: dict[str, Any], receive: Receive) -> tuple[bytes, int]:
        chunks: list[bytes] = []
        size = reserved = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    if message["type"] != "http.request":
                        raise _Gone
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    if size > MAX_BODY_BYTES:
                        raise _TooLarge
                    reserved += self._reserve(len(chunks[-1]))
                    if not message.get("more_body"):
                        return b"".join(chunks), reserved
                    message = await receive()
        except BaseException as error:
            self.waiting_bytes -= reserved
            if isinstance(error, TimeoutError):
                raise _Gone from None
            raise

    def _reserve(self, size: int) -> int:
        if self.waiting_bytes + size > MAX_WAITING_BYTES:
            raise _Overloaded
        self.waiting_bytes += size
        return size

    async def _take(self, scope: Scope, body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        candidates = self._candidates(scope, body)
        channel = _proven(candidates, scope["headers"], body)
        if channel is None:
            # A refusal is final at the engine: it may not come from a list without the newest channel or secret.
            if not await self._read_routes_anew():
                return LATER
            candidates = self._candidates(scope, body)
            channel = _proven(candidates, scope["headers"], body)
        if channel is None:
            if any(not candidate.secrets for candidate in candidates):
                return LATER
            self.unproven += 1
            return UNPROVEN
        crash_point("R3")
        delivery, redacted = parsing.read_and_redact(body)
        one = received(channel, delivery, redacted, time.time())
        if one.state == "done":
            for event in delivery.events:
                if type(event) is TypingSeen:
                    self.on_typing(channel, event)
            if self.coalescing.may_skip(channel, delivery):
                return ACCEPTED
        return ANSWERS.get(await self.batcher.put(one, scope.get(ARRIVED)), LATER)

    def _candidates(self, scope: Scope, body: bytes) -> tuple[Channel, ...]:
        route_key = scope["path"][len(PATH) + 1 :]
        if route_key:
            # Evolution set to "webhook by events" adds the event's name to the path.
            found = self.routes.of_route(route_key.split("/", 1)[0])
            return (found,) if found is not None and found.provider == PROVIDER else ()
        try:
            named = _instance_of(body).instance
        except (ValueError, RecursionError):
            return ()
        return tuple(channel for channel in self.routes.of_instance(named) if channel.provider == PROVIDER)

    async def _read_routes_anew(self) -> bool:
        """Whether the channels were read after this was called. Strangers share one read, and none comes often."""
        asked_at = time.monotonic()
        async with self._reading:
            if self.routes.read_at > asked_at:
                return True
            await asyncio.sleep(self.routes.seconds_to_next_read)
            return await asyncio.to_thread(self._refresh)

    def _refresh(self) -> bool:
        try:
            self.routes.refresh()
        except Exception as error:  # noqa: BLE001 - what is known stays known while the database is away
            log.warning("the channels could not be read: %s", type(error).__name__)
            return False
        return True


def _proven(candidates: tuple[Channel, ...], headers: Any, body: bytes) -> Channel | None:
    """All are tried, and somebody is where there is nobody: the time tells nothing."""
    now = time.time()
    found = None
    for channel in candidates:
        if proves(channel.secrets or NOBODY, headers, body, now) and channel.secrets and found is None:
            found = channel
    if not candidates:
        proves(NOBODY, headers, body, now)
    return found
