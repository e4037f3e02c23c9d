"""What concerns one person's own screens only, such as how far they have read on another device."""

import contextlib
from uuid import UUID

import msgspec
import redis

from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import live_frames, live_relay, live_showing


def show_seen(resources: Resources, viewer: Viewer, conversation_id: UUID, seen: int) -> None:
    """After the COMMIT, from a thread. Whoever misses it reads it with the next list."""
    tenant_id = viewer.scope().tenant_id
    told = {"t": "seen", "conversation_id": str(conversation_id), "seen": seen}
    frame = live_frames.plain_frame("counts", told)
    resources.hub.call(live_showing.to_person, resources.hub, tenant_id, viewer.user_id, frame)
    fields = {"tenant_id": str(tenant_id), "user_id": str(viewer.user_id), "name": "counts", "told": told}
    note = live_relay.Note(resources.process_id, "person", fields=fields)
    with contextlib.suppress(redis.RedisError, OSError):
        resources.redis.publish(live_relay.CHANNEL, msgspec.json.encode(note))
