"""The live stream's edge, GET /live, for browsers and programs. The rest: live_showing, live_replay, live_relay."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from hunfly_box import VERSION
from hunfly_box.access import authentication
from hunfly_box.access.permissions import may
from hunfly_box.access.viewer import AGENT, Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import live_catching_up, live_frames, live_looking, live_relay, live_replay, live_showing
from hunfly_box.inbox.live_presence import Presence
from hunfly_box.inbox.live_relay import Note, Relay
from hunfly_box.kit import metrics
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.errors import Forbidden, HunflyError, TooMany, Unauthorized
from hunfly_box.kit.http import SECURITY_HEADERS, Unavailable, as_hunfly_error, headers_of, problem_body
from hunfly_box.kit.hub import Stream, Watcher

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Identity = tuple[tuple[str, str], ...]

PATH = "/live"
REAUTHORISE_SECONDS = 30.0
# Announced changes come in bursts; the streams of each person are looked at once.
ACCESS_PAUSE_SECONDS = 0.1
PERMISSION = "live.read"
# All that names a person; the rest of a request's headers is not kept for the life of a stream.
NAMING_HEADERS = ("authorization", "cookie")
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
    *SECURITY_HEADERS.items(),
]
SEES_QUEUE = "SELECT app.sees_queue()"


def push_changes(resources: Resources, changes: list[Changed]) -> None:
    """After a COMMIT, from any thread but the event loop's: to the screens of this process and of the others."""
    show_soon = resources.hub.show_soon
    if show_soon is None:
        live_relay.announce(resources, changes)
    else:
        resources.hub.call(show_soon, changes)


