"""Writes about contacts."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType

from hunfly_box.audit import commands as audit
from hunfly_box.contacts import queries
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import FieldError, Invalid
from hunfly_box.providers.port import Address

NAME_LIMIT = 200
ATTRIBUTES_LIMIT = 50
VALUE_LIMIT = 2000

LOCK = "SELECT id FROM app.contacts WHERE tenant_id = app.tenant_id() AND id = :id FOR NO KEY UPDATE"
RENAME = "UPDATE app.contacts SET name = :name WHERE tenant_id = app.tenant_id() AND id = :id"
DESCRIBE = """
UPDATE app.contacts SET attributes = CAST(:attributes AS jsonb) WHERE tenant_id = app.tenant_id() AND id = :id
"""
BLOCK = """
UPDATE app.contacts SET blocked_at = CASE WHEN :blocked THEN coalesce(blocked_at, now()) END
WHERE tenant_id = app.tenant_id() AND id = :id AND (blocked_at IS NOT NULL) <> :blocked
"""
# A conversation shows its contact, so it has changed too: screens hear of it, and of its new version.
TOUCH_CONVERSATIONS = """
UPDATE app.conversations SET version = version WHERE tenant_id = app.tenant_id() AND contact_id = :id RETURNING id
"""
# Finds, makes or joins, and gives each address to who it is.
LINK = "SELECT app.link_addresses(:tenant_id, CAST(:addresses AS jsonb))"
NAME_IF_NONE = """
UPDATE app.contacts SET push_name = :name WHERE tenant_id = app.tenant_id() AND id = :id AND push_name IS NULL
"""


def update(
    tx: TenantTransaction,
    contact_id: UUID,
    *,
    name: str | None | UnsetType = UNSET,
    attributes: dict[str, Any] | UnsetType = UNSET,
    blocked: bool | UnsetType = UNSET,
) -> None:
    """Only what is given changes. An empty name: as they call themselves."""
    queries.contact(tx, contact_id)
    tx.scalar(LOCK, id=contact_id)
    if name is not UNSET:
        tx.execute(RENAME, id=contact_id, name=_name(name))
    if attributes is not UNSET:
        tx.execute(DESCRIBE, id=contact_id, attributes=json.dumps(_attributes(attributes)))
    if blocked is not UNSET and tx.execute(BLOCK, id=contact_id, blocked=blocked):
        action = "contact.blocked" if blocked else "contact.unblocked"
        audit.record(tx, action, object_kind="contact", object_id=contact_id)
    announce(tx, contact_id)


def ensure(tx: TenantTransaction, addresses: Sequence[Address], *, push_name: str | None = None) -> UUID:
    """The contact with any of these addresses, made when there is none; two that turn out to be one are joined."""
    told = [{"kind": address.kind, "value": address.value, "address": address.raw} for address in addresses]
    # Joining moves conversations that the acting agent may not see.
    with tx.as_system():
        contact_id: UUID = tx.scalar(LINK, tenant_id=tx.tenant_id, addresses=json.dumps(told))
        if push_name:
            tx.execute(NAME_IF_NONE, id=contact_id, name=push_name)
    return contact_id


def announce(tx: TenantTransaction, contact_id: UUID) -> None:
    tx.announce(Changed(tx.tenant_id, "contact", contact_id))
    # Also those conversations that the acting agent may not see show this contact.
    with tx.as_system():
        conversation_ids = tx.scalars(TOUCH_CONVERSATIONS, id=contact_id)
    for conversation_id in conversation_ids:
        tx.announce(Changed(tx.tenant_id, "conversation", conversation_id, conversation_id))


def _name(name: str | None) -> str | None:
    bare = " ".join((name or "").split())
    if len(bare) > NAME_LIMIT:
        raise _invalid("name", "too_long", f"At most {NAME_LIMIT} characters.")
    return bare or None


def _attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    """A flat list of notes about somebody, not a store for programs."""
    if len(attributes) > ATTRIBUTES_LIMIT:
        raise _invalid("attributes", "too_many", f"At most {ATTRIBUTES_LIMIT}.")
    for key, value in attributes.items():
        if not isinstance(value, str | int | float | bool | None) or len(str(value)) > VALUE_LIMIT or len(key) > 100:
            raise _invalid("attributes", "value", "Texts, numbers and yes or no only, at most 2000 characters each.")
    return attributes


def _invalid(field: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, errors=(FieldError(field, code, detail),))
