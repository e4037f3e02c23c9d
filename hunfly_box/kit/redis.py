"""Redis or Valkey: one way to connect, one prefix for every key."""

from typing import Any
from uuid import UUID

import redis
from redis import asyncio as async_redis

PREFIX = "hb"
# Shorter than any caller's patience: without Redis the box goes on, only slower.
TIMEOUT_SECONDS = 2.0
# In a script: all processes, on machines with different clocks, get one answer.
READ_CLOCK = "redis.call('TIME')"


def key(tenant_id: UUID | None, *parts: object) -> str:
    """`hb:{t:<tenant>}:…`; the braces keep one tenant's keys on one node of a cluster. None: the box's own keys."""
    scope = f"{{t:{tenant_id}}}" if tenant_id else "{box}"
    return ":".join((PREFIX, scope, *map(str, parts)))


def connect(url: str) -> "redis.Redis":
    return redis.Redis.from_url(url, **_options())


def connect_async(url: str) -> "async_redis.Redis":
    return async_redis.Redis.from_url(url, **_options())


def _options() -> dict[str, Any]:
    return {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "health_check_interval": 30,
    }
