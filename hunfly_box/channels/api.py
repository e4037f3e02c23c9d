"""REST: the tenant's numbers."""

from uuid import UUID

from litestar import get
from msgspec import Struct

from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.channels import objects
from hunfly_box.channels.objects import Channel
from hunfly_box.kit import cursors
from hunfly_box.kit.errors import NotFound
from hunfly_box.kit.openapi import Cursor, Limit, problems


class ChannelList(Struct, frozen=True):
    items: list[Channel]
    next: str | None = None


@get(
    "/api/v1/channels",
    sync_to_thread=True,
    opt={"permission": "channel.read"},
    operation_id="listChannels",
    tags=["channels"],
    responses=problems(),
)
def list_channels(resources: Resources, viewer: Viewer, cursor: Cursor = None, limit: Limit = 50) -> ChannelList:
    """The oldest first."""
    with resources.database.transaction(viewer.scope()) as tx:
        found = objects.channels(tx, sends_per_minute=resources.settings.sends_per_minute)
    return ChannelList(*cursors.page_of(found, cursor=cursor, limit=limit))


@get(
    "/api/v1/channels/{channel_id:uuid}",
    sync_to_thread=True,
    opt={"permission": "channel.read"},
    operation_id="getChannel",
    tags=["channels"],
    responses=problems(404),
)
def get_channel(resources: Resources, viewer: Viewer, channel_id: UUID) -> Channel:
    with resources.database.transaction(viewer.scope()) as tx:
        found = objects.channels(tx, [channel_id], sends_per_minute=resources.settings.sends_per_minute)
    if not found:
        raise NotFound
    return found[0]


ROUTES = [list_channels, get_channel]
