"""Questions about conversations and messages. Policies decide what the asking person sees; nothing here widens it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hunfly_box.contacts.objects import Label
from hunfly_box.inbox import objects
from hunfly_box.inbox.filters import Filter, conditions
from hunfly_box.inbox.objects import Conversation, Message
from hunfly_box.kit import cursors
from hunfly_box.kit.cursors import Position
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import NotFound

# A conversation in which nothing was said yet has no place in a list by time.
LISTED = """
SELECT v.id, v.last_message_at AS at FROM app.conversations v
WHERE v.tenant_id = app.tenant_id() AND v.last_message_at IS NOT NULL {conditions} {after}
ORDER BY v.last_message_at DESC, v.id DESC LIMIT :limit
"""
AFTER_CONVERSATION = "AND (v.last_message_at, v.id) < (:after_at, :after_id)"
EXISTS = "SELECT EXISTS (SELECT 1 FROM app.conversations v WHERE v.tenant_id = app.tenant_id() AND v.id = :id)"
THREAD = """
SELECT m.id, m.sent_at AS at FROM app.messages m
WHERE m.tenant_id = app.tenant_id() AND m.conversation_id = :conversation_id {after}
ORDER BY m.sent_at DESC, m.id DESC LIMIT :limit
"""
AFTER_MESSAGE = "AND (m.sent_at, m.id) < (:after_at, :after_id)"
THREAD_DOWNWARDS = """
SELECT m.id, m.sent_at AS at FROM app.messages m
WHERE m.tenant_id = app.tenant_id() AND m.conversation_id = :conversation_id {after}
ORDER BY m.sent_at, m.id LIMIT :limit
"""
BELOW_MESSAGE = "AND (m.sent_at, m.id) > (:after_at, :after_id)"
POSITION_OF = """
SELECT m.id, m.sent_at AS at FROM app.messages m
WHERE m.tenant_id = app.tenant_id() AND m.id = :message_id AND m.conversation_id = :conversation_id
"""
CHANGED = """
SELECT m.id FROM app.messages m
WHERE m.tenant_id = app.tenant_id() AND m.conversation_id = :conversation_id AND m.version > :since
ORDER BY m.version LIMIT :limit
"""
SEEN = """
SELECT v.id, coalesce(r.inbound_seen, v.inbound_answered) AS seen FROM app.conversations v
LEFT JOIN app.conversation_reads r ON r.tenant_id = v.tenant_id AND r.conversation_id = v.id AND r.user_id = :user_id
WHERE v.tenant_id = app.tenant_id() AND v.id = ANY (:ids)
"""
COUNTS = """
SELECT count(*) FILTER (WHERE v.assignee_id = :user_id) AS mine, count(*) FILTER (WHERE v.assignee_id IS NULL) AS none,
       count(*) AS all
FROM app.conversations v
WHERE v.tenant_id = app.tenant_id() AND v.last_message_at IS NOT NULL {conditions}
"""
UNREAD = """
SELECT count(*) FROM app.conversations v
LEFT JOIN app.conversation_reads r ON r.tenant_id = v.tenant_id AND r.conversation_id = v.id AND r.user_id = :user_id
WHERE v.tenant_id = app.tenant_id() AND v.status = 'open' AND (v.assignee_id = :user_id OR v.assignee_id IS NULL)
  AND v.inbound_count > coalesce(r.inbound_seen, v.inbound_answered)
"""
ROUNDS = """
SELECT r.opened_at, r.resolved_at, u.name AS by FROM app.rounds r
LEFT JOIN app.memberships u ON u.tenant_id = r.tenant_id AND u.user_id = r.resolved_by
WHERE r.tenant_id = app.tenant_id() AND r.conversation_id = :conversation_id
ORDER BY r.opened_at DESC, r.id DESC LIMIT 10
"""
NOTES = """
SELECT m.id FROM app.messages m
WHERE m.tenant_id = app.tenant_id() AND m.conversation_id = :conversation_id AND m.type = 'note'
  AND m.deleted_at IS NULL
