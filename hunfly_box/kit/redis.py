"""Redis or Valkey: one way to connect, one prefix for every key.

Besides the addresses redis-py knows: `redis+sentinel://[user:password@]host[:port][,host…]/service[/db]`, where
`?sentinel_username=` and `?sentinel_password=` are for the Sentinels themselves, and
`redis+cluster://[user:password@]host[:port][,host…]`. `rediss+…` speaks TLS. `config.py` has refused what is neither.
"""

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, unquote
from uuid import UUID

import redis
from redis import asyncio as async_redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from hunfly_box.kit.redis_several import AsyncCluster, AsyncWatched, Cluster, Watched

PREFIX = "hb"
# Shorter than any caller's patience: without Redis the box goes on, only slower.
TIMEOUT_SECONDS = 2.0
# In a script: all processes, on machines with different clocks, get one answer.
READ_CLOCK = "redis.call('TIME')"
PORT = 6379
SENTINEL_PORT = 26379
# A cluster's map is looked at once more before a command fails: a node may have moved. Who is away is not asked again.
LOOKS_AGAIN = 1


def key(tenant_id: UUID | None, *parts: object) -> str:
    """`hb:{t:<tenant>}:…`; the braces keep one tenant's keys on one node of a cluster. None: the box's own keys."""
    scope = f"{{t:{tenant_id}}}" if tenant_id else "{box}"
    return ":".join((PREFIX, scope, *map(str, parts)))


def connect(url: str, timeout_seconds: float = TIMEOUT_SECONDS, **options: Any) -> "redis.Redis":
    """Nothing is asked of the server yet."""
    options |= _options(timeout_seconds)
    place = _several(url)
    if place is None:
        return redis.Redis.from_url(url, **options)
    if place.is_cluster:
        nodes = [redis.cluster.ClusterNode(host, port) for host, port in place.nodes]  # type: ignore[no-untyped-call]
        options.pop("max_connections", None)
        # It answers to the same commands; only its pipelines and subscriptions are classes of their own.
        return cast("redis.Redis", Cluster(nodes, LOOKS_AGAIN, options | place.login))
    asked = place.sentinel_login | _options(timeout_seconds) | {"retry": Retry(NoBackoff(), 0)}
    sentinel: Any = redis.Sentinel(place.nodes, sentinel_kwargs=asked, **place.login, **options)  # type: ignore[no-untyped-call]
    return cast("redis.Redis", sentinel.master_for(place.service, Watched, db=place.database))


def connect_async(url: str) -> "async_redis.Redis":
    options = _options(TIMEOUT_SECONDS)
    place = _several(url)
    if place is None:
        return async_redis.Redis.from_url(url, **options)
    if place.is_cluster:
        nodes = [async_redis.cluster.ClusterNode(host, port) for host, port in place.nodes]
        retry = AsyncRetry(NoBackoff(), LOOKS_AGAIN)
        return cast("async_redis.Redis", AsyncCluster(startup_nodes=nodes, retry=retry, **options, **place.login))
    asked = place.sentinel_login | options | {"retry": AsyncRetry(NoBackoff(), 0)}
    sentinel: Any = async_redis.Sentinel(place.nodes, sentinel_kwargs=asked, **place.login, **options)  # type: ignore[no-untyped-call]
    return cast("async_redis.Redis", sentinel.master_for(place.service, AsyncWatched, db=place.database))


def channel(url: str, name: str) -> str:
    """Where something is published. Unlike keys, channels know no database number: two boxes on one server would hear
    each other."""
    place = _several(url)
    database: int = place.database if place is not None else redis.connection.parse_url(url).get("db", 0)  # type: ignore[no-untyped-call]
    return key(None, name, database)


@dataclass(frozen=True, slots=True)
class _Several:
    """Servers that stand for one: Sentinels that know where it is, or nodes that each have a part."""

    is_cluster: bool
    nodes: list[tuple[str, int]]
    login: dict[str, Any]
    service: str
    database: int
    sentinel_login: dict[str, Any]


def _several(url: str) -> _Several | None:
    scheme, _, rest = url.partition("://")
    if "+" not in scheme:
        return None
    is_cluster = scheme.endswith("+cluster")
    tls = {"ssl": True} if scheme.startswith("rediss") else {}
    rest, _, query = rest.partition("?")
    place, _, path = rest.partition("/")
    login, _, nodes = place.rpartition("@")
    service, _, database = path.partition("/")
    named = {name: values[-1] for name, values in parse_qs(query).items()}
    return _Several(
        is_cluster,
        [_node(text, PORT if is_cluster else SENTINEL_PORT) for text in nodes.split(",")],
        _login(*map(unquote, login.partition(":")[::2])) | tls,
        unquote(service),
        int(database or "0"),
        _login(named.get("sentinel_username", ""), named.get("sentinel_password", "")) | tls,
    )


def _node(text: str, usual_port: int) -> tuple[str, int]:
    """`host`, `host:port`, `[::1]:port`"""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, ""
    return host.strip("[]"), int(port or usual_port)


def _login(username: str, password: str) -> dict[str, Any]:
    return {name: value for name, value in (("username", username), ("password", password)) if value}


def _options(timeout_seconds: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "health_check_interval": 30,
    }
