"""Every kind of message, and what is done to one afterwards: edit, delete, react, mark as read."""

import base64
import json
from uuid import UUID

import pytest

from hunfly_box.kit.ids import new_id
from hunfly_box.media import store
from hunfly_box.outbound import commands, first_contact
from tests.integration.outbound.conftest import StartWorker
from tests.integration.outbound.shop import Customer, Shop, eventually

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def upload(shop: Shop, content: bytes, mime: str, name: str | None = None) -> UUID:
    media_id = new_id()
    sha256, size = store.write(shop.resources.media_folder, shop.tenant_id, [content])
    shop.execute(
        "INSERT INTO app.media (tenant_id, id, mime, name, size, sha256, state)"
        " VALUES (:tenant, :id, :mime, :name, :size, :sha256, 'ready')",
        tenant=shop.tenant_id,
        id=media_id,
        mime=mime,
        name=name,
        size=size,
        sha256=sha256,
    )
    return media_id


def received(shop: Shop, customer: Customer, text: str) -> UUID:
    """A message of the customer's, as ingest stores it."""
    provider_id = shop.sim.receive(shop.instance, customer.number, text)
    message_id = new_id()
    shop.execute(
        "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, author_id,"
        " text, provider_id, sent_at)"
        " VALUES (:tenant, :id, :conversation, :channel, 'in', 'text', 'contact', :contact, :text, :provider_id, now())",
        tenant=shop.tenant_id,
        id=message_id,
        conversation=customer.conversation_id,
        channel=shop.channel_id,
        contact=customer.contact_id,
        text=text,
        provider_id=provider_id,
    )
    return message_id


@pytest.mark.parametrize(
    ("type_", "mime", "name", "path"),
    [
        ("image", "image/png", None, "message/sendMedia"),
        ("document", "application/pdf", "nota fiscal.pdf", "message/sendMedia"),
        ("video", "video/mp4", "clipe", "message/sendMedia"),
        ("audio", "audio/mpeg", None, "message/sendMedia"),
        ("voice", "audio/ogg", None, "message/sendWhatsAppAudio"),
        ("sticker", "image/webp", None, "message/sendSticker"),
    ],
)
def test_files_go_out_by_their_kind(
    shop: Shop, start_worker: StartWorker, type_: str, mime: str, name: str | None, path: str
) -> None:
    start_worker()
    maria = shop.customer()
    content = b"OggS" + PIXEL if type_ == "voice" else PIXEL
    media_id = upload(shop, content, mime, name)
    message_id = shop.write(
        maria, "veja" if type_ in ("image", "video", "document") else None, type_, media_id=media_id
    )
    shop.wait_for_status(message_id, "sent")
    assert [one.path for one in shop.sim.sent(instance=shop.instance)] == [path]


