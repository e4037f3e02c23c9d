"""An answer that never came: proof is looked for and adopted, or a person decides. Nothing is sent again by itself."""

import json
import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.ids import new_id
from hunfly_box.outbound import commands, evidence, reconciling, recording
from tests.integration.outbound.conftest import StartWorker
from tests.integration.outbound.shop import Customer, Shop, eventually


@pytest.fixture
def no_store(shop: Shop) -> Iterator[None]:
    """The engine's store does not tell."""
    shop.sim.fault("fail", path="chat/findMessages")
    yield
    shop.sim.command("clear_faults")


def two_minutes_pass(shop: Shop, message_id: UUID) -> None:
    shop.execute(
        "UPDATE app.deliveries SET dispatched_at = dispatched_at - interval '2 minutes' WHERE message_id = :id",
        id=message_id,
    )


def time_goes_back(shop: Shop, message_id: UUID) -> None:
    """The fiction of the two minutes ends: proof is measured by when it was really sent."""
    shop.execute(
        "UPDATE app.deliveries SET dispatched_at = dispatched_at + interval '2 minutes' WHERE message_id = :id",
        id=message_id,
    )


def echo(shop: Shop, customer: Customer, text: str, provider_id: str, *, is_api_echo: bool = True) -> None:
    """What ingest holds for a send of ours that came back."""
    change = {
        "kind": "echo",
        "conversation_id": str(customer.conversation_id),
        "type": "text",
        "text": text,
        "sent_at": int(time.time()),
        "is_api_echo": is_api_echo,
    }
    shop.execute(
        "INSERT INTO app.pending_changes (tenant_id, id, channel_id, provider_id, change)"
        " VALUES (:tenant, :id, :channel, :provider_id, CAST(:change AS jsonb))",
        tenant=shop.tenant_id,
        id=new_id(),
        channel=shop.channel_id,
        provider_id=provider_id,
        change=json.dumps(change),
    )


@pytest.mark.parametrize("action", ["fail", "reset", "not_json"])
def test_a_send_whose_answer_was_lost_is_found_in_the_engines_store(
    shop: Shop, start_worker: StartWorker, action: str
) -> None:
    shop.sim.fault(action, after=True, times=1)
    start_worker()
    maria = shop.customer()
    message_id = shop.write(maria, "chegou?")
    message = shop.wait_for_status(message_id, "sent")
    [sent] = shop.sim.sent(instance=shop.instance)
    assert message["provider_id"] == sent.id


def test_an_echo_is_proof_and_a_message_typed_on_the_phone_is_not(
    shop: Shop, start_worker: StartWorker, no_store: None
) -> None:
    shop.sim.fault("fail", after=True, times=1)
    worker = start_worker()
    maria = shop.customer()
    message_id = shop.write(maria, "ok")
    shop.wait_for_status(message_id, "sending")
    echo(shop, maria, "ok", "TYPED", is_api_echo=False)
    worker.queue.ring(Ring("outbound.reconcile", shop.tenant_id, maria.conversation_id))
    time.sleep(0.5)
    assert shop.message(message_id)["provider_id"] is None
    [sent] = shop.sim.sent(instance=shop.instance)
    echo(shop, maria, "ok", sent.id)
    worker.queue.ring(Ring("outbound.reconcile", shop.tenant_id, maria.conversation_id))
    assert shop.wait_for_status(message_id, "sent", seconds=3)["provider_id"] == sent.id
    with shop.resources.database.transaction(shop.system) as tx:
        held = tx.scalars("SELECT provider_id FROM app.pending_changes WHERE channel_id = :id", id=shop.channel_id)
    assert held == ["TYPED"]


def test_without_proof_a_person_decides_and_the_line_goes_on(shop: Shop, start_worker: StartWorker) -> None:
    shop.sim.fault("fail", times=1)
    start_worker()
    maria = shop.customer()
    first, second = shop.write(maria, "talvez"), shop.write(maria, "depois")
    shop.wait_for_status(first, "sending")
    assert shop.message(second)["status"] == "queued"
    two_minutes_pass(shop, first)
    message = shop.wait_for_status(first, "unconfirmed", seconds=10)
    assert message["error_code"] == "outbound.unconfirmed"
    shop.wait_for_status(second, "sent")
    assert shop.sent_texts(maria) == ["depois"]
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.send_again(tx, first)
    shop.wait_for_status(first, "sent")
    assert shop.sent_texts(maria) == ["depois", "talvez"]


