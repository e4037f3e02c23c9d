"""The contact as programs and screens see it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from hunfly_box.kit import wording
from hunfly_box.kit.database import Transaction


class Identity(Struct, frozen=True, kw_only=True):
    kind: str
    value: str


class Label(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    color: int


class Contact(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    phone: str | None
    identities: list[Identity]
    attributes: dict[str, Any]
    blocked: bool
    labels: list[Label]
    is_group: bool
    avatar_url: str | None
    channel_ids: list[str]
    version: int


CONTACTS = """
SELECT c.id, coalesce(c.name, c.push_name) AS name, c.phone, c.attributes, c.blocked_at IS NOT NULL AS blocked,
       c.is_group, c.avatar_sha256, c.version, coalesce(i.identities, '[]') AS identities,
       coalesce(l.labels, '[]') AS labels, coalesce(v.channel_ids, '[]') AS channel_ids
FROM app.contacts c
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('kind', i.kind, 'value', i.value) ORDER BY i.kind DESC, i.value) AS identities
  FROM app.contact_identities i WHERE i.tenant_id = c.tenant_id AND i.contact_id = c.id) i ON true
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('id', l.id, 'name', l.name, 'color', l.color) ORDER BY lower(l.name)) AS labels
  FROM app.contact_labels cl JOIN app.labels l ON l.tenant_id = cl.tenant_id AND l.id = cl.label_id
  WHERE cl.tenant_id = c.tenant_id AND cl.contact_id = c.id) l ON true
LEFT JOIN LATERAL (
  SELECT jsonb_agg(v.channel_id ORDER BY v.last_message_at DESC NULLS LAST) AS channel_ids
  FROM app.conversations v WHERE v.tenant_id = c.tenant_id AND v.contact_id = c.id) v ON true
WHERE c.tenant_id = app.tenant_id() AND c.id = ANY (:ids)
"""


def contacts(tx: Transaction, ids: Sequence[UUID]) -> list[Contact]:
    """In the order of `ids`; those that are not there are left out."""
    found = {line["id"]: _contact(line) for line in tx.all(dict[str, Any], CONTACTS, ids=list(ids))} if ids else {}
    return [found[id_] for id_ in ids if id_ in found]


def display_name(name: str | None, phone: str | None, identity: str | None = None) -> str:
    """What we call somebody who has not told a name."""
    return name or wording.phone(phone) or identity or ""


def avatar_url(contact_id: UUID | str, sha256: str | None) -> str | None:
    """The hash makes the address new when the picture is."""
    return f"/ui/contacts/{contact_id}/avatar?v={sha256[:12]}" if sha256 else None


def _contact(line: dict[str, Any]) -> Contact:
    identities = [Identity(**identity) for identity in line["identities"]]
    return Contact(
        id=str(line["id"]),
        name=display_name(line["name"], line["phone"], identities[0].value if identities else None),
        phone=line["phone"],
        identities=identities,
        attributes=line["attributes"],
        blocked=line["blocked"],
        labels=[Label(**label) for label in line["labels"]],
        is_group=line["is_group"],
        avatar_url=avatar_url(line["id"], line["avatar_sha256"]),
        channel_ids=line["channel_ids"],
        version=line["version"],
    )
