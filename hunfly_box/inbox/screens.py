"""What a person's own browser tells by plain calls: how far they have read, and typing where /ws cannot open."""

import asyncio
import contextlib
from typing import Any
from uuid import UUID

import msgspec
import redis

from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import live_frames, live_relay, live_showing
from hunfly_box.inbox.live_presence import Presence
from hunfly_box.kit.errors import NotFound


def show_seen(resources: Resources, viewer: Viewer, conversation_id: UUID, seen: int) -> None:
    """To the person's other screens; after the COMMIT, from a thread. Who misses it reads it with the next list."""
    tenant_id = viewer.scope().tenant_id
    told = {"t": "seen", "conversation_id": str(conversation_id), "seen": seen}
    frame = live_frames.plain_frame("counts", told)
    resources.hub.call(live_showing.to_person, resources.hub, tenant_id, viewer.user_id, frame)
    fields = {"tenant_id": str(tenant_id), "user_id": str(viewer.user_id), "name": "counts", "told": told}
    _tell_others(resources, "person", fields)


def show_typing(resources: Resources, viewer: Viewer, conversation_id: UUID, *, is_on: bool) -> None:
    """From a thread. Raises NotFound."""

    def tell(event: str, fields: dict[str, Any]) -> None:
        asyncio.get_running_loop().run_in_executor(None, _tell_others, resources, event, fields)

    presence = Presence(resources, tell)
    place = presence.place(viewer, conversation_id)
    if place is None:
        raise NotFound

    def show() -> None:
        presence.agent_types(viewer, place, is_on=is_on)

    resources.hub.call(show)


def _tell_others(resources: Resources, event: str, fields: dict[str, Any]) -> None:
    note = live_relay.Note(resources.process_id, event, fields=fields)
    with contextlib.suppress(redis.RedisError, OSError):
        resources.redis.publish(live_relay.CHANNEL, msgspec.json.encode(note))
