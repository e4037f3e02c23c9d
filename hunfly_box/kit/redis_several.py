"""Sentinels and clusters behave as one server does: met at the first command, away in the same words, closed whole."""

import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import redis
from redis import asyncio as async_redis
from redis.asyncio.cluster import ClusterPubSub
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import RedisClusterException
from redis.retry import Retry

# After a failure the others do not line up at the same closed door.
AWAY_SECONDS = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class Cluster:
    """`redis.RedisCluster` asks the nodes for their map as soon as it is made; the box starts without Redis as well."""

    def __init__(self, nodes: "list[redis.cluster.ClusterNode]", retries: int, options: dict[str, Any]) -> None:
        self._nodes = nodes
        self._retries = retries
        self._options = options
        self._met: redis.RedisCluster | None = None
        self._meeting = threading.Lock()
        self._away_until = 0.0

    def register_script(self, script: str) -> Script:
        return Script(self, script.encode())  # type: ignore[arg-type]

    def pipeline(self, *options: Any, **named: Any) -> Any:
        pipe: Any = self._meet().pipeline(*options, **named)  # type: ignore[no-untyped-call]
        pipe.execute = _translated(pipe.execute)
        return pipe

    def close(self) -> None:
        with self._meeting:
            if self._met is not None:
                self._met.close()
                self._met = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _translated(lambda *options, **named: getattr(self._meet(), name)(*options, **named))

    def _meet(self) -> "redis.RedisCluster":
        met = self._met
        if met is not None:
            return met
        with self._meeting:
            if self._met is None:
                self._met = self._first_meeting()
            return self._met

    def _first_meeting(self) -> "redis.RedisCluster":
        if time.monotonic() < self._away_until:
            raise redis.ConnectionError("no node of the cluster answered a moment ago")
        try:
            retry = Retry(NoBackoff(), self._retries)
            return _translated(redis.RedisCluster)(startup_nodes=list(self._nodes), retry=retry, **self._options)
        except redis.RedisError:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise


class AsyncCluster(async_redis.RedisCluster):
    async def initialize(self, *options: Any, **named: Any) -> "AsyncCluster":
        try:
            await super().initialize(*options, **named)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
        return self

    def pubsub(self, *options: Any, **named: Any) -> "AsyncSubscription":
        return AsyncSubscription(self, *options, **named)


class AsyncSubscription(ClusterPubSub):
    async def execute_command(self, *command: Any, **options: Any) -> Any:
        # It would look for the channel's node on a map that nobody has read yet.
        await self.cluster.initialize()
        return await super().execute_command(*command, **options)


class Watched(redis.Redis):
    """What `Sentinel.master_for` gives; the connections to the Sentinels are closed with it."""

    def close(self) -> None:
        super().close()
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            sentinel.close()


class AsyncWatched(async_redis.Redis):
    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _translated(call: Callable[P, T]) -> Callable[P, T]:
    def translating(*args: P.args, **options: P.kwargs) -> T:
        try:
            return call(*args, **options)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error

    return translating
