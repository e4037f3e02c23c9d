"""Postgres away: deliveries wait in Redis and are stored once it is back. Both away: the sender must come again."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hunfly_box.ingest import spill
from hunfly_box.kit.announcing import Changed
from tests.conftest import Box
from tests.integration.ingest.conftest import Read
from tests.integration.ingest.harness import Ingest, open_ingest, status, upsert

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
