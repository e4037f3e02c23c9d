"""Whose conversation is which, by heart. The database decides: a wrong memory costs one more try, never a message."""

from dataclasses import dataclass
from uuid import UUID

from hunfly_box.providers.port import Address

# Longer than that, and somebody who writes is told to the database again: pictures are asked for once a day.
FRESH_SECONDS = 86_400.0
# About 6 MB when full; beyond, the oldest are forgotten and looked up again.
MOST_REMEMBERED = 20_000

# The channel (for a conversation) or the tenant (for a person alone), then every address of the person.
Key = tuple[str, ...]


@dataclass(slots=True)
class Known:
    contact_id: str
    conversation_id: str | None
    name: str | None
    has_written: bool  # not only seen in history or in what we sent: who writes gets a picture
    picture_mark: str | None = None
    told_at: float = 0.0


class KnownPeople:
    def __init__(self) -> None:
        self._known: dict[Key, Known] = {}

    def get(self, key: Key) -> Known | None:
        return self._known.get(key)

    def remember(self, key: Key, known: Known) -> None:
        if len(self._known) >= MOST_REMEMBERED:
            for oldest in list(self._known)[: MOST_REMEMBERED // 10]:
                del self._known[oldest]
        self._known[key] = known

    def forget(self, key: Key) -> None:
        self._known.pop(key, None)


def key_of(place: str | UUID, addresses: tuple[Address, ...]) -> Key:
    return (str(place), *(address.raw for address in addresses))
