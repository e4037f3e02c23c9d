"""Deliveries wait in Redis, and in a file, while Postgres is away, and go the same road once it is back."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import redis
from redis import asyncio as async_redis

from hunfly_box.bootstrap import Resources
from hunfly_box.ingest.announcing import plain_changes_of, rare_changes_of, rings_of
from hunfly_box.ingest.batch import STORED, Batcher
from hunfly_box.ingest.connection import PATIENT_SECONDS, Away, IngestConnection
from hunfly_box.ingest.received import Received, parts_of, received
from hunfly_box.ingest.routes import Routes
from hunfly_box.ingest.spill_file import Fields, SpillFile
from hunfly_box.ingest.storing import Stored, Storer
from hunfly_box.kit.crash import crash_point
from hunfly_box.kit.database import Database
from hunfly_box.kit.redis import key
from hunfly_box.providers.evolution import parsing

if TYPE_CHECKING:
    Redis = redis.Redis

log = logging.getLogger(__name__)

STREAM = key(None, "spill")
GROUP = "drain"
IN_STREAM = b"i"
AT_ONCE = 200
# Longer than any batch takes: who holds entries longer than this is dead.
ABANDONED_MS = 15_000


class Spill:
    """The writing end, in the event loop."""

    def __init__(self, connection: "async_redis.Redis", file: SpillFile) -> None:
        self._redis = connection
        self.file = file

    async def __call__(self, deliveries: list[Received]) -> bool:
        """False when Redis is away or full as well: the sender must come again."""
        records = [_fields(one) for one in deliveries]
        pipe = self._redis.pipeline(transaction=False)
        for record in records:
            pipe.xadd(STREAM, record)  # type: ignore[arg-type]  # bytes are fine
        try:
            ids = await pipe.execute()
        except (redis.RedisError, OSError) as error:
            log.warning("the spill could not be written: %s", type(error).__name__)
            return False
        try:
            await self.file.append([{**record, IN_STREAM: id_} for record, id_ in zip(records, ids, strict=True)])
        except OSError as error:
            log.error("the second copy of the spill could not be written: %s", error)  # noqa: TRY400 - no bug
        return True

    async def drain_file(self, batcher: Batcher, routes: Routes) -> int:
        """What the workers have not drained yet is drained here; the number of deliveries."""

        async def store(records: list[Fields]) -> bool:
            found = [one for record in records if (one := _delivery(routes, record)) is not None]
            outcomes = await asyncio.gather(*(batcher.put(one) for one in found))
            if any(outcome != STORED for outcome in outcomes):
                return False
            pipe = self._redis.pipeline(transaction=False)
            _forget(pipe, [record[IN_STREAM] for record in records])
            with contextlib.suppress(redis.RedisError, OSError):
                await pipe.execute()
            return True

        return await self.file.drain(store)

    async def close(self) -> None:
        await self.file.close()
        await self._redis.aclose()


def _fields(one: Received) -> Fields:
    return {
        b"c": one.channel.id.encode(),
        b"j": one.journal_id.encode(),
        b"t": repr(one.received_at).encode(),
        b"b": one.body,
    }


def waiting(connection: "Redis") -> int:
    """Zero also when Redis does not answer: then nothing can be drained either."""
    try:
        return int(connection.xlen(STREAM))
    except (redis.RedisError, OSError):
        return 0


def drain_once(resources: Resources) -> int:
    """Stores what waits; the number of deliveries stored. Stops quietly when Postgres is still away."""
    if not waiting(resources.redis):
        return 0
    database = Database(resources.logins.ingest, pool_size=1)
    try:
        routes = Routes(database, resources.sealer)
        routes.refresh()
        return asyncio.run(_drain(resources, routes))
    except (Away, psycopg.Error):
        return 0
    finally:
        database.close()


async def _drain(resources: Resources, routes: Routes) -> int:
    told: list[Any] = []

    def keep(stored: Stored) -> None:
        told.extend([*plain_changes_of(stored), *rare_changes_of(stored), *rings_of(stored)])

    storer = Storer(IngestConnection(resources.logins.ingest, PATIENT_SECONDS), keep)
    await storer.connection.open()
    drained = 0
    try:
        while entries := _claim(resources):
            batch = [one for fields in entries.values() if (one := _delivery(routes, fields)) is not None]
            await storer.store([part for one in batch for part in parts_of(one)])
            crash_point("I7")
            _finish(resources, list(entries))
            resources.database.publish(told[:])
            told.clear()
            drained += len(entries)
    finally:
        await storer.connection.close()
    return drained


def _finish(resources: Resources, ids: list[bytes]) -> None:
    pipe = resources.redis.pipeline()
    _forget(pipe, ids)
    pipe.execute()


def _forget(pipe: Any, ids: list[bytes]) -> None:
    pipe.xack(STREAM, GROUP, *ids)
    pipe.xdel(STREAM, *ids)


def _claim(resources: Resources) -> Mapping[bytes, Mapping[bytes, bytes]]:
    """First what somebody took and never finished, then what nobody took."""
    connection, me = resources.redis, resources.process_id
    try:
        connection.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    _, abandoned, *_ = connection.xautoclaim(STREAM, GROUP, me, min_idle_time=ABANDONED_MS, count=AT_ONCE)
    if abandoned:
        return dict(abandoned)
    answer: Any = connection.xreadgroup(GROUP, me, {STREAM: ">"}, count=AT_ONCE)
    if not answer:
        return {}
    streams = list(answer.values()) if isinstance(answer, dict) else [entries for _, entries in answer]
    entries = streams[0]
    # Newer protocol versions wrap the entries once more.
    if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], tuple | list):
        entries = entries[0]
    return dict(entries)


def _delivery(routes: Routes, fields: Mapping[bytes, bytes]) -> Received | None:
    channel = routes.of_id(UUID(fields[b"c"].decode()))
    if channel is None:
        log.warning("a spilled delivery belongs to a channel that is gone")
        return None
    delivery, body = parsing.read_and_redact(fields[b"b"])
    one = received(channel, delivery, body, float(fields.get(b"t", b"0")) or time.time())
    # The name it got when it came: draining it twice writes one journal row.
    one.journal_id = fields[b"j"].decode()
    return one
