"""A number that is down: replies wait in order, go out when it is back, and ask first when that took too long."""

import pytest

from hunfly_box.outbound import commands
from tests.integration.outbound.conftest import StartWorker
from tests.integration.outbound.shop import Shop, eventually

pytestmark = pytest.mark.usefixtures("nobody_polls")


def test_replies_wait_for_the_number_and_go_out_in_order(shop: Shop, start_worker: StartWorker) -> None:
    shop.set_state("logged_out")
    start_worker()
    people = [shop.customer(), shop.customer()]
    ids = [shop.write(person, f"{number}") for number in range(3) for person in people]
    assert {shop.message(one)["status"] for one in ids} == {"waiting_channel"}
    eventually(lambda: all(shop.deliveries(one)[0]["error_code"] == "channel.down" for one in ids[:2]))
    assert shop.sent_texts() == []
    shop.set_state("open")
    for one in ids:
        shop.wait_for_status(one, "sent")
    for person in people:
        assert shop.sent_texts(person) == ["0", "1", "2"]


def test_a_reply_written_while_the_number_was_up_shows_that_it_waits(shop: Shop, start_worker: StartWorker) -> None:
    maria = shop.customer()
    message_id = shop.write(maria, "agora")
    shop.set_state("reconnecting")
    assert shop.message(message_id)["status"] == "queued"
    start_worker()
    shop.wait_for_status(message_id, "waiting_channel")
    shop.set_state("open")
    shop.wait_for_status(message_id, "sent")


def test_after_six_hours_a_reply_asks_first_and_goes_when_told(shop: Shop, start_worker: StartWorker) -> None:
    shop.set_state("engine_down")
    maria = shop.customer()
    old = shop.write(maria, "bom dia")
    shop.execute("UPDATE app.deliveries SET expires_at = now() - interval '1 second' WHERE message_id = :id", id=old)
    start_worker()
    eventually(lambda: shop.message(old)["error_code"] == "outbound.asks_first")
    assert shop.deliveries(old)[0]["state"] == "asking"
    shop.set_state("open")
    new = shop.write(maria, "boa tarde")
    shop.wait_for_status(new, "sent")
    assert shop.sent_texts(maria) == ["boa tarde"]
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.send_again(tx, old)
    shop.wait_for_status(old, "sent")
    assert shop.message(old)["error_code"] is None
    assert shop.sent_texts(maria) == ["boa tarde", "bom dia"]


def test_a_waiting_reply_can_be_discarded(shop: Shop, start_worker: StartWorker) -> None:
    shop.set_state("engine_down")
    maria = shop.customer()
    first, second = shop.write(maria, "não"), shop.write(maria, "sim")
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.discard(tx, first)
    assert shop.message(first)["error_code"] == "outbound.discarded"
    shop.set_state("open")
    start_worker()
    shop.wait_for_status(second, "sent")
    assert shop.sent_texts(maria) == ["sim"]


def test_a_failed_reply_can_be_sent_again_and_only_once(shop: Shop, start_worker: StartWorker) -> None:
    shop.sim.fault("refuse", times=1, message="Text is required")
    start_worker()
    maria = shop.customer()
    message_id = shop.write(maria, "oi")
    shop.wait_for_status(message_id, "failed")
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.send_again(tx, message_id)
    with (
        pytest.raises(commands.NotSendable),
        shop.resources.database.transaction(shop.box.cast.ana.scope) as tx,
    ):
        commands.send_again(tx, message_id)
    shop.wait_for_status(message_id, "sent")
    assert [one["state"] for one in shop.deliveries(message_id)] == ["failed", "accepted"]
    assert shop.sent_texts(maria) == ["oi"]
