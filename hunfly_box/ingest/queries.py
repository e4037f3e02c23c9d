"""Questions about the journal: what came in, what could not be used and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hunfly_box.kit.database import TenantTransaction

MOST_LISTED = 200
MOST_COUNTED = 10_000

LISTED = """
SELECT j.id, j.channel_id, c.name AS channel_name, j.event, j.state, j.reason, length(j.body) AS size,
       j.received_at, j.replayed_at
FROM app.journal j LEFT JOIN app.channels c ON c.tenant_id = j.tenant_id AND c.id = j.channel_id
WHERE j.tenant_id = app.tenant_id() AND j.state = :state
  AND (CAST(:reason AS text) IS NULL OR j.reason = :reason) AND (CAST(:before AS uuid) IS NULL OR j.id < :before)
ORDER BY j.id DESC LIMIT :limit
"""
ENTRY = """
SELECT j.id, j.channel_id, c.name AS channel_name, j.event, j.state, j.reason, length(j.body) AS size,
       j.received_at, j.replayed_at, j.body
FROM app.journal j LEFT JOIN app.channels c ON c.tenant_id = j.tenant_id AND c.id = j.channel_id
WHERE j.tenant_id = app.tenant_id() AND j.id = :id
"""
COUNTS = """
SELECT coalesce(reason, '') AS reason, count(*) AS count FROM (
  SELECT reason FROM app.journal WHERE tenant_id = app.tenant_id() AND state = 'parked' LIMIT :most) parked
GROUP BY 1 ORDER BY 2 DESC, 1
"""


@dataclass(frozen=True, slots=True)
class Entry:
    id: UUID
    channel_id: UUID
    channel_name: str | None
    event: str
    state: str
    reason: str | None
    size: int
    received_at: datetime
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True)
class WholeEntry(Entry):
    """`body` is as it was kept: without secrets."""

    body: bytes

    @property
    def text(self) -> str:
        return bytes(self.body).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Count:
    reason: str
    count: int


def entries(
    tx: TenantTransaction,
    *,
    state: str = "parked",
    reason: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Entry]:
    """Newest first; `before` is the last id of the page before."""
    params: dict[str, Any] = {"state": state, "reason": reason, "before": before}
    return tx.all(Entry, LISTED, **params, limit=min(limit, MOST_LISTED))


def entry(tx: TenantTransaction, entry_id: UUID) -> WholeEntry:
    """Raises NotFound."""
    return tx.one(WholeEntry, ENTRY, id=entry_id)


def parked_counts(tx: TenantTransaction) -> list[Count]:
    """By reason, the most frequent first. Stops counting at ten thousand."""
    return tx.all(Count, COUNTS, most=MOST_COUNTED)
