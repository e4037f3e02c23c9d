"""The journal's page: what came in and could not be used, why, and the way to try it again after a repair."""

import json
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Response

from hunfly_box.access import frame, permissions
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.ingest import commands, queries
from hunfly_box.ingest.commands import Replayed

ROWS = 50
# A body is shown up to here; the whole of it is in `hunfly-box journal show`.
SHOWN_CHARACTERS = 200_000


@dataclass
class ReplayForm:
    """One entry, or with a reason (or nothing) all that are parked for it."""

    entry_id: UUID | None = None
    reason: str = ""
    csrf_token: str = ""


@get("/journal", sync_to_thread=True, opt={"permission": "journal.list"})
def journal_page(
    resources: Resources,
    viewer: Viewer,
    reason: str = "",
    before: UUID | None = None,
    done: int | None = None,
    ignored: int = 0,
    parked: int = 0,
    gone: int = 0,
) -> Response[str]:
    """The last four say what became of what was tried again."""
    with resources.database.transaction(viewer.scope()) as tx:
        counts = queries.parked_counts(tx)
        entries = queries.entries(tx, reason=reason or None, before=before, limit=ROWS + 1)
    shown = entries[:ROWS]
    return frame.page(
        resources,
        viewer,
        "journal/index.html",
        "journal",
        counts=counts,
        total=sum(count.count for count in counts),
        is_more=sum(count.count for count in counts) >= queries.MOST_COUNTED,
        entries=shown,
        reason=reason,
        following=shown[-1].id if len(entries) > ROWS else None,
        replayed=None if done is None else Replayed(done, ignored, parked, gone).counts,
        **_rights(viewer),
    )


@get("/journal/{entry_id:uuid}", sync_to_thread=True, opt={"permission": "journal.show"})
def entry_page(resources: Resources, viewer: Viewer, entry_id: UUID) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        entry = queries.entry(tx, entry_id)
    text = _readable(entry.text)
    return frame.page(
        resources,
        viewer,
        "journal/entry.html",
        "journal",
        entry=entry,
        text=text[:SHOWN_CHARACTERS],
        is_cut=len(text) > SHOWN_CHARACTERS,
        **_rights(viewer),
    )


@post("/journal/replay", status_code=303, sync_to_thread=True, opt={"permission": "journal.replay"})
def replay(
    resources: Resources,
    viewer: Viewer,
    data: Annotated[ReplayForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Redirect:
    tenant_id = viewer.scope().tenant_id
    if data.entry_id:
        outcome = commands.replay(resources, tenant_id, [data.entry_id])
    else:
        outcome = commands.replay_parked(resources, tenant_id, data.reason or None)
    return Redirect(f"/journal?{urlencode(outcome.counts)}", status_code=303)


def _readable(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except ValueError:
        return body


def _rights(viewer: Viewer) -> dict[str, Any]:
    return {
        "may_show": permissions.may(viewer, "journal.show"),
        "may_replay": permissions.may(viewer, "journal.replay"),
    }


ROUTES = [journal_page, entry_page, replay]
