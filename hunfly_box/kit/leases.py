"""Keeps the leases of this process alive while their work runs: one thread for all of them."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STEP_SECONDS = 0.5
log = logging.getLogger(__name__)


class LeaseKeeper:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[object, tuple[float, float, Callable[[], None]]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def held(self, extend: Callable[[], None], every_seconds: float) -> Iterator[None]:
        """Calls `extend` again and again until the block ends. If it cannot, the lease runs out and fencing decides."""
        name = object()
        with self._lock:
            self._held[name] = (time.monotonic() + every_seconds, every_seconds, extend)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(name, None)

    def _run(self) -> None:
        while True:
            time.sleep(STEP_SECONDS)
            now = time.monotonic()
            with self._lock:
                if not self._held:
                    self._thread = None
                    return
                due = [(name, every, extend) for name, (at, every, extend) in self._held.items() if at <= now]
            for name, every, extend in due:
                try:
                    extend()
                except Exception as error:  # noqa: BLE001 - one lease that cannot be extended must not cost the others theirs
                    log.warning("a lease could not be extended: %s", type(error).__name__)
                with self._lock:
                    if name in self._held:
                        self._held[name] = (time.monotonic() + every, every, extend)
