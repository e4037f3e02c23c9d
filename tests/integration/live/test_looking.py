"""Other processes write and cannot tell: their changes are found. What was told is not shown again, who is alone does not look."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from hunfly_box.bootstrap import Resources, build_resources
from hunfly_box.inbox import live_relay
from hunfly_box.inbox.live import Live, push_changes
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import Scope
from hunfly_box.kit.hub import Hub
from tests.conftest import Box
from tests.integration.live.harness import Client, connect, conversation_with_message, run, token

pytestmark = pytest.mark.services

LOOK_SECONDS = 0.3
# What is younger than a second is left to who wrote it.
FOUND_SECONDS = 3.0


@contextmanager
def another_process(box: Box) -> Iterator[Resources]:
    ours = box.resources
    other = build_resources(ours.settings, ours.logins, ours.redis_url, Hub())
    try:
        yield other
    finally:
        other.close()


async def is_noticed(live: Live, other: Resources) -> None:
    """A worker says it again and again; the first time nobody may be listening yet."""
    for _ in range(200):
        live_relay.announce_worker(other)
        if live.relay.others_write and live.resources.hub.shown is not None:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody was noticed")


def snoozed(client: Client, conversation: UUID) -> list[int]:
    return [
        told["version"]
        for told in client.of("conversation")
        if told["id"] == str(conversation) and told["status"] == "snoozed"
    ]


def says(client: Client, message: UUID) -> list[int]:
    return [told["version"] for told in client.of("message") if told["id"] == str(message)]


def test_what_a_worker_committed_and_did_not_tell_is_shown_once(box: Box) -> None:
    tenant = box.cast.tenant_a
    _, busy, _ = conversation_with_message(box, tenant, "antes")
    may_commit = threading.Event()

    async def scenario(live: Live) -> None:
        ana, carla = await connect(live, token(box, box.cast.ana)), await connect(live, token(box, box.cast.carla))
        await is_noticed(live, other)
        slow = asyncio.create_task(asyncio.to_thread(snooze_slowly, other, tenant, busy, may_commit))
        _, conversation, message = await asyncio.to_thread(conversation_with_message, box, tenant, "ninguém avisou")
        await ana.until(lambda one: bool(says(one, message)), FOUND_SECONDS)
        await ana.until(lambda one: str(conversation) in [told["id"] for told in one.of("conversation")])
        # Its version lies behind what was looked at meanwhile.
        await asyncio.sleep(1.0 + 2 * LOOK_SECONDS)
        assert not snoozed(ana, busy)
        may_commit.set()
        await slow
        await ana.until(lambda one: bool(snoozed(one, busy)), FOUND_SECONDS)
        await asyncio.sleep(1.0 + 2 * LOOK_SECONDS)
        assert len(says(ana, message)) == 1
        assert len(snoozed(ana, busy)) == 1
        assert b"avisou" not in carla.raw
        await ana.close()
        await carla.close()

    with another_process(box) as other:
        run(box.resources, scenario, look_seconds=LOOK_SECONDS)


def snooze_slowly(other: Resources, tenant: UUID, conversation: UUID, may_commit: threading.Event) -> None:
    with other.database.transaction(Scope.system(tenant)) as tx:
        tx.execute(
            "UPDATE app.conversations SET status = 'snoozed', snoozed_until = now() + interval '1 hour' WHERE id = :id",
            id=conversation,
        )
        assert may_commit.wait(30)


def test_what_was_told_is_not_shown_again(box: Box) -> None:
    tenant = box.cast.tenant_a

    async def scenario(live: Live) -> None:
        ana = await connect(live, token(box, box.cast.ana))
        await is_noticed(live, other)
        told = []
        for n in range(10):
            channel, conversation, message = await asyncio.to_thread(
                conversation_with_message, box, tenant, f"avisada {n}"
            )
            changes = [
                Changed(tenant, "message", message, conversation),
                Changed(tenant, "conversation", conversation, conversation),
                Changed(tenant, "channel", channel),
            ]
            # Half of them are told by this process, half by the other.
            await asyncio.to_thread(push_changes, other if n % 2 else box.resources, changes)
            told.append(message)
        await ana.until(lambda one: all(says(one, message) for message in told))
        await asyncio.sleep(1.0 + 2 * LOOK_SECONDS)
        assert len(ana.of("message")) == len(ana.of("conversation")) == len(ana.of("channel")) == len(told)
        await ana.close()

    with another_process(box) as other:
        run(box.resources, scenario, look_seconds=LOOK_SECONDS)


def test_a_process_that_is_alone_looks_for_nothing(box: Box) -> None:
    box.resources.redis.delete(live_relay.PROCESSES)

    async def scenario(live: Live) -> None:
        ana = await connect(live, token(box, box.cast.ana))
        await asyncio.sleep(1.0 + 2 * LOOK_SECONDS)
        assert not live.relay.others_write
        assert live.resources.hub.shown is None
        await ana.close()

    run(box.resources, scenario, look_seconds=LOOK_SECONDS)
