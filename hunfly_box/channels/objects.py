"""The channel as programs and screens see it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.moments import rfc3339, rfc3339_or_none


class Queue(Struct, frozen=True):
    waiting: int
    oldest_at: str | None


class Rate(Struct, frozen=True):
    """Sends in the last 60 seconds, and how many are allowed."""

    used: int
    limit: int


class Channel(Struct, frozen=True):
    """`last_event_at` is the last sign of life: a webhook, a message, or the engine saying that the number is open."""

    id: UUID
    name: str
    provider: str
    phone: str | None
    state: str
    cause: str | None
    since: str
    queue: Queue
    rate: Rate
    last_event_at: str | None
    last_inbound_at: str | None
    version: int


CHANNELS = """
SELECT c.id, c.name, c.provider, c.phone, c.state, c.cause, c.state_since AS since, c.version,
       greatest(h.last_webhook_at, h.last_inbound_at, CASE WHEN c.state = 'open' THEN h.last_checked_at END)
         AS last_event_at,
       h.last_inbound_at,
       coalesce(d.waiting, 0) AS waiting, d.oldest_at,
       (SELECT count(*) FROM app.channel_sends s
        WHERE s.tenant_id = c.tenant_id AND s.channel_id = c.id
          AND s.granted_at > now() - interval '60 seconds') AS used
FROM app.channels c
LEFT JOIN app.channel_health h ON h.tenant_id = c.tenant_id AND h.channel_id = c.id
LEFT JOIN (SELECT channel_id, count(*) AS waiting, min(created_at) AS oldest_at FROM app.deliveries
           WHERE state IN ('queued', 'claimed', 'dispatching', 'asking') GROUP BY channel_id) d ON d.channel_id = c.id
WHERE (CAST(:ids AS uuid[]) IS NULL OR c.id = ANY (CAST(:ids AS uuid[])))
ORDER BY c.created_at, c.id
"""


def channels(tx: TenantTransaction, ids: Sequence[UUID] | None = None, *, sends_per_minute: int) -> list[Channel]:
    """All of the tenant's, or those named, oldest first.

    Whoever may read a number reads it whole, queue and rate included: one object for every role, here and in the
    live stream. So its queue is counted as a figure of the number, not of what the asking agent sees of it.
    """
    with tx.as_system():
        rows = tx.all(dict[str, Any], CHANNELS, ids=None if ids is None else [str(value) for value in ids])
    return [_channel(row, sends_per_minute) for row in rows]


def _channel(row: dict[str, Any], limit: int) -> Channel:
    queue = Queue(row.pop("waiting"), rfc3339_or_none(row.pop("oldest_at")))
    rate = Rate(row.pop("used"), limit)
    moments: dict[str, Any] = {name: rfc3339_or_none(row.pop(name)) for name in ("last_event_at", "last_inbound_at")}
    moments["since"] = rfc3339(row.pop("since"))
    return Channel(**row, **moments, queue=queue, rate=rate)