def test_a_proof_that_comes_after_two_minutes_still_counts(
    shop: Shop, start_worker: StartWorker, no_store: None
) -> None:
    shop.sim.fault("fail", after=True, times=1)
    worker = start_worker()
    maria = shop.customer()
    message_id = shop.write(maria, "tarde")
    shop.wait_for_status(message_id, "sending")
    two_minutes_pass(shop, message_id)
    shop.wait_for_status(message_id, "unconfirmed", seconds=10)
    [sent] = shop.sim.sent(instance=shop.instance)
    time_goes_back(shop, message_id)
    echo(shop, maria, "tarde", sent.id)
    worker.queue.ring(Ring("outbound.reconcile", shop.tenant_id, maria.conversation_id))
    shop.wait_for_status(message_id, "sent", seconds=5)
    assert len(shop.sent_texts(maria)) == 1


def test_an_engine_that_was_away_for_two_minutes_is_asked_again_later(
    shop: Shop, start_worker: StartWorker, no_store: None
) -> None:
    shop.sim.fault("fail", after=True, times=1)
    start_worker()
    maria = shop.customer()
    message_id = shop.write(maria, "mais tarde")
    shop.wait_for_status(message_id, "sending")
    two_minutes_pass(shop, message_id)
    shop.wait_for_status(message_id, "unconfirmed", seconds=10)
    shop.sim.command("clear_faults")
    time_goes_back(shop, message_id)
    shop.execute("UPDATE app.work SET run_at = now() WHERE kind = 'outbound.look_again'")
    shop.wait_for_status(message_id, "sent", seconds=10)
    assert shop.sent_texts(maria) == ["mais tarde"]
    eventually(lambda: work_states(shop) == ["done"])


def work_states(shop: Shop) -> list[str]:
    with shop.resources.database.transaction(shop.system) as tx:
        return tx.scalars(
            "SELECT w.state FROM app.work w JOIN app.deliveries d ON CAST(d.id AS text) = w.dedup_key"
            " WHERE w.kind = 'outbound.look_again' AND d.channel_id = :id",
            id=shop.channel_id,
        )


def test_the_same_words_sent_twice_are_never_taken_for_one_another(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    maria = shop.customer()
    shop.wait_for_status(shop.write(maria, "sim"), "sent")
    shop.sim.fault("fail", times=1)
    lost = shop.write(maria, "sim")
    shop.wait_for_status(lost, "sending")
    time.sleep(reconciling.LOOK_SECONDS / 5)
    assert shop.message(lost)["provider_id"] is None
    two_minutes_pass(shop, lost)
    shop.wait_for_status(lost, "unconfirmed", seconds=10)


def test_a_copy_that_came_in_first_becomes_the_same_message(shop: Shop) -> None:
    """The report of our own send was taken for a message typed on the phone: one bubble is left, and it is ours."""
    maria = shop.customer()
    message_id, copy_id = shop.write(maria, "um só"), new_id()
    shop.execute("UPDATE app.deliveries SET state = 'dispatching', dispatched_at = now(), lease_owner = 'x'")
    shop.execute(
        "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, text,"
        " provider_id, status, sent_at)"
        " VALUES (:tenant, :id, :conversation, :channel, 'out', 'text', 'phone', 'um so', 'SAME', 'delivered', now())",
        tenant=shop.tenant_id,
        id=copy_id,
        conversation=maria.conversation_id,
        channel=shop.channel_id,
    )
    [delivery] = shop.deliveries(message_id)
    row = reconciling.GivenUp(
        delivery["id"], message_id, maria.conversation_id, shop.channel_id, 1, delivery["dispatched_at"], 0.0
    )
    with shop.resources.database.transaction(shop.system) as tx:
        assert recording.accepted(tx, evidence.claim_of(shop.tenant_id, row), "SAME")
        left = tx.scalars("SELECT id FROM app.messages WHERE conversation_id = :id", id=maria.conversation_id)
    assert left == [message_id]
    message = shop.message(message_id)
    assert (message["provider_id"], message["status"]) == ("SAME", "delivered")