def test_a_file_that_is_gone_fails_in_words(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    maria = shop.customer()
    media_id = upload(shop, PIXEL + b"gone", "image/png")
    shop.execute("UPDATE app.media SET sha256 = NULL, state = 'unavailable' WHERE id = :id", id=media_id)
    message = shop.wait_for_status(shop.write(maria, None, "image", media_id=media_id), "failed")
    assert message["error_code"] == "media.unavailable"


def test_places_and_cards_go_out(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    maria = shop.customer()
    place = shop.write(maria, None, "location", payload={"latitude": -23.55, "longitude": -46.63, "name": "Loja"})
    cards = shop.write(
        maria, None, "contacts", payload={"contacts": [{"name": "Rui", "phones": [{"number": "+5511912345678"}]}]}
    )
    shop.wait_for_status(place, "sent")
    shop.wait_for_status(cards, "sent")


def test_a_card_with_two_numbers_goes_out_with_both(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    phones = [{"number": "+5511912345678"}, {"number": "+551133334444"}]
    cards = shop.write(shop.customer(), None, "contacts", payload={"contacts": [{"name": "Rui", "phones": phones}]})
    shop.wait_for_status(cards, "sent")
    [sent] = shop.sim.sent(instance=shop.instance)
    assert [card["phoneNumber"] for card in sent.body["contact"]] == ["+5511912345678", "+551133334444"]


def test_a_reply_quotes_what_the_customer_wrote(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    maria = shop.customer()
    asked = shop.message(received(shop, maria, "tem pão?"))
    answer = shop.write(maria, "tem!", quoted_provider_id=asked["provider_id"], quoted_text=asked["text"])
    shop.wait_for_status(answer, "sent")
    [sent] = shop.sim.sent(instance=shop.instance)
    assert sent.body["quoted"]["key"]["id"] == asked["provider_id"]


def test_an_edit_a_reaction_and_a_deletion_reach_the_customer(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    maria = shop.customer()
    asked = received(shop, maria, "bom dia")
    message_id = shop.write(maria, "bom dai")
    shop.wait_for_status(message_id, "sent")
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.react(tx, asked, "👍")
        commands.edit(tx, message_id, "bom dia", user_id=shop.box.cast.ana.id)
    assert shop.message(message_id)["text"] == "bom dia"
    eventually(lambda: bool(shop.sim.calls(path="chat/updateMessage")))
    eventually(lambda: bool(shop.sim.calls(path="message/sendReaction")))
    eventually(lambda: [one["state"] for one in shop.deliveries(message_id)] == ["accepted", "accepted"])
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.delete_for_everyone(tx, message_id)
    eventually(lambda: shop.deliveries(message_id)[-1]["state"] == "accepted")
    with shop.resources.database.transaction(shop.system) as tx:
        assert tx.scalars("SELECT text FROM app.message_revisions WHERE message_id = :id", id=message_id) == ["bom dai"]
        assert tx.scalars("SELECT emoji FROM app.reactions WHERE message_id = :id", id=asked) == ["👍"]


def test_what_went_to_a_privacy_id_is_changed_there_after_the_number_became_known(
    shop: Shop, start_worker: StartWorker
) -> None:
    start_worker()
    lid = f"{new_id().int % 10**15:015d}"
    lia = shop.customer("Lia", is_known=False)
    number = {"kind": "phone", "value": f"+{lia.number}", "address": f"{lia.number}@s.whatsapp.net"}
    private = {"kind": "lid", "value": lid, "address": f"{lid}@lid"}
    shop.execute("DELETE FROM app.contact_identities WHERE contact_id = :id", id=lia.contact_id)
    shop.execute(
        "INSERT INTO app.contact_identities (tenant_id, id, contact_id, kind, value, address)"
        " VALUES (app.tenant_id(), :id, :contact, :kind, :value, :address)",
        id=new_id(),
        contact=lia.contact_id,
        **private,
    )
    shop.sim.add_contact("Lia", lid=lid, number=lia.number, addressing="lid")
    message_id = shop.write(lia, "bom dai")
    shop.wait_for_status(message_id, "sent", "delivered")

    with shop.resources.database.transaction(shop.system) as tx:
        tx.scalar(
            "SELECT app.link_addresses(:tenant, CAST(:told AS jsonb))",
            tenant=shop.tenant_id,
            told=json.dumps([private, number]),
        )
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.edit(tx, message_id, "bom dia", user_id=shop.box.cast.ana.id)
    eventually(lambda: shop.deliveries(message_id)[-1]["state"] in ("accepted", "failed"))

    assert shop.deliveries(message_id)[-1]["state"] == "accepted", shop.story(message_id)
    assert [call.body["number"] for call in shop.sim.calls(path="chat/updateMessage")] == [f"{lid}@lid"]


def test_a_refused_edit_and_deletion_are_taken_back(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    maria = shop.customer()
    message_id = shop.write(maria, "antes")
    shop.wait_for_status(message_id, "sent")
    shop.sim.fault("refuse", path="chat/*Message*", times=2)
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.edit(tx, message_id, "depois")
    eventually(lambda: shop.message(message_id)["text"] == "antes", 10, lambda: shop.story(message_id))
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.delete_for_everyone(tx, message_id)
    eventually(lambda: shop.message(message_id)["deleted_at"] is None, 10, lambda: shop.story(message_id))
    assert shop.message(message_id)["status"] == "sent"


def test_an_edit_after_a_quarter_of_an_hour_is_refused(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    maria = shop.customer()
    message_id = shop.write(maria, "velho")
    shop.wait_for_status(message_id, "sent")
    shop.execute("UPDATE app.messages SET sent_at = now() - interval '16 minutes' WHERE id = :id", id=message_id)
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.edit(tx, message_id, "saiu agora, depois de muito esperar")
    shop.execute("UPDATE app.deliveries SET finished_at = now() - interval '16 minutes' WHERE kind = 'send'")
    with (
        pytest.raises(commands.TooLateToEdit),
        shop.resources.database.transaction(shop.box.cast.ana.scope) as tx,
    ):
        commands.edit(tx, message_id, "novo")


def test_a_message_edited_or_deleted_before_it_left(shop: Shop, start_worker: StartWorker) -> None:
    maria = shop.customer()
    edited, deleted = shop.write(maria, "erado"), shop.write(maria, "nada")
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.edit(tx, edited, "errado")
        commands.delete_for_everyone(tx, deleted)
    start_worker()
    shop.wait_for_status(edited, "sent")
    assert shop.sent_texts(maria) == ["errado"]


def test_opening_a_conversation_marks_it_read_once_if_the_tenant_wants(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    maria = shop.customer()
    received(shop, maria, "oi")
    for _ in range(3):
        with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
            commands.mark_read(tx, maria.conversation_id)
    eventually(lambda: len(shop.sim.calls(path="chat/markMessageAsRead")) == 1)
    shop.execute("UPDATE app.tenants SET send_read_receipts = false WHERE id = app.tenant_id()")
    received(shop, maria, "e aí?")
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.mark_read(tx, maria.conversation_id)
    shop.execute("UPDATE app.tenants SET send_read_receipts = true WHERE id = app.tenant_id()")
    assert len(shop.sim.calls(path="chat/markMessageAsRead")) == 1


def test_a_new_number_is_checked_once(shop: Shop) -> None:
    shop.sim.add_contact("Nova", number="5511955554444")
    for _ in range(2):
        check = first_contact.check_number(shop.resources, shop.tenant_id, shop.channel_id, "+5511955554444")
        assert check.exists
        assert check.address is not None
    assert len(shop.sim.calls(path="chat/whatsappNumbers")) == 1
    shop.sim.command("not_on_whatsapp", numbers=["5511900000000"])
    assert not first_contact.check_number(shop.resources, shop.tenant_id, shop.channel_id, "+5511900000000").exists


def test_where_it_really_went_is_kept(shop: Shop, start_worker: StartWorker) -> None:
    """WhatsApp knows some Brazilian numbers without their ninth digit."""
    start_worker()
    maria = shop.customer()
    short = maria.number[:4] + maria.number[5:] if len(maria.number) == 13 else maria.number
    message_id = shop.write(maria, "oi")
    shop.wait_for_status(message_id, "sent")
    [sent] = shop.sim.sent(instance=shop.instance)
    with shop.resources.database.transaction(shop.system) as tx:
        known = tx.scalars("SELECT address FROM app.contact_identities WHERE contact_id = :id", id=maria.contact_id)
    assert sent.jid in known or short in sent.jid