ORDER BY m.sent_at DESC, m.id DESC LIMIT :limit
"""
GALLERY = """
SELECT m.id FROM app.media d
JOIN app.messages m ON m.tenant_id = d.tenant_id AND m.media_id = d.id
WHERE d.tenant_id = app.tenant_id() AND d.conversation_id = :conversation_id AND d.state = 'ready'
  AND m.type IN ('image', 'video') AND m.deleted_at IS NULL
ORDER BY m.sent_at DESC, m.id DESC LIMIT :limit
"""
LABELS = """
SELECT l.id::text AS id, l.name, l.color FROM app.labels l
WHERE l.tenant_id = app.tenant_id() AND (CAST(:id AS uuid) IS NULL OR l.id = :id) ORDER BY lower(l.name), l.id
"""
MEMBERS = """
SELECT u.user_id AS id, u.name FROM app.memberships u
WHERE u.tenant_id = app.tenant_id() AND u.is_active ORDER BY lower(u.name), u.user_id
"""


@dataclass(frozen=True, slots=True)
class Page:
    """`next` opens the page after this one."""

    items: list[Any]
    next: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    mine: int
    none: int
    all: int


@dataclass(frozen=True, slots=True)
class Round:
    opened_at: datetime
    resolved_at: datetime | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Member:
    id: UUID
    name: str


def conversation(tx: TenantTransaction, conversation_id: UUID) -> Conversation:
    found = objects.conversations(tx, [conversation_id])
    if not found:
        raise NotFound
    return found[0]


def require_conversation(tx: TenantTransaction, conversation_id: UUID) -> None:
    """Raises NotFound for one that the acting person may not see."""
    if not tx.scalar(EXISTS, id=conversation_id):
        raise NotFound


def message(tx: TenantTransaction, message_id: UUID) -> Message:
    found = objects.messages(tx, [message_id])
    if not found:
        raise NotFound
    return found[0]


def conversation_page(tx: TenantTransaction, wanted: Filter, *, cursor: str | None, limit: int) -> Page:
    sql, values = conditions(wanted, tx.scope.user_id)
    positions, following = _cut(
        tx, LISTED.replace("{conditions}", sql), AFTER_CONVERSATION, cursors.decode(cursor), limit, values
    )
    return Page(objects.conversations(tx, [position.id for position in positions]), following)


def message_page(tx: TenantTransaction, conversation_id: UUID, *, cursor: str | None, limit: int) -> Page:
    """Newest first. The caller has made sure that the conversation may be seen."""
    values = {"conversation_id": conversation_id}
    positions, following = _cut(tx, THREAD, AFTER_MESSAGE, cursors.decode(cursor), limit, values)
    return Page(objects.messages(tx, [position.id for position in positions]), following)


def messages_before(
    tx: TenantTransaction, conversation_id: UUID, message_id: UUID, limit: int
) -> tuple[list[Message], bool]:
    """The page above a message, oldest first, and whether there is more above it."""
    positions, has_more = _above(tx, _position(tx, conversation_id, message_id), conversation_id, limit)
    return _read(tx, positions), has_more


def messages_after(
    tx: TenantTransaction, conversation_id: UUID, message_id: UUID, limit: int
) -> tuple[list[Message], bool]:
    """The page below a message, oldest first, and whether there is more below it."""
    positions, has_more = _below(tx, _position(tx, conversation_id, message_id), conversation_id, limit)
    return _read(tx, positions), has_more


def messages_around(
    tx: TenantTransaction, conversation_id: UUID, message_id: UUID | None, limit: int
) -> tuple[list[Message], bool, bool]:
    """A message with as many above as below, or the newest; and whether there is more above, and below."""
    if message_id is None:
        newest, has_older = _above(tx, None, conversation_id, limit)
        return _read(tx, newest), has_older, False
    middle = _position(tx, conversation_id, message_id)
    above, has_older = _above(tx, middle, conversation_id, limit // 2)
    below, has_newer = _below(tx, middle, conversation_id, limit // 2)
    return _read(tx, [*above, middle, *below]), has_older, has_newer


def messages_changed(
    tx: TenantTransaction, conversation_id: UUID, since: int, limit: int
) -> tuple[list[Message], bool]:
    """What changed after a version, oldest first, and whether that was not all."""
    ids = tx.scalars(CHANGED, conversation_id=conversation_id, since=since, limit=limit + 1)
    changed = sorted(objects.messages(tx, ids[:limit]), key=lambda message: (message.sent_at, message.id))
    return changed, len(ids) > limit


def seen_counts(tx: TenantTransaction, ids: Sequence[UUID]) -> dict[str, int]:
    """How many of the customer's messages the acting person has seen, by conversation.

    Without a read mark of their own a person begins at our last reply.
    """
    rows = tx.all(dict[str, Any], SEEN, ids=list(ids), user_id=tx.scope.user_id)
    return {str(row["id"]): row["seen"] for row in rows}


def tab_counts(tx: TenantTransaction, status: str | None) -> Counts:
    """None counts conversations of any status."""
    sql, values = conditions(Filter(status=status), tx.scope.user_id)
    return tx.one(Counts, COUNTS.replace("{conditions}", sql), user_id=tx.scope.user_id, **values)


def unread_conversations(tx: TenantTransaction) -> int:
    """Open ones, mine or nobody's, with something I have not seen."""
    return int(tx.scalar(UNREAD, user_id=tx.scope.user_id))


