"""The box's web processes tell each other what changed, by ids through Redis. Alone, a process says nothing."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import Any
from uuid import UUID

import msgspec
import redis
from msgspec import Struct

from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import live_replay
from hunfly_box.kit.announcing import Changed, ChangeKind
from hunfly_box.kit.database import Scope
from hunfly_box.kit.redis import channel, connect_async, key

log = logging.getLogger(__name__)

CHANNEL = "live"
PROCESSES = key(None, "web_processes")
BEAT_SECONDS = 5.0
DEAD_SECONDS = 15.0
# So long after the last sign of others it is looked for what they wrote: the dead may have left something.
OTHERS_WRITE_SECONDS = 60.0
RECONNECT_SECONDS = 1.0
# Read again after the others were not heard: what was said meanwhile, and a little before.
CATCH_UP_SECONDS = 5.0
MOST_CAUGHT_UP = 1_000
STOP_STEP_SECONDS = 0.2

CHANGED_SINCE = """
SELECT DISTINCT kind, entity_id, conversation_id FROM app.live_versions
WHERE tenant_id = app.tenant_id() AND version > :after LIMIT :most
"""


class Note(Struct, omit_defaults=True):
    """`event` is one of: hello, worker, changed, person, stream, typing, viewing. `fields` hold ids, never content."""

    process: str
    event: str
    changes: list[tuple[UUID, ChangeKind, UUID, UUID | None]] = []
    fields: dict[str, Any] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Note).decode

Hear = Callable[[Note], None]
Show = Callable[[Sequence[Changed]], bool]


def announce(resources: Resources, changes: Sequence[Changed]) -> None:
    """From a thread: for processes without a listening end of their own, workers and CLI verbs."""
    _publish(resources, _changed(resources.process_id, changes))


def announce_worker(resources: Resources) -> None:
    """A worker writes, but hears nothing: it counts as somebody to look after, not as somebody to tell."""
    _publish(resources, Note(resources.process_id, "worker"))


def _publish(resources: Resources, note: Note) -> None:
    with contextlib.suppress(redis.RedisError, OSError):
        resources.redis.publish(channel(resources.redis_url, CHANNEL), _encode(note))


def _changed(process: str, changes: Sequence[Changed]) -> Note:
    lines = [(change.tenant_id, change.kind, change.entity_id, change.conversation_id) for change in changes]
    return Note(process, "changed", lines)


class Relay:
    """One for each web process, in its event loop."""

    def __init__(self, resources: Resources, show: Show, hear: Hear, threads: Executor) -> None:
        self._resources = resources
        self._show = show
        self._hear = hear
        self._threads = threads
        self._redis = connect_async(resources.redis_url)
        self._channel = channel(resources.redis_url, CHANNEL)
        self._others_until = 0.0
        self._others_write_until = 0.0
        self._heard_at = time.time()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_closing = False

    @property
    def is_alone(self) -> bool:
        return time.monotonic() > self._others_until

    @property
    def others_write(self) -> bool:
        return time.monotonic() < self._others_write_until

    def start(self) -> None:
        self._spawn(self._forever(self._listen))
        self._spawn(self._forever(self._beat))

    async def stop(self) -> None:
        # The Redis client may take a cancellation for its own time-out: the loops look at the flag as well.
        self._is_closing = True
        while self._tasks:
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.wait(tuple(self._tasks), timeout=STOP_STEP_SECONDS)
        with contextlib.suppress(redis.RedisError, OSError):
            await self._redis.zrem(PROCESSES, self._resources.process_id)
        await self._redis.aclose()

    def tell_changes(self, changes: Iterable[Changed]) -> None:
        if self.is_alone:
            return
        if told := list(changes):
            self._publish(_changed(self._resources.process_id, told))

    def tell(self, event: str, fields: dict[str, Any]) -> None:
        if not self.is_alone:
            self._publish(Note(self._resources.process_id, event, fields=fields))

    def _publish(self, note: Note) -> None:
        self._spawn(self._send(note))

    async def _send(self, note: Note) -> None:
        # What is lost here the other process finds when it looks for itself.
        with contextlib.suppress(redis.RedisError, OSError):
            await self._redis.publish(self._channel, _encode(note))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        while not self._is_closing:
            try:
                await work()
            except (redis.RedisError, OSError) as error:
                log.warning("other processes cannot be heard: %s", type(error).__name__)
                self._others_may_write()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _beat(self) -> None:
        while not self._is_closing:
            now = time.time()
            pipe = self._redis.pipeline(transaction=False)
            pipe.zadd(PROCESSES, {self._resources.process_id: now})
            pipe.zremrangebyscore(PROCESSES, 0, now - DEAD_SECONDS)
            pipe.zcard(PROCESSES)
            alive = (await pipe.execute())[-1]
            if alive > 1:
                self._others_are_there()
            await asyncio.sleep(BEAT_SECONDS)

    def _others_are_there(self) -> None:
        self._others_until = time.monotonic() + DEAD_SECONDS
        self._others_may_write()

    def _others_may_write(self) -> None:
        self._others_write_until = time.monotonic() + OTHERS_WRITE_SECONDS

    async def _listen(self) -> None:
        heard = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            await heard.subscribe(self._channel)
            await self._send(Note(self._resources.process_id, "hello"))
            await self._catch_up()
            while not self._is_closing:
                message = await heard.get_message(timeout=1.0)
                self._heard_at = time.time()
                if message is not None:
                    self._take(message["data"])
        finally:
            with contextlib.suppress(Exception):
                await heard.aclose()  # type: ignore[no-untyped-call]

    def _take(self, data: bytes) -> None:
        try:
            note = _decode(data)
        except msgspec.MsgspecError:
            log.warning("another process said something this version does not know")
            return
        if note.process == self._resources.process_id:
            return
        self._others_may_write()
        if note.event == "worker":
            return
        if note.event == "changed":
            changes = [Changed(*line) for line in note.changes]
            self._threads.submit(self._show, changes)
            return
        self._others_are_there()
        if note.event != "hello":
            self._hear(note)

    async def _catch_up(self) -> None:
        silence = time.time() - self._heard_at
        if silence < RECONNECT_SECONDS:
            return
        after = live_replay.seconds_ago(silence + CATCH_UP_SECONDS)
        for tenant_id in tuple(self._resources.hub.streams):
            await asyncio.get_running_loop().run_in_executor(self._threads, self.read_again, tenant_id, after)

    def read_again(self, tenant_id: UUID, after: int) -> bool:
        """In the live thread: shows what changed since. More than can be shown is left to the streams' own replay."""
        with self._resources.database.transaction(Scope.system(tenant_id)) as tx:
            lines = tx.all(dict[str, Any], CHANGED_SINCE, after=after, most=MOST_CAUGHT_UP)
        if len(lines) == MOST_CAUGHT_UP:
            self._resources.hub.call(self._end_all, tenant_id)
            return True
        return self._show(
            [Changed(tenant_id, line["kind"], line["entity_id"], line["conversation_id"]) for line in lines]
        )

    def _end_all(self, tenant_id: UUID) -> None:
        for stream in tuple(self._resources.hub.streams.get(tenant_id, ())):
            stream.end()
