"""What was asked of the box and what it answered, kept outside of it."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Said:
    """A customer's message or a person's reply. `answered`: the box took it, and may not lose it any more."""

    shop: str
    line: str  # the customer's number, or the conversation
    n: int
    text: str
    invoked: float = field(default_factory=time.monotonic)
    answered: float | None = None
    message_id: str = ""  # a reply's id, as the box answered
    is_refused: bool = False


@dataclass
class History:
    """Every text is unique, so it names what it says."""

    customers: dict[str, Said] = field(default_factory=dict)
    replies: dict[str, Said] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    # Waiting webhooks that died with the engine: nobody promised anything about them.
    forgotten: set[str] = field(default_factory=set)
    has_died: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, said: Said) -> Said:
        with self._lock:
            (self.customers if kind == "in" else self.replies)[said.text] = said
        return said

    def count(self, outcome: str) -> None:
        with self._lock:
            self.tries[outcome] += 1

    def all_of(self, kind: str) -> list[Said]:
        with self._lock:
            return list((self.customers if kind == "in" else self.replies).values())
