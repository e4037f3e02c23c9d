"""Postgres away: deliveries wait in Redis and on the disk, and are stored once it is back. Both away: come again."""

import asyncio
import resource
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hunfly_box.ingest import spill
from hunfly_box.ingest.spill_file import Fields, SpillFile
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.paths import DataFolder
from tests.conftest import Box
from tests.integration.ingest.conftest import Read
from tests.integration.ingest.harness import Ingest, open_ingest, run, status, upsert

pytestmark = pytest.mark.services

Rows = Callable[[], list[dict[str, Any]]]
NOWHERE = "postgresql://hb_ingest:x@127.0.0.1:1/nowhere"
NO_REDIS = "redis://127.0.0.1:1/0"
CHAT = "5511955550000@s.whatsapp.net"


def without_postgres(box: Box, scenario: Any, redis_url: str | None = None) -> None:
    async def main() -> None:
        ingest = await open_ingest(box.resources, url=NOWHERE, redis_url=redis_url)
        try:
            await scenario(ingest)
        finally:
            await ingest.close()

    asyncio.run(main())


def test_what_came_while_postgres_was_away_is_stored_by_the_drain_once(
    box: Box, instance: str, messages: Rows, read: Read
) -> None:
    async def scenario(ingest: Ingest) -> None:
        texts = [upsert(instance, CHAT, f"S{n}", f"texto {n}", at=1_790_000_000 + n) for n in range(5)]
        assert await ingest.deliver_all(texts) == [202] * 5
        assert await ingest.deliver(texts[0]) == 202
        assert await ingest.deliver(status(instance, "NOT-YET", "READ")) == 202

    without_postgres(box, scenario)
    assert messages() == []
    kept = [bytes(fields[b"b"]) for _, fields in box.resources.redis.xrange(spill.STREAM)]
    assert len(kept) == 7
    assert not any(b"NEVER-STORED" in body for body in kept)

    announced: list[Any] = []
    box.resources.database.publish = announced.extend
    assert spill.drain_once(box.resources) == 7
    assert spill.drain_once(box.resources) == 0
    assert [message["text"] for message in messages()] == [f"texto {n}" for n in range(5)]
    assert spill.waiting(box.resources.redis) == 0
    shown = {event.entity_id for event in announced if isinstance(event, Changed) and event.kind == "message"}
    assert len(shown) == 5


def test_what_a_dead_drainer_took_is_taken_over(
    box: Box, instance: str, messages: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(ingest: Ingest) -> None:
        assert await ingest.deliver(upsert(instance, CHAT, "T1", "quase perdido")) == 202

    without_postgres(box, scenario)
    redis = box.resources.redis
    taken = redis.xreadgroup(spill.GROUP, "somebody-dead", {spill.STREAM: ">"})
    assert taken
    assert spill.drain_once(box.resources) == 0
    monkeypatch.setattr(spill, "ABANDONED_MS", 0)
    assert spill.drain_once(box.resources) == 1
    assert [message["text"] for message in messages()] == ["quase perdido"]


def test_with_both_away_the_sender_must_come_again(box: Box, instance: str, messages: Rows) -> None:
    async def scenario(ingest: Ingest) -> None:
        assert await ingest.deliver(upsert(instance, CHAT, "B1", "ninguém em casa")) == 503

    without_postgres(box, scenario, NO_REDIS)
    assert messages() == []


def test_the_path_goes_back_to_postgres_by_itself(box: Box, instance: str, messages: Rows) -> None:
    async def main() -> None:
        ingest = await open_ingest(box.resources, url=NOWHERE)
        try:
            assert await ingest.deliver(upsert(instance, CHAT, "P1", "um", at=1)) == 202
            ingest.batcher.storer.connection._url = box.resources.logins.ingest.replace("+psycopg", "")
            for _ in range(60):
                if ingest.batcher.storer.connection.is_here:
                    break
                await asyncio.sleep(0.1)
            assert await ingest.deliver(upsert(instance, CHAT, "P2", "dois", at=2)) == 200
        finally:
            await ingest.close()

    asyncio.run(main())
    spill.drain_once(box.resources)
    assert [message["text"] for message in messages()] == ["um", "dois"]


def test_a_backend_that_is_killed_under_load_loses_nothing(box: Box, instance: str, messages: Rows) -> None:
    async def main() -> list[int]:
        ingest = await open_ingest(box.resources)
        answers: list[int] = []
        try:
            for wave in range(6):
                texts = [upsert(instance, CHAT, f"K{wave}-{n}", f"{wave}-{n}", at=1_790_000_000 + n) for n in range(20)]
                going = asyncio.gather(*(ingest.deliver(text) for text in texts))
                await asyncio.sleep(0.002)
                with box.servers.admin() as admin:
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hunfly-box ingest'"
                    )
                answers += await going
        finally:
            await ingest.close()
        return answers

    answers = asyncio.run(main())
    assert set(answers) <= {200, 202}
    assert 202 in answers
    spill.drain_once(box.resources)
    assert len(messages()) == 120


