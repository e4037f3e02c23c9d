"""Evolution's words for how far a message got, as ours."""

from typing import Any

from hunfly_box.providers.evolution.encodings import mapping, sequence
from hunfly_box.providers.port import ProviderStatus

STATUSES: dict[str, ProviderStatus] = {
    "PENDING": "sending",
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "played",
    "ERROR": "failed",
    # Meta's words, passed on by the WHATSAPP-BUSINESS integration.
    "SENT": "sent",
    "DELIVERED": "delivered",
    "FAILED": "failed",
}
# Baileys' enum, where Evolution forgets to name it.
NUMBERED: tuple[str, ...] = ("ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED")
RANKS: dict[ProviderStatus, int] = {"failed": 0, "sending": 1, "sent": 2, "delivered": 3, "read": 4, "played": 5}


def status_in(value: Any) -> ProviderStatus | None:
    if type(value) is int and 0 <= value < len(NUMBERED):
        value = NUMBERED[value]
    return STATUSES.get(value) if isinstance(value, str) else None


def best_status(record: dict[str, Any]) -> ProviderStatus | None:
    """A stored record has no status of its own but the list of its changes; they may be in any order."""
    told = [status_in(record.get("status"))]
    told += [status_in(mapping(change).get("status")) for change in sequence(record.get("MessageUpdate"))]
    known: list[ProviderStatus] = [status for status in told if status is not None]
    return max(known, key=RANKS.__getitem__, default=None)
