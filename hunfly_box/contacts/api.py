"""REST: contacts."""

from typing import Any
from uuid import UUID

from litestar import get, patch
from litestar.response import Response
from msgspec import UNSET, Struct, UnsetType

from hunfly_box.access import permissions, writing
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.contacts import commands, queries
from hunfly_box.contacts.objects import Contact
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import Forbidden
from hunfly_box.kit.openapi import Cursor, IdempotencyKey, Limit, problems


class ContactList(Struct, frozen=True):
    items: list[Contact]
    next: str | None


class ContactChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Only what is given changes. `name` null: as they call themselves; `attributes`: exactly these."""

    name: str | None | UnsetType = UNSET
    attributes: dict[str, Any] | UnsetType = UNSET
    blocked: bool | UnsetType = UNSET


@get(
    "/api/v1/contacts",
    sync_to_thread=True,
    opt={"permission": "contact.read"},
    operation_id="listContacts",
    tags=["contacts"],
    responses=problems(),
)
def list_contacts(
    resources: Resources, viewer: Viewer, q: str | None = None, cursor: Cursor = None, limit: Limit = 50
) -> ContactList:
    """The newest first. `q`: part of a name or number."""
    with resources.database.transaction(viewer.scope()) as tx:
        items, following = queries.contact_page(tx, query=q, cursor=cursor, limit=limit)
    return ContactList(items, following)


@get(
    "/api/v1/contacts/{contact_id:uuid}",
    sync_to_thread=True,
    opt={"permission": "contact.read"},
    operation_id="getContact",
    tags=["contacts"],
    responses=problems(404),
)
def get_contact(resources: Resources, viewer: Viewer, contact_id: UUID) -> Contact:
    with resources.database.transaction(viewer.scope()) as tx:
        return queries.contact(tx, contact_id)


@patch(
    "/api/v1/contacts/{contact_id:uuid}",
    sync_to_thread=True,
    opt={"permission": "contact.update"},
    operation_id="changeContact",
    tags=["contacts"],
    responses=problems(404),
)
def change_contact(
    resources: Resources,
    viewer: Viewer,
    contact_id: UUID,
    data: ContactChange,
    idempotency_key: IdempotencyKey = None,
) -> Response[Contact]:
    if data.blocked is not UNSET and not permissions.may(viewer, "contact.block"):
        raise Forbidden

    def write(tx: TenantTransaction) -> Contact:
        commands.update(tx, contact_id, name=data.name, attributes=data.attributes, blocked=data.blocked)
        return queries.contact(tx, contact_id)

    asked = writing.asked(viewer, idempotency_key, f"changeContact {contact_id}", data)
    return writing.once(resources, viewer, asked, write)


ROUTES = [list_contacts, get_contact, change_contact]
