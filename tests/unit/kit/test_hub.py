"""What a live stream writes: at once where the server takes it, in order where it has to wait."""

import asyncio
from typing import Any

from hunfly_box.kit.hub import Stream, Watcher
from hunfly_box.kit.ids import new_id


class Server:
    """Takes what is written; after `stop` a write waits until `go_on`."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self._may_write: asyncio.Future[None] | None = None
        self.is_gone = False

    def stop(self) -> None:
        self._may_write = asyncio.get_running_loop().create_future()

    def go_on(self) -> None:
        assert self._may_write is not None
        self._may_write.set_result(None)
        self._may_write = None

    async def send(self, message: dict[str, Any]) -> None:
        if self._may_write is not None:
            await self._may_write
        if self.is_gone:
            raise OSError
        self.written.append(message["body"])


def stream_to(server: Server, ended: list[str]) -> Stream:
    watcher = Watcher(new_id(), new_id(), sees_all=True, sees_queue=True, variant=None)
    return Stream(watcher, server.send, lambda: ended.append("ended"))


async def a_few_turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_comes_in_one_turn_is_written_together() -> None:
    async def scene() -> list[bytes]:
        server = Server()
        stream = stream_to(server, [])
        stream.put(b"one ")
        stream.put(b"two")
        await a_few_turns()
        stream.put(b"three")
        await a_few_turns()
        return server.written

    assert asyncio.run(scene()) == [b"one two", b"three"]


def test_what_comes_while_a_write_waits_follows_it_in_order() -> None:
    async def scene() -> list[bytes]:
        server = Server()
        stream = stream_to(server, [])
        server.stop()
        stream.put(b"one")
        await a_few_turns()
        stream.put(b"two ")
        stream.put(b"three")
        await a_few_turns()
        assert server.written == []
        server.go_on()
        await a_few_turns()
        stream.put(b"four")
        await a_few_turns()
        return server.written

    assert asyncio.run(scene()) == [b"one", b"two three", b"four"]


def test_a_transport_that_went_away_ends_the_stream_also_in_the_middle_of_a_write() -> None:
    async def scene(waits: bool) -> list[str]:
        server, ended = Server(), list[str]()
        stream = stream_to(server, ended)
        server.is_gone = True
        if waits:
            server.stop()
        stream.put(b"one")
        await a_few_turns()
        if waits:
            assert ended == []
            server.go_on()
            await a_few_turns()
        return ended

    assert asyncio.run(scene(waits=False)) == ["ended"]
    assert asyncio.run(scene(waits=True)) == ["ended"]
