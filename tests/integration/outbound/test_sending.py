"""Replies go out: once, in order, at once."""

import time

from hunfly_box.worker import SWEEP_SECONDS
from tests.integration.outbound.conftest import StartWorker
from tests.integration.outbound.shop import Shop, eventually


def test_a_reply_reaches_the_customer_and_its_message_says_sent(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    maria = shop.customer()
    message_id = shop.write(maria, "Oi, Maria!")
    message = shop.wait_for_status(message_id, "sent")
    [sent] = shop.sim.sent(instance=shop.instance)
    assert sent.text == "Oi, Maria!"
    assert message["provider_id"] == sent.id
    [delivery] = shop.deliveries(message_id)
    assert (delivery["state"], delivery["provider_id"], delivery["attempts"]) == ("accepted", sent.id, 1)


def test_an_unthrottled_reply_leaves_by_its_ring_and_does_not_wait_for_the_sweep(
    shop: Shop, start_worker: StartWorker
) -> None:
    start_worker()
    maria = shop.customer()
    shop.wait_for_status(shop.write(maria, "warm"), "sent")
    took = []
    for count in range(5):
        began = time.time()
        shop.wait_for_status(shop.write(maria, f"text {count}"), "sent")
        [sent] = shop.sim.sent(text=f"text {count}")
        took.append(sent.at - began)
    assert sorted(took)[2] < SWEEP_SECONDS / 2


def test_a_conversation_keeps_its_order_while_others_go_in_parallel(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    shop.sim.fault("slow", seconds=2.0, times=4)
    people = [shop.customer() for _ in range(3)]
    wanted = [f"n{count}" for count in range(8)]
    ids = [shop.write(person, text) for text in wanted for person in people]
    for message_id in ids:
        shop.wait_for_status(message_id, "sent", seconds=30)
    for person in people:
        assert shop.sent_texts(person) == wanted


def test_a_number_that_is_not_on_whatsapp_fails_in_words_and_blocks_nothing(
    shop: Shop, start_worker: StartWorker
) -> None:
    start_worker()
    nobody = shop.customer(is_known=False)
    shop.sim.command("not_on_whatsapp", numbers=[nobody.number])
    first = shop.write(nobody, "alguém?")
    second = shop.write(nobody, "olá?")
    message = shop.wait_for_status(first, "failed")
    assert message["error_code"] == "contact.not_on_whatsapp"
    shop.wait_for_status(second, "failed")


def test_rings_lost_in_redis_are_found_by_the_sweep(shop: Shop, start_worker: StartWorker) -> None:
    maria = shop.customer()
    message_id = shop.write(maria, "antes")
    shop.resources.redis.flushdb()
    start_worker()
    shop.wait_for_status(message_id, "sent", seconds=8)
    assert shop.sent_texts(maria) == ["antes"]


def test_a_refused_connection_is_known_not_sent_and_tried_again(
    shop: Shop, start_worker: StartWorker, nobody_polls: None
) -> None:
    shop.execute("UPDATE app.channels SET engine_url = 'http://127.0.0.1:9' WHERE id = :id", id=shop.channel_id)
    start_worker()
    maria = shop.customer()
    message_id = shop.write(maria, "volto já")
    message = shop.wait_for_status(message_id, "waiting_channel")
    assert message["error_code"] == "engine.unreachable"
    shop.execute("UPDATE app.channels SET engine_url = :url, state = 'open'", url=shop.sim.url)
    shop.wait_for_status(message_id, "sent", seconds=20)
    eventually(lambda: shop.sent_texts(maria) == ["volto já"])
