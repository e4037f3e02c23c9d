"""What goes wrong, one after the other, by a seed: the same seed does the same in the same order."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from hunfly_box.channels import connecting
from tests.chaos.boxes import Back, BoxProcess, wait_until
from tests.chaos.trial import Trial
from tests.chaos.world import Shop

POINTS = ("I1", "I2", "I3", "I4", "I5", "I6", "O1", "O2", "O3", "O4", "O5", "O6")
# A point that nothing passes in time is killed from outside instead.
POINT_SECONDS = 20.0
LONGEST_OUTAGE_SECONDS = 6.0
LINKED_SECONDS = 60.0


@dataclass
class Nemesis:
    trial: Trial
    box: BoxProcess
    seed: int
    say: Callable[[str], None]
    done: Counter[str] = field(default_factory=Counter)
    kills: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._killers = [self._box_dies, self._box_dies_at_a_point, self._postgres_dies, self._valkey_dies]
        self._troubles = [
            self._postgres_restarts,
            self._valkey_restarts,
            self._box_restarts,
            self._redis_forgets,
            self._engine_fails_after_sending,
            self._engine_hangs_up_after_sending,
            self._engine_is_slow,
            self._webhooks_double,
            self._webhooks_lose_their_order,
            self._engine_dies,
            self._number_reconnects,
            self._number_is_unlinked,
        ]
        self._rest: list[Callable[[], str]] = []

    def kill_something(self) -> None:
        self._do(self._killers[self.kills % len(self._killers)])
        self.kills += 1

    def trouble(self) -> None:
        """Every kind once before any comes again."""
        if not self._rest:
            self._rest = self._dice.sample(self._troubles, len(self._troubles))
        self._do(self._rest.pop())

    def calm(self) -> None:
        self._sim("clear_faults")
        self._sim("clear_webhook_faults")

    def _do(self, deed: Callable[[], str]) -> None:
        name = deed()
        self.done[name] += 1
        self.say(name)

    def _note(self, back: Back) -> None:
        self.trial.ready_after.append(back)

    def _start(self, crash: str = "") -> None:
        self.box.start(crash)
        self._note(self.box.wait_ready())

    def _box_dies(self) -> str:
        self.box.kill()
        self._start()
        return "box: kill -9"

    def _box_dies_at_a_point(self) -> str:
        point = POINTS[self.kills // len(self._killers) % len(POINTS)]
        self.box.stop()
        self._start(f"{point}:{self._dice.randint(3, 12)}")
        try:
            self.box.wait_killed(POINT_SECONDS)
        except AssertionError:
            self.box.kill()
        self._start()
        return "box: kill -9 at a named point"

    def _postgres_dies(self) -> str:
        self._note(self.box.end_server("postgres", signal.SIGKILL))
        return "Postgres: kill -9"

    def _valkey_dies(self) -> str:
        self._note(self.box.end_server("valkey", signal.SIGKILL))
        return "Valkey: kill -9"

    def _postgres_restarts(self) -> str:
        self._note(self.box.end_server("postgres", self._dice.choice((signal.SIGINT, signal.SIGQUIT))))
        return "Postgres: restart"

    def _valkey_restarts(self) -> str:
        self._note(self.box.end_server("valkey", signal.SIGTERM))
        return "Valkey: restart"

    def _box_restarts(self) -> str:
        self.box.stop()
        self._start()
        return "box: restart"

    def _redis_forgets(self) -> str:
        self.trial.world.resources.redis.flushall()
        return "Redis: FLUSHALL"

    def _engine_fails_after_sending(self) -> str:
        self._sim("fault", action="fail", after=True, times=self._dice.randint(1, 3))
        return "engine: 500 after it has sent"

    def _engine_hangs_up_after_sending(self) -> str:
        self._sim("fault", action="reset", after=True, times=self._dice.randint(1, 3))
        return "engine: hangs up after it has sent"

    def _engine_is_slow(self) -> str:
        self._sim("fault", action="slow", seconds=self._dice.uniform(2, 6), times=self._dice.randint(1, 4))
        return "engine: slow"

    def _webhooks_double(self) -> str:
        self._sim("webhook_fault", action="duplicate", copies=self._dice.randint(2, 5), chance=0.3, times=100)
        return "webhooks: up to five times"

    def _webhooks_lose_their_order(self) -> str:
        self._sim("webhook_fault", action="reorder", seconds=3.0, chance=0.5, times=100)
        return "webhooks: shuffled"

    def _engine_dies(self) -> str:
        self.trial.load.engine_forgets("die", mode="reset")
        time.sleep(self._dice.uniform(1, LONGEST_OUTAGE_SECONDS))
        self._sim("revive")
        for shop in self.trial.world.shops:
            wait_until(lambda shop=shop: self._is_linked(shop), f"{shop.slug} to be linked", LINKED_SECONDS)
        return "engine: dies and comes back"

    def _number_reconnects(self) -> str:
        self._sim("close", instance=self._shop().instance, code=428)
        return "number: loses its connection"

    def _number_is_unlinked(self) -> str:
        shop = self._shop()
        self.trial.load.engine_forgets("close", instance=shop.instance, code=401)
        time.sleep(self._dice.uniform(1, LONGEST_OUTAGE_SECONDS))
        world = self.trial.world
        connecting.connect(world.resources, shop.tenant_id, shop.channel_id)
        world.sim.scan(shop.instance, shop.number, shop.slug)
        wait_until(lambda: self._is_linked(shop), f"{shop.slug} to be linked", LINKED_SECONDS)
        return "number: unlinked and linked again"

    def _shop(self) -> Shop:
        return self._dice.choice(self.trial.world.shops)

    def _is_linked(self, shop: Shop) -> bool:
        [row] = self.trial.world.rows(shop, "SELECT state FROM app.channels")
        return bool(row["state"] == "open")

    def _sim(self, command: str, **fields: object) -> None:
        self.trial.world.sim.command(command, **fields)
