"""A share of the worker threads for one sort of job."""

import threading

from hunfly_box.kit.announcing import Ring

MOST_WAITING = 2_000


class Slots:
    """How many threads a sort of job may hold; rings beyond that wait here, each once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: dict[Ring, None] = {}

    def take(self, ring: Ring) -> bool:
        with self._lock:
            if self._running < self._most:
                self._running += 1
                return True
            if len(self._waiting) < MOST_WAITING:
                self._waiting[ring] = None
            return False

    def free(self) -> Ring | None:
        """The ring whose turn it is now."""
        with self._lock:
            self._running -= 1
            waiting = next(iter(self._waiting), None)
            if waiting is not None:
                del self._waiting[waiting]
            return waiting