def rounds(tx: TenantTransaction, conversation_id: UUID) -> list[Round]:
    return tx.all(Round, ROUNDS, conversation_id=conversation_id)


def last_notes(tx: TenantTransaction, conversation_id: UUID, limit: int = 5) -> list[Message]:
    return objects.messages(tx, tx.scalars(NOTES, conversation_id=conversation_id, limit=limit))


def last_pictures(tx: TenantTransaction, conversation_id: UUID, limit: int = 9) -> list[Message]:
    return objects.messages(tx, tx.scalars(GALLERY, conversation_id=conversation_id, limit=limit))


def labels(tx: TenantTransaction) -> list[Label]:
    return tx.all(Label, LABELS, id=None)


def label(tx: TenantTransaction, label_id: UUID) -> Label:
    return tx.one(Label, LABELS, id=label_id)


def members(tx: TenantTransaction) -> list[Member]:
    """The people conversations can be given to."""
    return tx.all(Member, MEMBERS)


def _position(tx: TenantTransaction, conversation_id: UUID, message_id: UUID) -> Position:
    """Raises NotFound."""
    return tx.one(Position, POSITION_OF, message_id=message_id, conversation_id=conversation_id)


def _above(
    tx: TenantTransaction, start: Position | None, conversation_id: UUID, limit: int
) -> tuple[list[Position], bool]:
    found, following = _cut(tx, THREAD, AFTER_MESSAGE, start, limit, {"conversation_id": conversation_id})
    return found[::-1], following is not None


def _below(tx: TenantTransaction, start: Position, conversation_id: UUID, limit: int) -> tuple[list[Position], bool]:
    found, following = _cut(tx, THREAD_DOWNWARDS, BELOW_MESSAGE, start, limit, {"conversation_id": conversation_id})
    return found, following is not None


def _read(tx: TenantTransaction, positions: list[Position]) -> list[Message]:
    return objects.messages(tx, [position.id for position in positions])


def _cut(
    tx: TenantTransaction, sql: str, after: str, start: Position | None, limit: int, values: dict[str, Any]
) -> tuple[list[Position], str | None]:
    """One row more than asked for tells whether there is another page."""
    values = {**values, "limit": limit + 1}
    if start is not None:
        values |= {"after_at": start.at, "after_id": start.id}
    found = tx.all(Position, sql.replace("{after}", after if start else "").replace("{conditions}", ""), **values)
    shown = found[:limit]
    return shown, cursors.encode(shown[-1]) if len(found) > limit else None
