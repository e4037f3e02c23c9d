"""Deliveries wait at the door for each other, and nobody else does."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from hunfly_box.ingest import arrivals
from hunfly_box.ingest.arrivals import ARRIVED, BODY, LINGER_SECONDS, Arrivals


class Loop:
    """What was asked of the event loop, to be done when the test says so."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], Any]] = []
        self.later: list[tuple[float, Callable[[], Any]]] = []

    def call_soon_threadsafe(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.soon.append(lambda: function(*arguments))

    def call_later(self, seconds: float, function: Callable[..., Any], *arguments: Any) -> None:
        self.later.append((seconds, lambda: function(*arguments)))

    def wake(self) -> None:
        for call in self.soon:
            call()
        self.soon.clear()

    def end_of_linger(self) -> None:
        for _, call in self.later:
            call()
        self.later.clear()


class Watcher:
    def __init__(self, path: str = "/hook", method: str = "POST", type_: str = "http") -> None:
        self.scope = {"type": type_, "path": path, "method": method}
        self.proto = self
        self.asked = 0

    def receive(self) -> str:
        self.asked += 1
        return "the body"


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def let_in() -> list[Watcher]:
    return []


@pytest.fixture
def door(loop: Loop, let_in: list[Watcher]) -> Arrivals:
    return Arrivals(cast("Any", loop), lambda path: path == "/hook", let_in.append)


def test_one_after_a_pause_is_let_in_at_once(door: Arrivals, loop: Loop, let_in: list[Watcher]) -> None:
    one = Watcher()
    assert door.take(one)
    loop.wake()
    assert let_in == [one]
    assert not loop.later


def test_those_who_stream_in_wait_for_each_other_and_wake_the_loop_once(
    door: Arrivals, loop: Loop, let_in: list[Watcher]
) -> None:
    before, first, second, third = (Watcher() for _ in range(4))
    door.take(before)
    loop.wake()
    door.take(first)
    door.take(second)
    assert len(loop.soon) == 1
    loop.wake()
    assert [seconds for seconds, _ in loop.later] == [LINGER_SECONDS]
    door.take(third)
    assert not loop.soon
    loop.end_of_linger()
    assert let_in == [before, first, second, third]


def test_who_comes_after_the_door_was_opened_wakes_the_loop_anew(
    door: Arrivals, loop: Loop, let_in: list[Watcher]
) -> None:
    door.take(Watcher())
    loop.wake()
    late = Watcher()
    door.take(late)
    loop.wake()
    loop.end_of_linger()
    assert let_in[-1] is late


def test_the_body_is_asked_for_at_once_and_only_of_a_post(door: Arrivals) -> None:
    post, get = Watcher(), Watcher(method="GET")
    door.take(post)
    door.take(get)
    assert (post.asked, post.scope[BODY]) == (1, "the body")
    assert (get.asked, BODY in get.scope) == (0, False)


def test_when_it_arrived_is_told(door: Arrivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals.time, "monotonic", lambda: 17.0)
    one = Watcher()
    door.take(one)
    assert one.scope[ARRIVED] == 17.0


@pytest.mark.parametrize("other", [Watcher("/inbox"), Watcher(type_="websocket"), Watcher("/live", method="GET")])
def test_everybody_else_goes_on_at_once(door: Arrivals, loop: Loop, other: Watcher) -> None:
    assert not door.take(other)
    assert not loop.soon
    assert not other.asked
