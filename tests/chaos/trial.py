"""A world under load with programs watching its streams, to be disturbed and then judged."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.boxes import Back, BoxProcess, wait_until
from tests.chaos.checking import Verdict, judge, wait_for_rest
from tests.chaos.history import History
from tests.chaos.load import Load
from tests.chaos.watching import Watcher
from tests.chaos.world import World

# At any moment, also while servers are down: what was done twice stays done twice.
ALWAYS = ("doubled rows", "doubled sends", "wrongly adopted", "behind the wall", "out of order", "over the limit")
REST_SECONDS = 60.0
SHOWN_SECONDS = 10.0


@dataclass
class Trial:
    world: World
    history: History
    load: Load
    watchers: list[Watcher]
    sends_per_minute: int
    box: BoxProcess | None = None
    # After each disturbance, until the box was ready again.
    ready_after: list[Back] = field(default_factory=list)
    is_judged: bool = False

    def look(self) -> None:
        """In the middle of it: what may never be, not even for a moment."""
        verdict = judge(self.world, self.history, [], self.sends_per_minute)
        Verdict({name: found for name, found in verdict.faults.items() if name in ALWAYS}).refuse()

    def end(
        self, rest_seconds: float = REST_SECONDS, hurry: bool = True, shown_seconds: float = SHOWN_SECONDS
    ) -> Verdict:
        """The load ends, everything comes to rest, and nothing may be missing."""
        self.is_judged = True
        self.load.finish()
        if hurry:
            self.world.two_minutes_pass()
        rest = wait_for_rest(self.world, rest_seconds, self.world.two_minutes_pass if hurry else None)
        self.world.sim.wait_idle(30)
        verdict = self._settled(shown_seconds)
        verdict.figures["seconds to rest"] = round(rest, 1)
        return verdict

    def _settled(self, seconds: float) -> Verdict:
        """The last ticks and frames take a moment."""
        found: list[Verdict] = []

        def is_clean() -> bool:
            found[:] = [judge(self.world, self.history, self.watchers, self.sends_per_minute)]
            return not any(found[0].faults.values())

        try:
            wait_until(is_clean, "a clean verdict", seconds, 0.5)
        except AssertionError:
            return found[0]
        return found[0]


@contextmanager
def trial(
    world: World, sends_per_minute: int, box: BoxProcess | None = None, stream_url: str | None = None, **paces: Any
) -> Iterator[Trial]:
    watchers = [Watcher(stream_url or world.url, shop, rest_url=world.url) for shop in world.shops]
    for watcher in watchers:
        watcher.read_everything()
        watcher.start()
    history = History()
    running = Load(world, history, **paces)
    made = Trial(world, history, running, watchers, sends_per_minute, box)
    wait_until(lambda: all(watcher.connections for watcher in watchers), "the streams")
    running.start()
    try:
        yield made
    finally:
        running.abandon()
        for watcher in watchers:
            watcher.stop()
