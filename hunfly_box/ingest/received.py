"""A delivery on its way into the database."""

from dataclasses import dataclass, field

from hunfly_box.ingest.routes import Channel
from hunfly_box.kit.ids import new_id_text
from hunfly_box.providers.port import Delivery, Event, Ignored, IncomingMessage, Parked

# A chunk of history or a whole address book goes in slices of this size, so that nobody waits long behind it.
SLICE = 100
# What does not take the set-based road is stored one by one.
RARE_WEIGHT = 5
OTHER_CHANNEL = "auth_mismatch_body"
POISON = "poison"


@dataclass(slots=True)
class Received:
    """`body` is redacted. `journal_id` names the journal row; a replay gives the row that is there already."""

    channel: Channel
    delivery: Delivery
    body: bytes
    received_at: float
    state: str = "done"
    reason: str | None = None
    journal_id: str = field(default_factory=new_id_text)


@dataclass(slots=True)
class Part:
    """What goes into one call. The last part of a delivery carries its journal row."""

    received: Received
    events: tuple[Event, ...]
    is_last: bool
    attempts: int = 0

    @property
    def weight(self) -> int:
        """How much of a batch it takes."""
        if len(self.events) == 1:
            event = self.events[0]
            if type(event) is IncomingMessage and event.direction == "in" and event.media is None:
                return 1
        return RARE_WEIGHT * len(self.events) or 1

    @property
    def channel(self) -> Channel:
        return self.received.channel

    @property
    def received_at(self) -> float:
        return self.received.received_at


def received(channel: Channel, delivery: Delivery, body: bytes, received_at: float) -> Received:
    """The channel was proven by its secrets; a body that speaks of another one is kept and not used."""
    if delivery.channel_ref is not None and delivery.channel_ref != channel.instance:
        return Received(
            channel, Delivery(delivery.kind, delivery.channel_ref, ()), body, received_at, "parked", OTHER_CHANNEL
        )
    made = Received(channel, delivery, body, received_at)
    for event in delivery.events:
        if type(event) is Parked:
            made.state, made.reason = "parked", event.reason
            break
    else:
        if all(type(event) is Ignored for event in delivery.events):
            made.state = "ignored"
            made.reason = next((event.reason for event in delivery.events if type(event) is Ignored), None)
    return made


def parts_of(one: Received) -> list[Part]:
    events = one.delivery.events
    if len(events) <= SLICE:
        return [Part(one, events, is_last=True)]
    starts = range(0, len(events), SLICE)
    return [Part(one, events[start : start + SLICE], is_last=start == starts[-1]) for start in starts]
