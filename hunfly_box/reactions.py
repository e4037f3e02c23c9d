"""What happens after a COMMIT: changed rows go to screens, rings go to the workers."""

from collections.abc import Callable

from hunfly_box.bootstrap import Resources
from hunfly_box.kit.announcing import Changed, Ring
from hunfly_box.kit.database import Event
from hunfly_box.kit.job_queue import JobQueue
from hunfly_box.outbound.commands import CHANNEL_CHANGED

Push = Callable[[Resources, list[Changed]], None]


def connect(resources: Resources, queue: JobQueue, push: Push) -> None:
    """`push` shows changes on screens: inbox.live.push_changes."""

    def publish(events: list[Event]) -> None:
        changes = list(dict.fromkeys(event for event in events if isinstance(event, Changed)))
        rings = [event for event in events if isinstance(event, Ring)]
        # A number that came back has replies waiting for it.
        rings += [
            Ring(CHANNEL_CHANGED, change.tenant_id, change.entity_id) for change in changes if change.kind == "channel"
        ]
        # Work first: drawing screens reads the database again.
        for ring in dict.fromkeys(rings):
            queue.ring(ring)
        if changes:
            push(resources, changes)

    resources.publish_through(publish)
