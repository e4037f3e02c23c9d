"""What says nothing new and is not stored: typing, and a connecting engine that says so four times a second."""

import time

from hunfly_box.ingest.routes import Channel
from hunfly_box.providers.port import ChannelState, Delivery, Ignored, TypingSeen

# The same state again is written this often at most.
SAME_STATE_SECONDS = 5.0


class Coalescing:
    def __init__(self) -> None:
        self._states: dict[str, tuple[ChannelState, float]] = {}

    def may_skip(self, channel: Channel, delivery: Delivery) -> bool:
        if len(delivery.events) == 1 and type(delivery.events[0]) is ChannelState:
            return self._is_repeated(channel, delivery.events[0])
        return any(type(event) is TypingSeen for event in delivery.events) and all(
            type(event) in (TypingSeen, Ignored) for event in delivery.events
        )

    def _is_repeated(self, channel: Channel, state: ChannelState) -> bool:
        """Only of "connecting": were another state skipped and its first report then not stored, it would be lost."""
        now = time.monotonic()
        before = self._states.get(channel.id)
        is_fresh = before is not None and before[0] == state and now - before[1] < SAME_STATE_SECONDS
        if is_fresh and state.state == "connecting":
            return True
        self._states[channel.id] = state, now
        return False
