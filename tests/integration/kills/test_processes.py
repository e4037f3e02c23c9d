"""Two web processes and one worker on shared servers: one sees what happens on the other, and each may die."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hunfly_box import simulator
from hunfly_box.bootstrap import build_resources
from hunfly_box.config import load_settings
from hunfly_box.kit.hub import Hub
from hunfly_box.kit.logins import logins
from tests.chaos.boxes import BoxProcess, free_port, wait_until
from tests.chaos.history import Said
from tests.chaos.load import upsert
from tests.chaos.proxy import Proxy
from tests.chaos.trial import Trial, trial
from tests.chaos.watching import Watcher
from tests.chaos.world import TIME_SCALE, World, furnish
from tests.conftest import Box
from tests.integration.kills.conftest import PACES, SENDS_PER_MINUTE

pytestmark = [pytest.mark.chaos, pytest.mark.services, pytest.mark.timeout(240)]

LOADED_SECONDS = 4.0
SEEN_SECONDS = 10.0
CRASH_SECONDS = 40.0


@dataclass
class House:
    """`door` sends each connection to the next web process that lives."""

    trial: Trial
    webs: list[BoxProcess]
    workers: list[BoxProcess]
    door: Proxy
    # Not behind the door.
    spare: BoxProcess

    @property
    def world(self) -> World:
        return self.trial.world


@pytest.fixture(scope="module")
def house(box: Box) -> Iterator[House]:
    root = Path(tempfile.mkdtemp(prefix="hbk-"))
    ports = [free_port() for _ in range(2)]
    door = Proxy(ports)
    webs = [process(box, root, "web", port, door) for port in ports]
    workers = [process(box, root, "worker", free_port(), door) for _ in range(2)]
    spare = process(box, root, "web", free_port(), door)
    settings = load_settings(webs[0].settings())
    known = logins(box.environment["HUNFLY_DATABASE_URL"], settings.data_dir / "keys" / "logins.json")
    resources = build_resources(settings, known, str(settings.redis_url), Hub())
    try:
        for one in (*webs, workers[0]):
            one.start()
        for web in webs:
            web.wait_ready()
        with simulator.start(time_scale=TIME_SCALE, seed=3) as sim:
            world = World(door.url, resources, sim, furnish(resources, sim))
            world.meet_everybody()
            with trial(world, SENDS_PER_MINUTE, **PACES) as made:
                yield House(made, webs, workers, door, spare)
    finally:
        for one in (*webs, *workers, spare):
            if one.is_running():
                one.kill()
        door.close()
        resources.close()
        shutil.rmtree(root, ignore_errors=True)


def process(box: Box, root: Path, role: str, port: int, door: Proxy) -> BoxProcess:
    """All name the same door: a webhook that points elsewhere is set right by whoever looks."""
    own = {"HUNFLY_SENDS_PER_MINUTE": str(SENDS_PER_MINUTE), "HUNFLY_WEBHOOK_URL": door.url}
    folder = Path(box.environment["HUNFLY_DATA_DIR"])
    return BoxProcess(folder, root / f"{role}{port}.log", port, role, {**box.environment, **own})


def test_what_happens_on_one_process_is_seen_on_the_other(house: House) -> None:
    """A customer's message taken by one, and a reply given to the other."""
    shop = house.world.shops[0]
    watchers = [Watcher(web.url, shop) for web in house.webs]
    for watcher in watchers:
        watcher.start()
        wait_until(lambda watcher=watcher: watcher.connections, "a stream")
    try:
        for n, web in enumerate(house.webs):
            text = f"{shop.canary} só no processo {n}"
            house.trial.history.note("in", Said(shop.slug, "", n, text, answered=time.monotonic()))
            assert signed(house, web, shop.strangers[0], text) == 200
            wait_until(lambda text=text: all(text in watcher.seen for watcher in watchers), text, SEEN_SECONDS)
        # The worker, a third process, reports the ticks of replies to both.
        wait_until(lambda: all(ticked(watcher) for watcher in watchers), "ticks of replies on both", SEEN_SECONDS)
    finally:
        for watcher in watchers:
            watcher.stop()


def ticked(watcher: Watcher) -> bool:
    return any(set(climbed) & {"sent", "delivered"} for climbed in watcher.statuses.values())


def signed(house: House, web: BoxProcess, number: str, text: str) -> int:
    shop = house.world.shops[0]
    body = upsert(shop.instance, number, text)
    return house.trial.load.deliver(shop, shop.webhook_path, body, web.url)


@pytest.mark.parametrize("n", [0, 1])
def test_a_web_process_that_dies_is_stood_in_for(house: House, n: int) -> None:
    web = house.webs[n]
    web.kill()
    time.sleep(LOADED_SECONDS)
    house.trial.look()
    web.start()
    web.wait_ready()


def test_what_a_process_stored_with_its_last_breath_is_seen_on_the_other(house: House) -> None:
    """It dies between COMMIT and its word to the others; the other's streams stay open and show it all the same."""
    shop, text = house.world.shops[0], f"{house.world.shops[0].canary} último suspiro"
    watcher = Watcher(house.webs[0].url, shop)
    watcher.start()
    wait_until(lambda: watcher.connections, "a stream")
    dying = house.spare
    dying.start("I3")
    dying.wait_ready()
    try:
        house.trial.history.note("in", Said(shop.slug, "", 0, text))
        assert signed(house, dying, shop.strangers[0], text) == 0
        dying.wait_killed(CRASH_SECONDS)
        assert house.world.rows(shop, "SELECT id FROM app.messages WHERE text = :text", text=text)
        wait_until(lambda: text in watcher.seen, text, SEEN_SECONDS)
        assert watcher.connections == 1
    finally:
        watcher.stop()


def test_a_worker_that_dies_in_the_middle_of_sends_is_stood_in_for(house: House) -> None:
    first, second = house.workers
    second.start()
    first.kill()
    sent = len(house.world.sim.sent())
    wait_until(lambda: len(house.world.sim.sent()) > sent + 5, "sends of the other worker", 45)
    house.trial.look()


def test_nothing_was_lost_doubled_or_missed(house: House) -> None:
    verdict = house.trial.end()
    verdict.refuse()
    print(verdict.figures)
