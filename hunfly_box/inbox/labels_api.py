"""REST: the tenant's labels. Everybody uses them; who keeps the list is in the table of permissions."""

from uuid import UUID

from litestar import delete, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Response
from msgspec import UNSET, Struct

from hunfly_box.access import writing
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.contacts.objects import Label
from hunfly_box.inbox import queries
from hunfly_box.inbox.bodies import LabelBody, LabelChange
from hunfly_box.inbox.commands import labelling
from hunfly_box.kit import cursors
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.openapi import Cursor, IdempotencyKey, Limit, problems


class LabelList(Struct, frozen=True):
    items: list[Label]
    next: str | None = None


@get(
    "/api/v1/labels",
    sync_to_thread=True,
    opt={"permission": "label.read"},
    operation_id="listLabels",
    tags=["labels"],
    responses=problems(),
)
def list_labels(resources: Resources, viewer: Viewer, cursor: Cursor = None, limit: Limit = 50) -> LabelList:
    """By name."""
    with resources.database.transaction(viewer.scope()) as tx:
        found = queries.labels(tx)
    return LabelList(*cursors.page_of(found, cursor=cursor, limit=limit))


@post(
    "/api/v1/labels",
    sync_to_thread=True,
    opt={"permission": "label.write"},
    operation_id="createLabel",
    tags=["labels"],
    responses=problems(),
)
def create_label(
    resources: Resources, viewer: Viewer, data: LabelBody, idempotency_key: IdempotencyKey = None
) -> Response[Label]:
    def write(tx: TenantTransaction) -> Label:
        return queries.label(tx, labelling.create_label(tx, name=data.name, color=data.color))

    asked = writing.asked(viewer, idempotency_key, "createLabel", data)
    return writing.once(resources, viewer, asked, write, status=writing.CREATED)


@patch(
    "/api/v1/labels/{label_id:uuid}",
    sync_to_thread=True,
    opt={"permission": "label.write"},
    operation_id="changeLabel",
    tags=["labels"],
    responses=problems(404),
)
def change_label(
    resources: Resources, viewer: Viewer, label_id: UUID, data: LabelChange, idempotency_key: IdempotencyKey = None
) -> Response[Label]:
    def write(tx: TenantTransaction) -> Label:
        name = None if data.name is UNSET else data.name
        color = None if data.color is UNSET else data.color
        labelling.update_label(tx, label_id, name=name, color=color)
        return queries.label(tx, label_id)

    asked = writing.asked(viewer, idempotency_key, f"changeLabel {label_id}", data)
    return writing.once(resources, viewer, asked, write)


@delete(
    "/api/v1/labels/{label_id:uuid}",
    sync_to_thread=True,
    opt={"permission": "label.write"},
    operation_id="deleteLabel",
    tags=["labels"],
    responses={204: ResponseSpec(None, description="Gone"), **problems(404)},
)
def delete_label(
    resources: Resources, viewer: Viewer, label_id: UUID, idempotency_key: IdempotencyKey = None
) -> Response[None]:
    """It leaves every conversation that has it."""

    def write(tx: TenantTransaction) -> None:
        labelling.delete_label(tx, label_id)

    asked = writing.asked(viewer, idempotency_key, f"deleteLabel {label_id}")
    return writing.once(resources, viewer, asked, write, status=writing.NO_CONTENT)


ROUTES = [list_labels, create_label, change_label, delete_label]
