"""The live stream: who sees what, what is replayed, and when it ends."""

import asyncio
import time
from contextlib import ExitStack
from uuid import UUID

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hunfly_box.inbox.live import Live, push_changes
from hunfly_box.ingest.intake import Intake
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import Scope
from tests.conftest import Box
from tests.integration.ingest.harness import add_channel, open_ingest, upsert
from tests.integration.live.harness import Client, connect, conversation_with_message, run, token

pytestmark = pytest.mark.services


def changed(tenant: UUID, conversation: UUID, message: UUID | None = None) -> list[Changed]:
    found = [Changed(tenant, "conversation", conversation, conversation)]
    return [Changed(tenant, "message", message, conversation), *found] if message else found


async def announce(box: Box, changes: list[Changed]) -> None:
    await asyncio.to_thread(push_changes, box.resources, changes)


def test_a_stranger_is_refused_and_the_reseller_has_no_stream(box: Box) -> None:
    async def scenario(live: Live) -> None:
        assert (await connect(live, None)).status == 401
        assert (await connect(live, "hbx_00000000_nonsense")).status == 401

    run(box.resources, scenario)


def test_what_is_announced_reaches_its_tenant_and_nobody_else(box: Box) -> None:
    tenant = box.cast.tenant_a
    _, conversation, message = conversation_with_message(box, tenant, "só da padaria")

    async def scenario(live: Live) -> None:
        ana, carla = await connect(live, token(box, box.cast.ana)), await connect(live, token(box, box.cast.carla))
        await announce(box, changed(tenant, conversation, message))
        # The same ids, claimed for the other tenant: the rows are read again under its walls.
        await announce(box, changed(box.cast.tenant_b, conversation, message))
        await ana.until(lambda one: bool(one.of("conversation")))
        await asyncio.sleep(0.2)
        assert ana.of("message")[0]["text"] == "só da padaria"
        assert b"padaria" not in carla.raw
        assert carla.of("message") == carla.of("conversation") == []
        await ana.close()
        await carla.close()

    run(box.resources, scenario)


def test_an_agent_sees_what_is_theirs_and_loses_what_is_handed_over(box: Box) -> None:
    tenant = box.cast.tenant_a
    _, conversation, message = conversation_with_message(box, tenant, "para o Bruno", box.cast.bruno.id)

    async def scenario(live: Live) -> None:
        bruno, bia = await connect(live, token(box, box.cast.bruno)), await connect(live, token(box, box.cast.bia))
        await announce(box, changed(tenant, conversation, message))
        await bruno.until(lambda one: bool(one.of("conversation")))
        assert bia.of("message") == []
        with box.resources.database.transaction(Scope.system(tenant)) as tx:
            tx.execute(
                "UPDATE app.conversations SET assignee_id = :who WHERE id = :id", who=box.cast.bia.id, id=conversation
            )
        await announce(box, changed(tenant, conversation))
        await bruno.until(lambda one: bool(one.of("conversation.gone")))
        await bia.until(lambda one: bool(one.of("conversation")))
        assert bruno.of("conversation.gone") == [{"id": str(conversation)}]
        await bruno.close()
        await bia.close()

    run(box.resources, scenario)


def test_a_stream_that_comes_back_gets_what_it_missed_under_its_own_rights(box: Box) -> None:
    tenant = box.cast.tenant_a
    cursor = ""

    async def before(live: Live) -> None:
        nonlocal cursor
        ana = await connect(live, token(box, box.cast.ana))
        cursor = ana.of("hello")[0]["cursor"]
        await ana.close()

    run(box.resources, before)
    _, conversation, message = conversation_with_message(box, tenant, "escrita na ausência", box.cast.bia.id)

    async def after(live: Live) -> None:
        ana, bruno = (
            await connect(live, token(box, box.cast.ana), cursor),
            await connect(live, token(box, box.cast.bruno), cursor),
        )
        assert str(message) in [one["id"] for one in ana.of("message")]
        assert b"escrita na" not in bruno.raw
        assert {"id": str(conversation)} in bruno.of("conversation.gone")
        await ana.close()
        await bruno.close()

    run(box.resources, after)


