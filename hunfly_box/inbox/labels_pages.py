"""The list of labels, kept by those who run the company's inbox."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from litestar import get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Response

from hunfly_box.access import frame
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import queries
from hunfly_box.inbox.commands import labelling
from hunfly_box.kit.errors import Conflict, HunflyError, Invalid

PLACE = "/settings/labels"


@dataclass
class LabelForm:
    name: str = ""
    color: int = 0
    csrf_token: str = ""


@dataclass
class DeleteForm:
    csrf_token: str = ""


FormOf = Body(media_type=RequestEncodingType.URL_ENCODED)


@get(PLACE, sync_to_thread=True, opt={"permission": "label.write"})
def labels_page(resources: Resources, viewer: Viewer, saved: str = "") -> Response[str]:
    return _page(resources, viewer, saved=saved)


@post(PLACE, status_code=303, sync_to_thread=True, opt={"permission": "label.write"})
def create_label(resources: Resources, viewer: Viewer, data: Annotated[LabelForm, FormOf]) -> Response[Any]:
    try:
        with resources.database.transaction(viewer.scope()) as tx:
            labelling.create_label(tx, name=data.name, color=data.color)
    except (Invalid, Conflict) as error:
        return _refused(resources, viewer, error, "new", data)
    return Redirect(f"{PLACE}?saved=1", status_code=303)


@post(PLACE + "/{label_id:uuid}", status_code=303, sync_to_thread=True, opt={"permission": "label.write"})
def change_label(
    resources: Resources, viewer: Viewer, label_id: UUID, data: Annotated[LabelForm, FormOf]
) -> Response[Any]:
    try:
        with resources.database.transaction(viewer.scope()) as tx:
            labelling.update_label(tx, label_id, name=data.name, color=data.color)
    except (Invalid, Conflict) as error:
        return _refused(resources, viewer, error, str(label_id), data)
    return Redirect(f"{PLACE}?saved=1", status_code=303)


@post(PLACE + "/{label_id:uuid}/delete", status_code=303, sync_to_thread=True, opt={"permission": "label.write"})
def delete_label(resources: Resources, viewer: Viewer, label_id: UUID, data: Annotated[DeleteForm, FormOf]) -> Redirect:
    with resources.database.transaction(viewer.scope()) as tx:
        labelling.delete_label(tx, label_id)
    return Redirect(f"{PLACE}?saved=gone", status_code=303)


def _refused(resources: Resources, viewer: Viewer, error: HunflyError, row: str, typed: LabelForm) -> Response[str]:
    codes = [item.code for item in error.errors] or [error.code]
    return _page(resources, viewer, row=row, fault=codes[0], typed=typed, status_code=422)


def _page(
    resources: Resources,
    viewer: Viewer,
    *,
    saved: str = "",
    row: str = "",
    fault: str = "",
    typed: LabelForm | None = None,
    status_code: int = 200,
) -> Response[str]:
    """`row` names the form at fault: a label's id, or new."""
    with resources.database.transaction(viewer.scope()) as tx:
        labels = queries.labels(tx)
    return frame.page(
        resources,
        viewer,
        "tenancy/labels.html",
        "settings",
        status_code=status_code,
        labels=labels,
        saved=saved,
        row=row,
        fault=fault,
        typed=typed or LabelForm(),
        most_letters=labelling.NAME_LIMIT,
        hues=list(labelling.COLORS),
    )


ROUTES = [labels_page, create_label, change_label, delete_label]
