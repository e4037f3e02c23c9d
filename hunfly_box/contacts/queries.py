"""Questions about contacts. An agent sees those of the conversations they see."""

import re
from typing import Any
from uuid import UUID

from hunfly_box.contacts import objects
from hunfly_box.contacts.objects import Contact
from hunfly_box.kit import cursors
from hunfly_box.kit.cursors import Position
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import NotFound

# Contacts have no policy of their own for agents; the sub-select runs under that of conversations.
VISIBLE = """
((SELECT app.role()) IN ('tenant_admin', 'manager', 'system')
 OR EXISTS (SELECT 1 FROM app.conversations v WHERE v.tenant_id = c.tenant_id AND v.contact_id = c.id))
"""
LISTED = f"""
SELECT c.id, c.created_at AS at FROM app.contacts c WHERE c.tenant_id = app.tenant_id() AND {VISIBLE} {{conditions}}
ORDER BY c.created_at DESC, c.id DESC LIMIT :limit
"""
AFTER = "AND (c.created_at, c.id) < (:after_at, :after_id)"
FOUND = "AND c.id IN (SELECT s FROM app.search_contacts(:query, 200) s)"
IS_VISIBLE = (
    f"SELECT EXISTS (SELECT 1 FROM app.contacts c WHERE c.tenant_id = app.tenant_id() AND c.id = :id AND {VISIBLE})"
)
PICTURE = f"SELECT c.avatar_sha256 FROM app.contacts c WHERE c.tenant_id = app.tenant_id() AND c.id = :id AND {VISIBLE}"
BY_PHONE = """
SELECT i.contact_id FROM app.contact_identities i
WHERE i.tenant_id = app.tenant_id() AND i.kind = 'phone' AND i.value = :phone
"""

PRINTED_NUMBER = re.compile(r"[+(]?[\d\s().\-/]+")
FEWEST_DIGITS = 3


def contact(tx: TenantTransaction, contact_id: UUID) -> Contact:
    if not tx.scalar(IS_VISIBLE, id=contact_id):
        raise NotFound
    return objects.contacts(tx, [contact_id])[0]


def picture(tx: TenantTransaction, contact_id: UUID) -> str:
    """The hash of their profile picture."""
    sha256: str | None = tx.scalar(PICTURE, id=contact_id)
    if sha256 is None:
        raise NotFound
    return sha256


def contact_page(
    tx: TenantTransaction, *, query: str | None, cursor: str | None, limit: int
) -> tuple[list[Contact], str | None]:
    """The newest first, and the cursor of the next page."""
    start = cursors.decode(cursor)
    conditions = [AFTER] if start else []
    values: dict[str, Any] = {"after_at": start.at, "after_id": start.id} if start else {}
    if query and query.strip():
        conditions.append(FOUND)
        values["query"] = as_stored(query)
    sql = LISTED.replace("{conditions}", " ".join(conditions))
    found = tx.all(Position, sql, limit=limit + 1, **values)
    shown = found[:limit]
    following = cursors.encode(shown[-1]) if len(found) > limit else None
    return objects.contacts(tx, [position.id for position in shown]), following


def as_stored(query: str) -> str:
    """A number is kept as its digits; people type it, or paste it, as it is printed."""
    digits = re.sub(r"\D", "", query)
    return digits if PRINTED_NUMBER.fullmatch(query.strip()) and len(digits) >= FEWEST_DIGITS else query


def contact_by_phone(tx: TenantTransaction, phone: str) -> UUID | None:
    contact_id: UUID | None = tx.scalar(BY_PHONE, phone=phone)
    return contact_id
