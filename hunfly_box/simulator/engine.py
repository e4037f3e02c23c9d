"""The simulator's heart: the world, the clock, the webhooks, and who looks at the phone. It lives on one loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from hunfly_box.simulator.faults import Faults
from hunfly_box.simulator.http_client import Client
from hunfly_box.simulator.model import Instance, World
from hunfly_box.simulator.options import Options
from hunfly_box.simulator.shapes import Json
from hunfly_box.simulator.webhooks import Dispatcher

# A demonstration may run for weeks.
CALLS_REMEMBERED = 20_000


@dataclass
class Call:
    """One request of a client, as the contract side saw it."""

    at: float
    method: str
    path: str
    instance: str
    body: Json
    status: int | None
    outcome: str


@dataclass
class Screen:
    """A phone page that is listening; `shown` are the (number, contact, chat) open on it."""

    queue: asyncio.Queue[Json] = field(default_factory=asyncio.Queue)
    shown: set[tuple[str, str, str]] = field(default_factory=set)


class Engine:
    def __init__(self, options: Options, world: World | None = None) -> None:
        self.options = options
        self.world = world or World()
        self.webhooks = Dispatcher(self.world, options)
        self.faults = Faults()
        self.fetcher = Client()
        self.calls: deque[Call] = deque(maxlen=CALLS_REMEMBERED)
        self.screens: dict[str, Screen] = {}
        # (contact, number, chat) → how many open pages show that conversation right now.
        self.open_chats: dict[tuple[str, str, str], int] = {}
        # None while alive; else how a client finds the engine dead: "hang" or "reset".
        self.dead: str | None = None
        self.is_changed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiting_tasks: set[asyncio.Task[Any]] = set()

    @property
    def is_idle(self) -> bool:
        return self.webhooks.is_idle and not self._tasks

    @staticmethod
    def now() -> float:
        return time.time()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.options.time_scale)

    @staticmethod
    async def pause_really(seconds: float) -> None:
        """Not shrunk by the clock factor: for work that is not part of the play."""
        await asyncio.sleep(seconds)

    def spawn(self, work: Coroutine[Any, Any, Any], *, is_awaited: bool = True) -> asyncio.Task[Any]:
        """What is not awaited, such as a code on show, does not make the world busy."""
        tasks = self._tasks if is_awaited else self._waiting_tasks
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    def when_connected(self, instance: Instance, deed: Any) -> None:
        """WhatsApp keeps what it could not hand over, and hands it over at the next connection."""
        if instance.is_connected and self.dead is None:
            deed()
        else:
            instance.waiting.append(deed)

    def show(self, **event: Any) -> None:
        """Tells every open phone page, and the state file, that something changed."""
        self.is_changed.set()
        for screen in self.screens.values():
            screen.queue.put_nowait(event)

    async def close(self) -> None:
        self.webhooks.close()
        self.fetcher.close()
        tasks = [*self._tasks, *self._waiting_tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
