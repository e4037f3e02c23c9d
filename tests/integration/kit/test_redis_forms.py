"""Sentinels and clusters, on real servers: whatever the box asks of a single Redis, it may ask of them."""

import asyncio
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis

from hunfly_box.embedded import programs, server_user
from hunfly_box.health import checks
from hunfly_box.kit import turns
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.job_queue import Job, JobQueue, Timed
from hunfly_box.kit.redis import connect, connect_async, key
from hunfly_box.kit.throttle import Limit, Throttle

PASSWORD = "of one test"
LOGIN = ":of%20one%20test"
USUAL = ["--requirepass", PASSWORD, "--masterauth", PASSWORD, "--save", "", "--appendonly", "no"]
SLOTS = 16384


class Farm:
    """Servers of this module, each with a folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = programs.locate(server_user.choose(folder)).valkey
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, *arguments: str, settings: str = "") -> int:
        port = free_port()
        place = self._folder / str(port)
        place.mkdir()
        file = place / "server.conf"
        file.write_text(f"port {port}\nbind 127.0.0.1\ndir {place}\n{settings}")
        with (place / "log").open("wb") as log:
            command = [str(self._program), str(file), *arguments]
            self._running[port] = subprocess.Popen(command, cwd=place, stdout=log, stderr=log)
        return port

    def kill(self, port: int) -> None:
        process = self._running.pop(port)
        process.kill()
        process.wait()

    def end(self) -> None:
        for port in tuple(self._running):
            self.kill(port)


@pytest.fixture(scope="module")
def farm() -> Iterator[Farm]:
    folder = Path(tempfile.mkdtemp(prefix="hbt-redis-"))
    farm = Farm(folder)
    yield farm
    farm.end()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(farm: Farm) -> str:
    """Three nodes, a third of the slots each."""
    ports = [farm.start("--cluster-enabled", "yes", "--cluster-port", str(free_port()), *USUAL) for _ in range(3)]
    nodes = [redis.Redis(port=port, password=PASSWORD) for port in ports]
    for number, node in enumerate(nodes):
        eventually(node.ping)
        first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
        node.execute_command("CLUSTER ADDSLOTSRANGE", first, last)  # type: ignore[no-untyped-call]
    bus = [int(str(node.config_get("cluster-port")["cluster-port"])) for node in nodes]
    for port, bus_port in zip(ports[1:], bus[1:], strict=True):
        nodes[0].execute_command("CLUSTER MEET", "127.0.0.1", port, bus_port)  # type: ignore[no-untyped-call]
    for node in nodes:
        eventually(lambda node=node: is_whole(node, 3))  # type: ignore[misc]
        node.close()
    return f"redis+cluster://{LOGIN}@127.0.0.1:{free_port()},127.0.0.1:{ports[1]}"


def is_whole(node: "redis.Redis", nodes: int) -> bool:
    facts: Any = node.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
    return bool(facts["cluster_state"] == "ok" and int(facts["cluster_known_nodes"]) == nodes)


class Watched:
    """A server, its replica, and the Sentinel that watches them."""

    def __init__(self, farm: Farm) -> None:
        self.main = farm.start(*USUAL)
        self.replica = farm.start("--replicaof", "127.0.0.1", str(self.main), *USUAL)
        watch = (
            f"sentinel monitor main 127.0.0.1 {self.main} 1\nsentinel auth-pass main {PASSWORD!r}\n"
            "sentinel down-after-milliseconds main 800\nsentinel failover-timeout main 3000\n"
        )
        for port in (self.main, self.replica):
            with redis.Redis(port=port, password=PASSWORD) as server:
                eventually(server.ping)
        self.sentinel = farm.start("--sentinel", settings=f"{watch}requirepass guard\n")
        self.url = (
            f"redis+sentinel://{LOGIN}@127.0.0.1:{free_port()},127.0.0.1:{self.sentinel}/main/2?sentinel_password=guard"
        )
        with redis.Redis(port=self.sentinel, password="guard") as asked:
            eventually(lambda: asked.sentinel_master("main")["num-slaves"] == 1)


@pytest.fixture(scope="module")
def watched(farm: Farm) -> Watched:
    return Watched(farm)


@pytest.fixture(params=["cluster", "sentinel"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "cluster":
        return str(request.getfixturevalue("cluster"))
    return str(request.getfixturevalue("watched").url)


@pytest.fixture(params=["redis+cluster://127.0.0.1:{}", "redis+sentinel://127.0.0.1:{}/main"])
def nowhere(request: pytest.FixtureRequest) -> str:
    return str(request.param).format(free_port())


def pushing(client: "redis.Redis") -> None:
    pipe = client.pipeline(transaction=False)
    pipe.lpush("a", "b")
    pipe.execute()


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def eventually(check: Callable[[], Any], seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        try:
            if check():
                return
        except redis.RedisError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not so within {seconds} s")


def test_counters_turns_and_questions_are_answered(url: str) -> None:
    client = connect(url)
    limit = Limit("tries", most=2, window_seconds=60)
    throttle, whom = Throttle(client), new_id().hex
    counted = ((limit, whom), (limit, f"{whom}-too"))
    assert [throttle.wait_seconds(*counted) > 0 for _ in range(3)] == [False, False, True]
    assert Throttle(client).wait_seconds(*counted) > 0
    throttle.clear(*counted)
    assert Throttle(client).wait_seconds(*counted) == 0
    place = key(new_id(), "turn")
    mine = turns.take(client, place, 60)
    assert mine is not None
    assert turns.take(client, place, 60) is None
    turns.give_back(client, place, mine)
    assert turns.take(client, place, 60) is not None
    client.set(key(None, "worker", "one"), b"1", ex=60)
    assert len(list(client.scan_iter(match=checks.HEARTBEATS, count=1000))) == 1
    assert client.ping()
    assert client.info("server")["redis_version"]
    client.close()


def test_a_ring_is_heard_by_another_process_and_a_timetable_is_shared(url: str) -> None:
    heard: list[UUID] = []
    ticked = threading.Event()
    answers = {"a.job": Job(lambda _, __, entity: heard.append(entity)), "a.tick": Job(lambda *_: ticked.set())}
    here, there = JobQueue(url, threads=2), JobQueue(url)
    rung = [new_id() for _ in range(50)]
    for number, entity in enumerate(rung):
        there.ring(Ring("a.job", new_id(), entity, is_urgent=bool(number % 2)))
    assert here.pending() == 50
    here.start(None, answers, [Timed("a.tick", 30)])
    try:
        eventually(lambda: sorted(heard) == sorted(rung))
        assert ticked.wait(5)
    finally:
        here.stop(5)
        there.stop(5)
    assert here.pending() == 0


def test_a_stream_and_what_processes_tell_each_other(url: str) -> None:
    async def scenario() -> None:
        client, other = connect_async(url), connect_async(url)
        try:
            heard = client.pubsub(ignore_subscribe_messages=True)
            await heard.subscribe(key(None, "live"))
            pipe = client.pipeline(transaction=False)
            pipe.zadd(key(None, "web_processes"), {"me": 1.0})
            pipe.zcard(key(None, "web_processes"))
            assert (await pipe.execute())[-1] == 1
            give_up_at = time.monotonic() + 10
            message = None
            while message is None and time.monotonic() < give_up_at:
                await other.publish(key(None, "live"), b"told")
                message = await heard.get_message(timeout=1.0)
            assert message is not None
            assert message["data"] == b"told"
            await heard.aclose()  # type: ignore[no-untyped-call]
        finally:
            await client.aclose()
            await other.aclose()

    asyncio.run(scenario())
    from_thread = connect(url)
    stream = key(None, "spill-of-a-test")
    from_thread.xgroup_create(stream, "drain", id="0", mkstream=True)
    entry = from_thread.xadd(stream, {"b": b"body"})
    assert from_thread.xlen(stream) == 1
    assert from_thread.xreadgroup("drain", "me", {stream: ">"}, count=10)
    assert from_thread.xautoclaim(stream, "drain", "you", min_idle_time=0, count=10)[1]
    pipe = from_thread.pipeline()
    pipe.xack(stream, "drain", entry)
    pipe.xdel(stream, entry)
    assert pipe.execute() == [1, 1]
    from_thread.close()


def test_a_client_can_be_made_while_nobody_answers_and_says_it_as_any_redis_does(nowhere: str) -> None:
    client = connect(nowhere)
    throttle = Throttle(client)
    started = time.monotonic()
    asked: list[Callable[[], object]] = [
        client.ping,
        lambda: client.set("a", "b"),
        lambda: pushing(client),
        lambda: list(client.scan_iter(match="x")),
    ]
    for ask in asked:
        with pytest.raises(redis.ConnectionError):
            ask()
    assert throttle.wait_seconds((Limit("tries", most=2, window_seconds=60), "whom")) == 0
    queue = JobQueue(nowhere)
    queue.ring(Ring("a.job", new_id(), new_id()))
    assert queue.pending() is None
    queue.stop()

    async def scenario() -> None:
        other = connect_async(nowhere)
        pipe = other.pipeline(transaction=False)
        pipe.lpush("a", "b")
        with pytest.raises(redis.ConnectionError):
            await pipe.execute()
        with pytest.raises(redis.ConnectionError):
            await other.publish("a", "b")
        heard = other.pubsub()
        with pytest.raises(redis.ConnectionError):
            await heard.subscribe("a")
        await heard.aclose()  # type: ignore[no-untyped-call]
        await other.aclose()

    asyncio.run(scenario())
    assert time.monotonic() - started < 5
    client.close()


def test_a_replica_that_takes_over_is_found(farm: Farm, watched: Watched) -> None:
    client, place = connect(watched.url), key(None, "before")
    client.set(place, b"kept")
    with redis.Redis(port=watched.replica, password=PASSWORD, db=2) as replica:
        eventually(lambda: replica.get(place) == b"kept")
        farm.kill(watched.main)
        eventually(lambda: client.get(place) == b"kept" and client.set(place, b"new"))
        assert replica.get(place) == b"new"
    client.close()


def test_a_whole_cluster_that_went_away_is_said_as_any_redis_does(farm: Farm) -> None:
    port = farm.start("--cluster-enabled", "yes", "--cluster-port", str(free_port()), *USUAL)
    with redis.Redis(port=port, password=PASSWORD) as node:
        eventually(node.ping)
        node.execute_command("CLUSTER ADDSLOTSRANGE", 0, SLOTS - 1)
        eventually(lambda: is_whole(node, 1))
    client = connect(f"redis+cluster://{LOGIN}@127.0.0.1:{port}")
    client.set("a", "b")
    farm.kill(port)
    with pytest.raises(redis.ConnectionError):
        client.set("a", "b")
    with pytest.raises(redis.ConnectionError):
        pushing(client)
    client.close()
