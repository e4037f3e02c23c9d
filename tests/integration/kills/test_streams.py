"""Live streams through a door that cuts them at random bytes, also in the middle of a replay."""

import http.client
import time
from collections.abc import Iterator

import pytest

from tests.chaos.boxes import wait_until
from tests.chaos.proxy import Proxy, random_bytes
from tests.chaos.trial import trial
from tests.chaos.watching import Watcher
from tests.chaos.world import World, embedded_world
from tests.integration.kills.conftest import SENDS_PER_MINUTE

pytestmark = [pytest.mark.chaos, pytest.mark.services, pytest.mark.timeout(240)]

SEED = 20261123
PACES = {"customer_pace": 1.0, "stranger_pace": 1.0, "reply_pace": 1.0}
# Longer than the overlap of a cursor: what was missed before it must come by the replay alone.
AWAY_SECONDS = 26.0
ENOUGH_CUTS = 10
CAUGHT_UP_SECONDS = 60.0


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with embedded_world(SEED, HUNFLY_SENDS_PER_MINUTE=str(SENDS_PER_MINUTE)) as (made, _):
        yield made


@pytest.fixture
def proxy(world: World) -> Iterator[Proxy]:
    made = Proxy([int(world.url.rsplit(":", 1)[1])], random_bytes(SEED))
    yield made
    made.close()


def test_who_comes_back_with_the_last_cursor_misses_nothing_and_applies_nothing_twice(
    world: World, proxy: Proxy
) -> None:
    away = Watcher(proxy.url, world.shops[0], rest_url=world.url, reconnect_seconds=0.1)
    away.read_everything()
    away.cursor = greeted_with(world, away)
    with trial(world, SENDS_PER_MINUTE, stream_url=proxy.url, **PACES) as made:
        time.sleep(AWAY_SECONDS)
        # Somebody who slept through all of it.
        away.start()
        made.watchers.append(away)
        wait_until(lambda: proxy.cuts >= ENOUGH_CUTS, "enough cuts", 60)
        made.end(shown_seconds=CAUGHT_UP_SECONDS).refuse()
        assert not any(watcher.resets for watcher in made.watchers)
        print(
            f"{proxy.cuts} cuts, {sum(watcher.connections for watcher in made.watchers)} connections,"
            f" {sum(watcher.dropped for watcher in made.watchers)} frames known already"
        )


def test_a_greeting_moves_nobody_past_what_they_missed(world: World) -> None:
    """A cut right behind it would, and what lies further back than the overlap would be gone."""
    shop = world.shops[0]
    returning = http.client.HTTPConnection("127.0.0.1", int(world.url.rsplit(":", 1)[1]), timeout=10)
    returning.request("GET", f"/live?since={int(time.time() - 600) * 1_000_000}", headers=shop.headers)
    frames = b""
    answer = returning.getresponse()
    while b"event: message" not in frames:
        frames += answer.read1(65536)
    returning.close()
    greeting = frames.split(b"\n\n", 1)[0]
    assert b"event: hello" in greeting
    assert b"id:" not in greeting.split(b"data:", 1)[0]


def greeted_with(world: World, watcher: Watcher) -> str:
    """The cursor of somebody who has just opened the inbox."""
    direct = Watcher(world.url, watcher.shop)
    direct.start()
    wait_until(lambda: direct.cursor, "a greeting")
    direct.stop()
    return direct.cursor
