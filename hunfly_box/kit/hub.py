"""Fan-out to the live streams of this process: by tenant, byte-bounded, each event encoded once for all who see it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

Send = Callable[[Any], Awaitable[None]]

# A reader slower than this is cut off; it comes back with its cursor and reads from the database.
MAX_BUFFER_BYTES = 256 * 1024
HEARTBEAT_SECONDS = 15.0
# Heartbeats are spread over slots, so that a thousand streams do not wake in one instant.
HEARTBEAT_SLOTS = 50
# Of so many conversations it is remembered who could see them.
MOST_AUDIENCES = 20_000


@dataclass(frozen=True, slots=True)
class Watcher:
    """Whose stream it is. `variant` is the form of its frames: language and zone of a browser, None for programs."""

    tenant_id: UUID
    user_id: UUID
    sees_all: bool
    sees_queue: bool
    variant: tuple[str, str] | None
    session: bytes | None = None
    token: UUID | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """Of a conversation: everybody who sees all, its assignee, and, when it has none, who sees the queue."""

    assignee_id: UUID | None

    def has(self, watcher: Watcher) -> bool:
        if watcher.sees_all:
            return True
        return watcher.sees_queue if self.assignee_id is None else self.assignee_id == watcher.user_id


class Stream:
    """One open event stream. What waits is written together; the buffer is bounded in bytes."""

    __slots__ = ("_busy", "_holding", "_send", "_size", "_waiting", "is_ended", "on_end", "watcher")

    def __init__(self, watcher: Watcher, send: Send, on_end: Callable[[], None]) -> None:
        self.watcher = watcher
        self.on_end = on_end
        self.is_ended = False
        self._send = send
        self._waiting: list[bytes] = []
        self._size = 0
        self._busy = False
        self._holding = False

    def put(self, frame: bytes) -> None:
        if self.is_ended:
            return
        if self._size + len(frame) > MAX_BUFFER_BYTES:
            self.end()
            return
        self._waiting.append(frame)
        self._size += len(frame)
        if not self._busy and not self._holding:
            self._start()

    def hold(self) -> None:
        """What is pushed waits until `release`: a replay goes before it."""
        self._holding = True

    def release(self, first: bytes) -> None:
        """The replay is not bounded by the buffer: it was bounded when it was read."""
        self._holding = False
        self._waiting.insert(0, first)
        self._size += len(first)
        if not self._busy:
            self._start()

    def end(self, last: bytes | None = None) -> None:
        if self.is_ended:
            return
        self.is_ended = True
        self._waiting = [last] if last else []
        self.on_end()

    @property
    def last_words(self) -> bytes:
        return b"".join(self._waiting)

    def _start(self) -> None:
        self._busy = True
        asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        """Nearly always the server takes the bytes at once; a task is made only for a write that has to wait."""
        try:
            while self._has_work():
                writing = self._send(self._taken()).__await__()
                try:
                    awaited = next(writing)
                except StopIteration:
                    self._size = sum(map(len, self._waiting))
                    continue
                asyncio.get_running_loop().create_task(self._write_on(_Begun(awaited, writing)))
                return
        except Exception:  # noqa: BLE001 - the transport went away in the middle of a write
            self.end()
        self._busy = False

    async def _write_on(self, writing: "_Begun") -> None:
        try:
            await writing
            self._size = sum(map(len, self._waiting))
            while self._has_work():
                await self._send(self._taken())
                self._size = sum(map(len, self._waiting))
        except Exception:  # noqa: BLE001 - the transport went away in the middle of a write
            self.end()
        finally:
            self._busy = False

    def _has_work(self) -> bool:
        return bool(self._waiting) and not self.is_ended and not self._holding

    def _taken(self) -> dict[str, Any]:
        body = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        return {"type": "http.response.body", "body": body, "more_body": True}


class _Begun:
    """The rest of something whose first step was taken outside a task."""

    __slots__ = ("_awaited", "_rest")

    def __init__(self, awaited: Any, rest: Generator[Any, Any, Any]) -> None:
        self._awaited = awaited
        self._rest = rest

    def __await__(self) -> Generator[Any, Any, Any]:
        yield self._awaited
        return (yield from self._rest)


@dataclass
class Hub:
    """Used from the event loop only; other threads go through `call`."""

    streams: dict[UUID, set[Stream]] = field(default_factory=dict)
    count: int = 0
    events_sent: int = 0
    cut_off: int = 0
    is_closing: bool = False
    loop: asyncio.AbstractEventLoop | None = None
    # Takes changes, in the event loop, for this process's screens and the others'. None: no server runs here.
    show_soon: Callable[[Any], None] | None = None
    # The newest version of each row that was pushed lately. None: nobody else writes, so nobody asks.
    shown: dict[str, int] | None = None
    _audiences: dict[str, Audience] = field(default_factory=dict)

    def add(self, stream: Stream) -> None:
        self.streams.setdefault(stream.watcher.tenant_id, set()).add(stream)
        self.count += 1

    def drop(self, stream: Stream) -> None:
        tenant = self.streams.get(stream.watcher.tenant_id)
        if tenant is None or stream not in tenant:
            return
        tenant.discard(stream)
        self.count -= 1
        if not tenant:
            del self.streams[stream.watcher.tenant_id]

    def watches(self, tenant_id: UUID) -> bool:
        return tenant_id in self.streams

    def variants(self, tenant_id: UUID) -> set[tuple[str, str] | None]:
        # A copy: asked from other threads while streams come and go.
        return {stream.watcher.variant for stream in tuple(self.streams.get(tenant_id, ()))}

    def of_session(self, session: bytes) -> Iterator[Stream]:
        return (stream for stream in self.all() if stream.watcher.session == session)

    def of_token(self, token: UUID) -> int:
        return sum(stream.watcher.token == token for stream in self.all())

    def all(self) -> list[Stream]:
        return [stream for tenant in self.streams.values() for stream in tenant]

    def push(
        self,
        tenant_id: UUID,
        frames: dict[tuple[str, str] | None, bytes],
        sees: Callable[[Watcher], bool] | None = None,
    ) -> None:
        """`frames` by variant; a stream whose variant is not there gets nothing."""
        for stream in tuple(self.streams.get(tenant_id, ())):
            frame = frames.get(stream.watcher.variant)
            if frame is None or (sees is not None and not sees(stream.watcher)):
                continue
            self._put(stream, frame)

    def push_alike(self, tenant_id: UUID, frame: bytes, sees: Callable[[Watcher], bool] | None = None) -> None:
        """One form for all variants. `frame` may hold several events in a row."""
        for stream in tuple(self.streams.get(tenant_id, ())):
            if sees is None or sees(stream.watcher):
                self._put(stream, frame)

    def _put(self, stream: Stream, frame: bytes) -> None:
        stream.put(frame)
        self.events_sent += 1
        self.cut_off += stream.is_ended

    def note_shown(self, entity_id: str, version: int) -> None:
        """From any thread."""
        shown = self.shown
        if shown is not None and shown.get(entity_id, 0) < version:
            shown[entity_id] = version

    def audience_before(self, tenant_id: UUID, entity_id: str, now: Audience) -> Audience | None:
        """Who could see it when it was last pushed; the very `now` when nothing changed, None when nobody remembers."""
        if all(stream.watcher.sees_all for stream in self.streams.get(tenant_id, ())):
            # Nobody's view is narrowed, so nobody loses sight of anything; what comes later starts anew.
            self._audiences.pop(entity_id, None)
            return now
        before = self._audiences.pop(entity_id, None)
        if len(self._audiences) >= MOST_AUDIENCES:
            del self._audiences[next(iter(self._audiences))]
        self._audiences[entity_id] = now
        return now if before == now else before

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """From any thread. Without a loop nobody watches, so there is nothing to tell."""
        if self.loop is None or self.loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(function, *arguments)

    async def heartbeat(self, seconds: float = HEARTBEAT_SECONDS) -> None:
        """Comments keep proxies from closing; browsers also get an event, because they cannot see comments."""
        while True:
            for slot in range(HEARTBEAT_SLOTS):
                for stream in self.all():
                    if id(stream) // 64 % HEARTBEAT_SLOTS == slot:
                        stream.put(PING if stream.watcher.variant else COMMENT)
                await asyncio.sleep(seconds / HEARTBEAT_SLOTS)

    def close(self) -> None:
        """Granian waits for open streams at its stop, so they are ended first."""
        self.is_closing = True
        for stream in self.all():
            stream.end(b"retry: 3000\n\n")


COMMENT = b":\n\n"
PING = b":\n\nevent: ping\ndata: {}\n\n"
