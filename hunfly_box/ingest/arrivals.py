"""Deliveries as the web server's own thread hands them over: kept for a moment and let in together.

Each one would wake the event loop twice, for its head and for its body, which costs more than reading and proving it.
Here the body is asked for at once, outside the loop, and the loop wakes for a batch.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

Scope = dict[str, Any]
Serves = Callable[[str], bool]
LetIn = Callable[[Any], None]

# While deliveries stream in, the first waits this long for company, which saves half of the work of a message.
LINGER_SECONDS = 0.012
# After a pause nothing is waited for.
PAUSE_SECONDS = 0.050

ARRIVED = "hunfly.arrived"
BODY = "hunfly.body"


class Arrivals:
    """`serves` tells a delivery by its path; `let_in` starts its task, in the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, serves: Serves, let_in: LetIn) -> None:
        self._loop = loop
        self._serves = serves
        self._let_in = let_in
        self._waiting: deque[Any] = deque()
        self._is_awake = False
        self._latest = 0.0

    def take(self, watcher: Any) -> bool:
        """In the server's thread. Whether it is a delivery; everything else has to go on at once."""
        scope: Scope = watcher.scope
        if scope["type"] != "http" or not self._serves(scope["path"]):
            return False
        now = time.monotonic()
        is_first = now - self._latest > PAUSE_SECONDS
        self._latest = now
        scope[ARRIVED] = now
        if scope["method"] == "POST":
            scope[BODY] = watcher.proto.receive()
        self._waiting.append(watcher)
        if not self._is_awake:
            self._is_awake = True
            self._loop.call_soon_threadsafe(self._wait, 0.0 if is_first else LINGER_SECONDS)
        return True

    def _wait(self, seconds: float) -> None:
        if seconds:
            self._loop.call_later(seconds, self._open)
        else:
            self._open()

    def _open(self) -> None:
        # In this order: who comes from here on wakes the loop anew.
        self._is_awake = False
        while self._waiting:
            self._let_in(self._waiting.popleft())
