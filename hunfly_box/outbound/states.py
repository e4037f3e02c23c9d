"""The order of states, pure. A message's status only climbs; a new delivery of a failed one begins anew."""

from typing import Literal

MessageStatus = Literal[
    "queued", "waiting_channel", "sending", "unconfirmed", "sent", "failed", "delivered", "read", "played"
]
DeliveryState = Literal["queued", "claimed", "dispatching", "accepted", "failed", "unconfirmed", "cancelled", "asking"]

# The same order as app.status_rank in the database. A late proof lifts `unconfirmed` to `sent`,
# and WhatsApp's own "delivered" outweighs a failure that was reported before it.
RANKS: dict[str, int] = {
    "queued": 0,
    "waiting_channel": 1,
    "sending": 2,
    "unconfirmed": 3,
    "sent": 4,
    "failed": 5,
    "delivered": 6,
    "read": 7,
    "played": 8,
}
# What an agent may ask to send again.
SENDABLE_AGAIN = frozenset({"failed", "unconfirmed"})

# From which state a delivery may go where. `dispatching` never goes back to a queue but with proof that nothing left.
STEPS: dict[str, frozenset[str]] = {
    "queued": frozenset({"claimed", "asking", "cancelled"}),
    "claimed": frozenset({"queued", "claimed", "dispatching", "failed", "cancelled"}),
    "dispatching": frozenset({"queued", "dispatching", "accepted", "failed", "unconfirmed"}),
    "unconfirmed": frozenset({"accepted"}),
    "asking": frozenset({"cancelled"}),
    "accepted": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}
BLOCKING = ("queued", "claimed", "dispatching")


def climbed(current: str | None, new: str) -> str:
    """The higher of the two."""
    if current is None:
        return new
    return new if RANKS[new] > RANKS[current] else current


def may_step(current: str, new: str) -> bool:
    return new in STEPS[current]


def is_blocking(state: str) -> bool:
    """Whether later deliveries of the same conversation wait for this one."""
    return state in BLOCKING
