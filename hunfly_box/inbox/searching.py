"""Search by name, number and text: fenced functions give ids, rows are read again under the person's policies."""

from typing import Any
from uuid import UUID

from hunfly_box.contacts import queries as contacts
from hunfly_box.inbox import objects
from hunfly_box.inbox.filters import Filter, conditions
from hunfly_box.inbox.objects import Conversation, Match
from hunfly_box.inbox.queries import Page
from hunfly_box.kit import cursors
from hunfly_box.kit.cursors import Position
from hunfly_box.kit.database import TenantTransaction

# A search shows conversations of this many newest hits; who wants older ones adds a word.
HITS = 200
CONTACT_HITS = 200

# People by name or number first, then conversations by their newest message with the words.
# Both have one sort key, so that a page goes on where the one before ended: people lie in a time of their own.
FOUND = """
WITH people AS MATERIALIZED (SELECT c AS id FROM app.search_contacts(:who, :contact_hits) c),
hits AS MATERIALIZED (
  SELECT DISTINCT ON (h.conversation_id) h.conversation_id, h.message_id, h.sent_at
  FROM app.search_messages(:query, :hits) h ORDER BY h.conversation_id, h.sent_at DESC),
ranked AS (
  SELECT v.id, NULL::uuid AS message_id, v.last_message_at + interval '1000 years' AS at
  FROM app.conversations v
  WHERE v.tenant_id = app.tenant_id() AND v.contact_id IN (SELECT id FROM people)
    AND v.last_message_at IS NOT NULL {conditions}
  UNION ALL
  SELECT v.id, h.message_id, h.sent_at
  FROM hits h JOIN app.conversations v ON v.id = h.conversation_id
  WHERE v.tenant_id = app.tenant_id() AND NOT v.contact_id IN (SELECT id FROM people) {conditions})
SELECT r.id, r.message_id, r.at FROM ranked r
WHERE CAST(:after_at AS timestamptz) IS NULL OR (r.at, r.id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid))
ORDER BY r.at DESC, r.id DESC LIMIT :limit
"""
SNIPPETS = """
SELECT m.id, ts_headline('app.words', left(m.text, 4000), websearch_to_tsquery('app.words', left(:query, 200)),
                         'StartSel="", StopSel="", MaxWords=20, MinWords=8, MaxFragments=1') AS text
FROM app.messages m WHERE m.tenant_id = app.tenant_id() AND m.id = ANY (:ids) AND m.deleted_at IS NULL
"""
BY_NAME = """
SELECT v.id FROM app.conversations v
WHERE v.tenant_id = app.tenant_id() AND v.last_message_at IS NOT NULL
  AND v.contact_id IN (SELECT c FROM app.search_contacts(:who, 200) c)
ORDER BY v.last_message_at DESC, v.id DESC LIMIT :limit
"""
LATEST = """
SELECT v.id FROM app.conversations v
WHERE v.tenant_id = app.tenant_id() AND v.last_message_at IS NOT NULL
ORDER BY v.last_message_at DESC, v.id DESC LIMIT :limit
"""


def search_page(tx: TenantTransaction, query: str, wanted: Filter, *, cursor: str | None, limit: int) -> Page:
    sql, values = conditions(wanted, tx.scope.user_id)
    start = cursors.decode(cursor)
    found = tx.all(
        dict[str, Any],
        FOUND.replace("{conditions}", sql),
        query=query,
        who=contacts.as_stored(query),
        hits=HITS,
        contact_hits=CONTACT_HITS,
        after_at=start.at if start else None,
        after_id=start.id if start else None,
        limit=limit + 1,
        **values,
    )
    shown = found[:limit]
    items = objects.conversations(tx, [row["id"] for row in shown])
    _add_snippets(tx, query, items, {str(row["id"]): row["message_id"] for row in shown if row["message_id"]})
    following = cursors.encode(Position(shown[-1]["at"], shown[-1]["id"])) if len(found) > limit else None
    return Page(items, following)


def conversations_by_name(tx: TenantTransaction, query: str, limit: int = 20) -> list[Conversation]:
    """For choosing one: the latest when nothing is typed yet."""
    query = query.strip()
    ids = tx.scalars(BY_NAME, who=contacts.as_stored(query), limit=limit) if query else tx.scalars(LATEST, limit=limit)
    return objects.conversations(tx, ids)


def _add_snippets(tx: TenantTransaction, query: str, items: list[Conversation], message_ids: dict[str, UUID]) -> None:
    rows = tx.all(dict[str, Any], SNIPPETS, query=query, ids=list(message_ids.values())) if message_ids else []
    snippets = {row["id"]: row["text"] for row in rows}
    for item in items:
        message_id = message_ids.get(item.id)
        if message_id in snippets:
            item.match = Match(message_id=str(message_id), text=snippets[message_id])