@dataclass
class Live:
    """Everything of one process that holds connections to screens. Lives in the event loop."""

    resources: Resources
    identities: dict[Stream, Identity] = field(default_factory=dict)
    look_seconds: float = live_looking.LOOK_SECONDS

    def __post_init__(self) -> None:
        # One thread: frames leave in the order their changes were announced.
        self.threads = ThreadPoolExecutor(1, thread_name_prefix="live")
        self.presence = Presence(self.resources, self._tell)
        self.relay = Relay(self.resources, self._show, self._hear, self.threads)
        self._tasks: list[asyncio.Task[Any]] = []
        self._pending_access: set[Changed] = set()

    def start(self) -> None:
        hub = self.resources.hub
        hub.loop = asyncio.get_running_loop()
        hub.show_soon = self.show_soon
        self.relay.start()
        self._tasks = [
            hub.loop.create_task(work)
            for work in (
                hub.heartbeat(),
                self._watch_rights(),
                self.presence.expire(),
                live_catching_up.watch(self.resources, self.threads, self.relay.read_again),
                live_looking.watch(
                    self.resources, self.threads, self._show, lambda: self.relay.others_write, self.look_seconds
                ),
            )
        ]

    async def stop(self) -> None:
        self.resources.hub.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.relay.stop()
        self.threads.shutdown(wait=False, cancel_futures=True)

    def show_soon(self, changes: Sequence[Changed]) -> None:
        """From the event loop: reads the rows in the live thread and pushes them."""
        if changes:
            self.relay.tell_changes(changes)
            self.threads.submit(self._show, list(changes))

    def _show(self, changes: Sequence[Changed]) -> bool:
        """False: not now."""
        try:
            access = [change for change in changes if change.kind == "access"]
            if access:
                self.resources.hub.call(self._access_changed, access)
            live_showing.show(self.resources, changes)
        except Exception:  # noqa: BLE001 - screens catch up by their cursor
            log.exception("%d changes could not be shown", len(changes))
            return False
        return True

    def _tell(self, event: str, fields: dict[str, Any]) -> None:
        self.relay.tell(event, fields)

    def _hear(self, note: Note) -> None:
        if note.event == "stream":
            self._replace(bytes.fromhex(note.fields["session"]), None)
        elif note.event == "person":
            self.presence.show_to_person(note.fields)
        else:
            self.presence.hear(note.event, note.fields)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        identity = _identity(scope)
        try:
            viewer = await asyncio.to_thread(self._admit, scope, identity)
            watcher = await asyncio.to_thread(watcher_of, self.resources, viewer)
            if watcher.token is not None:
                self._refuse_too_many(watcher)
        except Exception as failure:  # noqa: BLE001 - a crowd that comes back at once may find every connection taken
            error = as_hunfly_error(failure)
            if error.status >= 500:
                log.warning("a stream was not opened: %s", type(failure).__name__)
            await _refuse(send, error)
            return
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await self._serve(scope, receive, send, viewer, watcher, identity)

    def _admit(self, scope: Scope, identity: Identity) -> Viewer:
        if self.resources.hub.is_closing:
            raise Unavailable
        viewer = authentication.viewer_from_headers(self.resources, dict(identity))
        if viewer is None:
            raise Unauthorized
        if viewer.tenant_id is None or not may(viewer, PERMISSION):
            raise Forbidden
        return viewer

    def _refuse_too_many(self, watcher: Watcher) -> None:
        if watcher.token and self.resources.hub.of_token(watcher.token) >= self.resources.settings.token_streams:
            raise TooMany("This token has its most live streams open.", code="limit.streams", retry_after_seconds=30)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, viewer: Viewer, watcher: Watcher, identity: Identity
    ) -> None:
        hub = self.resources.hub
        stream = Stream(watcher, send, canceller())
        stream.hold()
        if watcher.session is not None:
            self._replace(watcher.session, stream)
            self.relay.tell("stream", {"session": watcher.session.hex()})
        hub.add(stream)
        self.identities[stream] = identity
        metrics.stream_opened()
        try:
            hello = {"version": VERSION, "build": self.resources.templates.build if watcher.variant else VERSION}
            first = await asyncio.to_thread(
                live_replay.replay, self.resources, viewer, watcher.variant, _since(scope), hello
            )
            stream.release(b"retry: 2000\n" + first)
            # A stream lives for hours, and a thousand of them keep what they hold a thousand times.
            scope.clear()
            del first, hello
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not stream.is_ended:
                raise
            with contextlib.suppress(Exception):
                await send({"type": "http.response.body", "body": stream.last_words, "more_body": False})
        finally:
            hub.drop(stream)
            stream.is_ended = True
            self.identities.pop(stream, None)
            metrics.stream_closed()

    def _replace(self, session: bytes, newest: Stream | None) -> None:
        """The newest stream of a browser wins; the older one is told, so that it does not fight for its place."""
        for older in list(self.resources.hub.of_session(session)):
            if older is not newest:
                older.end(live_frames.plain_frame("replaced", {}))

    def _access_changed(self, changes: Iterable[Changed]) -> None:
        if not self._pending_access:
            asyncio.get_running_loop().call_later(ACCESS_PAUSE_SECONDS, self._look_at_pending)
        self._pending_access.update(changes)

    def _look_at_pending(self) -> None:
        changes, self._pending_access = self._pending_access, set()
        # Kind "access" names a person, or the tenant when a rule for all of it changed.
        named = {change.entity_id for change in changes}
        touched = [
            stream
            for stream in self.resources.hub.all()
            if stream.watcher.user_id in named or stream.watcher.tenant_id in named
        ]
        authentication.REMEMBERED.forget_all()
        for identity, streams in self._by_login(touched).items():
            self._tasks.append(asyncio.get_running_loop().create_task(self._reauthorise(identity, streams)))
        self._tasks = [task for task in self._tasks if not task.done()]

    async def _watch_rights(self) -> None:
        """A session may simply have run out. Asked once for all streams of a login, and not in one burst."""
        while True:
            began = time.monotonic()
            logins = self._by_login(self.resources.hub.all())
            for identity, streams in logins.items():
                await self._reauthorise(identity, streams)
                await asyncio.sleep(REAUTHORISE_SECONDS / 2 / len(logins))
            await asyncio.sleep(max(1.0, REAUTHORISE_SECONDS - (time.monotonic() - began)))

    def _by_login(self, streams: Iterable[Stream]) -> dict[Identity, list[Stream]]:
        found: dict[Identity, list[Stream]] = {}
        for stream in streams:
            identity = self.identities.get(stream)
            if identity is not None:
                found.setdefault(identity, []).append(stream)
        return found

    async def _reauthorise(self, identity: Identity, streams: Iterable[Stream]) -> None:
        try:
            now = await asyncio.to_thread(self._watcher_now, identity)
        except Exception as error:  # noqa: BLE001 - while the database is away the streams stay as they are
            log.warning("rights could not be read: %s", type(error).__name__)
            return
        for stream in streams:
            if stream.is_ended:
                continue
            if now is None or now.tenant_id != stream.watcher.tenant_id:
                stream.end()
            elif now != stream.watcher:
                stream.watcher = now
                stream.put(
                    live_frames.plain_frame("reset", {"reason": "access", "cursor": str(live_replay.seconds_ago(0))})
                )

    def _watcher_now(self, identity: Identity) -> Watcher | None:
        viewer = authentication.viewer_from_headers(self.resources, dict(identity), is_use=False)
        if viewer is None or viewer.tenant_id is None or not may(viewer, PERMISSION):
            return None
        return watcher_of(self.resources, viewer)


def watcher_of(resources: Resources, viewer: Viewer) -> Watcher:
    """Raises Forbidden for those who have no tenant."""
    scope = viewer.scope()
    sees_queue = True
    if viewer.role == AGENT:
        with resources.database.transaction(scope) as tx:
            sees_queue = bool(tx.scalar(SEES_QUEUE))
    return Watcher(
        tenant_id=scope.tenant_id,
        user_id=viewer.user_id,
        sees_all=viewer.role != AGENT,
        sees_queue=sees_queue,
        variant=(viewer.locale, viewer.timezone) if viewer.session_hash is not None else None,
        session=viewer.session_hash,
        token=viewer.token_id,
    )


def canceller() -> Callable[[], None]:
    """Ends the task that calls this, once."""
    task = asyncio.current_task()

    def cancel() -> None:
        if task is not None:
            task.cancel()

    return cancel


def _identity(scope: Scope) -> Identity:
    found = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    return tuple((name, value) for name, value in found if name in NAMING_HEADERS)


def _since(scope: Scope) -> str | None:
    """A browser that reconnects by itself repeats the old address and says where it is in a header."""
    for name, value in scope["headers"]:
        if name == b"last-event-id" and value:
            return str(value.decode("latin-1"))
    asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=False).get("since")
    return asked[0] if asked else None


async def _refuse(send: Send, error: HunflyError) -> None:
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    headers += [(name.lower().encode(), value.encode()) for name, value in headers_of(error).items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(problem_body(error)).encode()})
