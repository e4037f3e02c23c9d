"""What the inbox's templates are given, gathered in one transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import objects as channel_objects
from hunfly_box.contacts import objects as contact_objects
from hunfly_box.inbox import drafts, filters, objects, queries, searching
from hunfly_box.inbox.filters import Filter
from hunfly_box.inbox.objects import Conversation
from hunfly_box.inbox.render import plain
from hunfly_box.kit.database import TenantTransaction

LIST_ROWS = 40
THREAD_MESSAGES = 60
# WhatsApp's own limits; the upload route holds them.
LIMITS = {"media_bytes": 16 * 1024 * 1024, "document_bytes": 100 * 1024 * 1024}
# What a page calls the absence of a status; a search begins with it, as customers of last month are looked for too.
ANY_STATUS = "any"
ASSIGNEE_OF_TAB = {"mine": "me", "none": "none", "all": None}
NOW = "SELECT app.now_us()"


def chosen(
    *, status: str | None, tab: str | None, channel: str | None, label: str | None, q: str | None
) -> tuple[dict[str, str | None], Filter]:
    """The filters as the page shows them, and as the query wants them. What is unknown or malformed falls back."""
    shown = {
        "status": status if status in (*filters.STATUSES, ANY_STATUS) else "open",
        "tab": tab if tab in ASSIGNEE_OF_TAB else "all",
        "channel": channel if is_id(channel) else None,
        "label": label if is_id(label) else None,
        "q": (q or "").strip() or None,
    }
    wanted = filters.parse(
        status=None if shown["status"] == ANY_STATUS else shown["status"],
        assignee=ASSIGNEE_OF_TAB[str(shown["tab"])],
        channel=shown["channel"],
        label=shown["label"],
    )
    return shown, wanted


def is_id(text: str | None) -> bool:
    try:
        return UUID(text or "") is not None
    except ValueError:
        return False


def live_cursor(tx: TenantTransaction) -> str:
    """Taken before a page's queries: what changes from here on comes by the stream, at worst twice."""
    return str(tx.scalar(NOW))


def rows(tx: TenantTransaction, shown: dict[str, str | None], wanted: Filter, cursor: str | None) -> dict[str, Any]:
    if shown["q"]:
        page = searching.search_page(tx, shown["q"], wanted, cursor=cursor, limit=LIST_ROWS)
    else:
        page = queries.conversation_page(tx, wanted, cursor=cursor, limit=LIST_ROWS)
    return _shown_rows(tx, page.items, page.next)


def named_rows(tx: TenantTransaction, ids: Sequence[UUID]) -> dict[str, Any]:
    return _shown_rows(tx, objects.conversations(tx, ids), None)


def _shown_rows(tx: TenantTransaction, items: Sequence[Conversation], following: str | None) -> dict[str, Any]:
    ids = [UUID(item.id) for item in items]
    return {
        "conversations": items,
        "next_cursor": following,
        "seen": queries.seen_counts(tx, ids),
        "drafts": drafts.texts(tx, ids),
    }


def numbers(resources: Resources, tx: TenantTransaction) -> list[Any]:
    return plain(channel_objects.channels(tx, sends_per_minute=resources.settings.sends_per_minute))


def surroundings(resources: Resources, tx: TenantTransaction) -> dict[str, Any]:
    """The tenant's numbers, labels and people."""
    return {
        "channels": numbers(resources, tx),
        "labels": plain(queries.labels(tx)),
        "users": [{"id": str(member.id), "name": member.name} for member in queries.members(tx)],
        "limits": LIMITS,
    }


def counts(tx: TenantTransaction, status: str) -> dict[str, int]:
    found = queries.tab_counts(tx, None if status == ANY_STATUS else status)
    return {"mine": found.mine, "none": found.none, "all": found.all}


def pane(tx: TenantTransaction, conversation_id: UUID, channels: list[Any]) -> dict[str, Any]:
    """Thread and side panel of one conversation. Raises NotFound."""
    conversation = queries.conversation(tx, conversation_id)
    page = queries.message_page(tx, conversation_id, cursor=None, limit=THREAD_MESSAGES)
    return {
        "messages": page.items[::-1],
        "has_more": page.next is not None,
        "pane_seen": queries.seen_counts(tx, [conversation_id]).get(conversation.id, 0),
        "draft": drafts.draft(tx, conversation_id),
        "viewers": [],
        **_side(tx, conversation, channels),
    }


def side(tx: TenantTransaction, conversation_id: UUID, channels: list[Any]) -> dict[str, Any]:
    """The side panel alone. Raises NotFound."""
    return _side(tx, queries.conversation(tx, conversation_id), channels)


def _side(tx: TenantTransaction, conversation: Conversation, channels: list[Any]) -> dict[str, Any]:
    conversation_id = UUID(conversation.id)
    contact_id = UUID(conversation.contact.id)
    return {
        "conversation": conversation,
        "contact": contact_objects.contacts(tx, [contact_id])[0],
        "channel": next((item for item in channels if item["id"] == conversation.channel_id), None),
        "notes": queries.last_notes(tx, conversation_id),
        "media": queries.last_pictures(tx, conversation_id),
        "rounds": queries.rounds(tx, conversation_id),
    }