@pytest.mark.parametrize(
    ("since", "reason"),
    [("banana", "unknown"), ("1", "too_old"), (str(int((time.time() + 900) * 1e6)), "future")],
    ids=["a word", "the first second of all", "in a quarter of an hour"],
)
def test_a_cursor_of_no_use_is_answered_with_reset(box: Box, since: str, reason: str) -> None:
    async def scenario(live: Live) -> None:
        ana = await connect(live, token(box, box.cast.ana), since)
        assert [told["reason"] for told in ana.of("reset")] == [reason]
        assert ana.of("message") == []
        await ana.close()

    run(box.resources, scenario)


def test_a_stream_that_finds_every_connection_taken_is_asked_to_come_back(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a thousand come back at once. An error without a name would say that nobody is at home."""
    engine = box.resources.control.engine
    key = token(box, box.cast.ana)
    monkeypatch.setattr(engine.pool, "_timeout", 0.05)

    async def scenario(live: Live) -> None:
        refused = await connect(live, key)
        assert refused.status == 503
        assert refused.headers[b"retry-after"] == b"2"

    with ExitStack() as taken:
        with pytest.raises(PoolTimeout):
            while True:
                taken.enter_context(engine.connect())
        run(box.resources, scenario)


def test_a_token_holds_no_more_streams_than_it_may(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    hundred = box.resources.settings.token_streams

    async def scenario(live: Live) -> None:
        key = token(box, box.cast.ana)
        clients = [await connect(live, key) for _ in range(hundred)]
        assert {one.status for one in clients} == {200}
        assert (await connect(live, key)).status == 429
        await clients[0].close()
        assert (await connect(live, key)).status == 200

    run(box.resources, scenario)


def test_a_stream_ends_within_a_second_of_losing_its_rights(box: Box) -> None:
    async def scenario(live: Live) -> None:
        bia = await connect(live, token(box, box.cast.bia))
        with box.resources.control.transaction() as tx:
            tx.execute("UPDATE app.memberships SET is_active = false WHERE user_id = :id", id=box.cast.bia.id)
        await announce(box, [Changed(box.cast.tenant_a, "access", box.cast.bia.id)])
        await bia.until(lambda one: one.is_over, 1.0)

    try:
        run(box.resources, scenario)
    finally:
        with box.resources.control.transaction() as tx:
            tx.execute("UPDATE app.memberships SET is_active = true WHERE user_id = :id", id=box.cast.bia.id)


def test_a_new_role_resets_the_stream(box: Box) -> None:
    async def scenario(live: Live) -> None:
        bia = await connect(live, token(box, box.cast.bia))
        with box.resources.control.transaction() as tx:
            tx.execute("UPDATE app.memberships SET role = 'manager' WHERE user_id = :id", id=box.cast.bia.id)
        await announce(box, [Changed(box.cast.tenant_a, "access", box.cast.bia.id)])
        await bia.until(lambda one: bool(one.of("reset")), 1.5)
        assert [stream.watcher.sees_all for stream in box.resources.hub.all()] == [True]
        await bia.close()

    try:
        run(box.resources, scenario)
    finally:
        with box.resources.control.transaction() as tx:
            tx.execute("UPDATE app.memberships SET role = 'agent' WHERE user_id = :id", id=box.cast.bia.id)


def test_a_reader_that_does_not_read_is_cut_off(box: Box) -> None:
    async def scenario(live: Live) -> None:
        ana = await connect(live, token(box, box.cast.ana))
        (stream,) = box.resources.hub.all()
        stream.hold()
        for _ in range(300):
            stream.put(b":" + b"x" * 1024 + b"\n\n")
        await ana.until(lambda one: one.is_over, 1.0)
        assert box.resources.hub.count == 0

    run(box.resources, scenario)


def test_a_stop_ends_every_stream(box: Box) -> None:
    clients: list[Client] = []

    async def scenario(live: Live) -> None:
        clients.append(await connect(live, token(box, box.cast.ana)))

    run(box.resources, scenario)
    assert clients[0].is_over


def test_a_webhook_is_on_the_screens_of_its_tenant_at_once(box: Box) -> None:
    instance = "straight-to-screens"
    add_channel(box.resources, box.cast.tenant_a, instance)

    async def scenario(live: Live) -> None:
        intake = Intake(box.resources, live.presence, live.show_soon, live.relay.tell_changes)
        await intake.start()
        ingest = await open_ingest(box.resources)
        ingest.receiver = intake.receiver
        ana, carla = await connect(live, token(box, box.cast.ana)), await connect(live, token(box, box.cast.carla))
        chat = "5511911110000@s.whatsapp.net"
        try:
            assert await ingest.deliver(upsert(instance, chat, "L1", "chegou")) == 200
            assert (
                await ingest.deliver(upsert(instance, chat, "L2", "veja *isto* https://example.com", at=1_790_000_001))
                == 200
            )
            assert await ingest.deliver(upsert(instance, chat, "L3", "daqui", at=1_790_000_002, from_me=True)) == 200
            await ana.until(lambda one: {"L1", "L2", "L3"} <= {message["provider_id"] for message in one.of("message")})
            await ana.until(
                lambda one: [told["last_message"]["provider_id"] for told in one.of("conversation")][-1] == "L3"
            )
            assert carla.of("message") == []
        finally:
            await ana.close()
            await carla.close()
            await intake.stop()
            await ingest.close()

    run(box.resources, scenario)


def test_a_drawn_message_is_the_one_that_is_read(box: Box) -> None:
    """What the fast road draws from what is in hand equals what reading the rows gives."""
    instance = "drawn-and-read"
    add_channel(box.resources, box.cast.tenant_a, instance)

    async def scenario(live: Live) -> None:
        intake = Intake(box.resources, live.presence, live.show_soon, live.relay.tell_changes)
        await intake.start()
        ingest = await open_ingest(box.resources)
        ingest.receiver = intake.receiver
        ana = await connect(live, token(box, box.cast.ana))
        try:
            await ingest.deliver(upsert(instance, "5511911110001@s.whatsapp.net", "D1", "igual"))
            await ana.until(lambda one: bool(one.of("conversation")))
            drawn_message, drawn_conversation = ana.of("message")[0], ana.of("conversation")[0]
            id_, conversation = UUID(drawn_message["id"]), UUID(drawn_message["conversation_id"])
            await announce(box, changed(box.cast.tenant_a, conversation, id_))
            await ana.until(lambda one: len(one.of("conversation")) == 2)
            assert ana.of("message")[1] == drawn_message
            assert ana.of("conversation")[1] == drawn_conversation
        finally:
            await ana.close()
            await intake.stop()
            await ingest.close()

    run(box.resources, scenario)


def test_two_processes_hear_each_other(box: Box) -> None:
    from hunfly_box.bootstrap import build_resources
    from hunfly_box.kit.hub import Hub

    tenant = box.cast.tenant_a
    _, conversation, message = conversation_with_message(box, tenant, "dito no outro processo")
    resources = box.resources
    other = build_resources(resources.settings, resources.logins, resources.redis_url, Hub())

    async def scenario(live: Live) -> None:
        second = Live(other)
        second.start()
        ana = await connect(live, token(box, box.cast.ana))
        try:
            for _ in range(200):
                if not second.relay.is_alone and not live.relay.is_alone:
                    break
                await asyncio.sleep(0.05)
            await asyncio.to_thread(push_changes, other, changed(tenant, conversation, message))
            await ana.until(lambda one: bool(one.of("message")))
        finally:
            await ana.close()
            await second.stop()

    try:
        run(resources, scenario)
    finally:
        other.close()
