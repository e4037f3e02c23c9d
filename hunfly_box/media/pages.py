"""What only our own pages ask for: try a file again, a contact's picture."""

from uuid import UUID

from litestar import post
from litestar.response import Response

from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.media import commands


@post("/ui/media/{media_id:uuid}/retry", status_code=202, sync_to_thread=True, opt={"permission": "media.retry"})
def retry(resources: Resources, viewer: Viewer, media_id: UUID) -> Response[None]:
    with resources.database.transaction(viewer.scope()) as tx:
        commands.retry(tx, media_id)
    return Response(None, status_code=202)


ROUTES = [retry]
