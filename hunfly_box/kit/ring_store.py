"""Rings in Redis: two lists of JSON. Nothing in them is ever executed, and either may be emptied at any moment."""

import json
import logging
from typing import Any
from uuid import UUID

import redis
from huey.storage import RedisStorage

from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.redis import key

# Far above any real backlog. Past it the oldest rings go; the sweeps bring their rows back.
MOST_RINGS = 20_000

log = logging.getLogger(__name__)


class RingStorage(RedisStorage):  # type: ignore[misc]
    """Two lists, the urgent one read first; neither grows without end."""

    def __init__(self, name: str, *, client: "redis.Redis", **options: Any) -> None:
        # Huey would make a client of its own, and knows neither Sentinels nor a cluster.
        self.redis_client = lambda connection_pool: client
        super().__init__(name, **options)
        self.queue_key = key(None, "jobs")
        self.urgent_key = key(None, "jobs", "urgent")

    def enqueue(self, data: bytes, priority: int | None = None) -> None:
        queue_key = self.urgent_key if priority else self.queue_key
        pipeline = self.conn.pipeline(transaction=False)
        pipeline.lpush(queue_key, data)
        pipeline.ltrim(queue_key, 0, MOST_RINGS - 1)
        pipeline.execute()

    def dequeue(self) -> bytes | None:
        try:
            found = self.conn.brpop([self.urgent_key, self.queue_key], timeout=self.read_timeout)
        except redis.TimeoutError:
            return None
        return found[1] if found else None

    def queue_size(self) -> int:
        return int(self.conn.llen(self.queue_key)) + int(self.conn.llen(self.urgent_key))


def packed_ring(ring: Ring) -> bytes:
    return json.dumps([ring.job, str(ring.tenant_id), str(ring.entity_id), ring.is_urgent]).encode()


def read_ring(raw: bytes) -> Ring | None:
    try:
        job, tenant_id, entity_id, is_urgent = json.loads(raw)
        return Ring(str(job), UUID(tenant_id), UUID(entity_id), bool(is_urgent))
    except (ValueError, TypeError, AttributeError):
        log.warning("dropped a ring nobody can read")
        return None