def emptied(box: Box) -> int:
    """What a box does once Postgres is back."""

    async def scenario(ingest: Ingest) -> int:
        return await ingest.spill.drain_file(ingest.batcher, ingest.receiver.routes)

    return int(run(box.resources, scenario))


def test_what_redis_forgot_while_postgres_was_away_is_stored_from_the_disk(
    box: Box, instance: str, messages: Rows
) -> None:
    emptied(box)

    async def scenario(ingest: Ingest) -> None:
        texts = [upsert(instance, CHAT, f"F{n}", f"texto {n}", at=1_790_000_000 + n) for n in range(250)]
        assert set(await ingest.deliver_all(texts)) == {202}

    without_postgres(box, scenario)
    box.resources.redis.flushdb()
    (file,) = DataFolder(box.resources.settings.data_dir).spill.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"NEVER-STORED" not in file.read_bytes()
    assert spill.drain_once(box.resources) == 0
    assert emptied(box) == 250
    assert [message["text"] for message in messages()] == [f"texto {n}" for n in range(250)]
    assert emptied(box) == 0


def test_what_the_disk_gave_back_does_not_wait_in_redis_any_more(box: Box, instance: str, messages: Rows) -> None:
    async def scenario(ingest: Ingest) -> None:
        assert await ingest.deliver(upsert(instance, CHAT, "G1", "duas cópias")) == 202

    without_postgres(box, scenario)
    # A worker has taken it, and is slow.
    assert spill._claim(box.resources)
    assert emptied(box) >= 1
    assert spill.waiting(box.resources.redis) == 0
    assert spill.drain_once(box.resources) == 0
    assert [message["text"] for message in messages()] == ["duas cópias"]


def test_a_full_disk_leaves_the_copy_in_redis(
    box: Box, instance: str, messages: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(ingest: Ingest) -> None:
        await ingest.spill.file.append([])
        await asyncio.to_thread(fill, ingest.spill.file)
        assert await ingest.deliver(upsert(instance, CHAT, "V1", "sem lugar")) == 202
        assert await ingest.deliver(upsert(instance, CHAT, "V2", "outra vez")) == 202

    def fill(file: SpillFile) -> None:
        """As a disk without room answers: the next write ends in the middle."""
        assert file._file is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        without_postgres(box, scenario)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert caplog.text.count("second copy") == 2
    assert spill.drain_once(box.resources) == 2
    assert [message["text"] for message in messages()] == ["sem lugar", "outra vez"]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hbt-") as made:
        yield Path(made) / "spill"


async def read_back(file: SpillFile) -> list[bytes]:
    found: list[bytes] = []

    async def store(records: list[Fields]) -> bool:
        found.extend(record[b"b"] for record in records)
        return True

    await file.drain(store)
    return found


def test_a_file_is_left_alone_while_its_process_lives_and_taken_over_when_it_is_dead(folder: Path) -> None:
    async def scenario() -> None:
        writer, other = SpillFile(folder), SpillFile(folder)
        await writer.append([{b"b": b"um"}])
        assert await read_back(other) == []
        await writer.append([{b"b": b"dois"}])
        # As a death does.
        await writer.close()
        assert await read_back(other) == [b"um", b"dois"]
        assert other.left() == []

    asyncio.run(scenario())


@pytest.mark.parametrize("tail", [b"\x00\x00\x01\x00half", b"\x00" * 512, b"\x00\x00"])
def test_a_record_that_was_never_finished_hides_none_before_it(folder: Path, tail: bytes) -> None:
    async def scenario() -> None:
        file = SpillFile(folder)
        await file.append([{b"b": b"whole"}])
        await file.close()
        with file.left()[0].open("ab") as raw:
            raw.write(tail)
        assert await read_back(file) == [b"whole"]

    asyncio.run(scenario())


def test_what_cannot_be_stored_now_stays_on_the_disk(folder: Path) -> None:
    async def scenario() -> None:
        file = SpillFile(folder)
        await file.append([{b"b": b"%d" % n} for n in range(250)])

        async def refuse(records: list[Fields]) -> bool:
            return False

        assert await file.drain(refuse) == 0
        assert len(await read_back(file)) == 250

    asyncio.run(scenario())
