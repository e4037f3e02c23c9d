"""Everything besides a plain text: what each event of the engine does to the rows."""

from collections.abc import Callable
from typing import Any

import pytest

from hunfly_box.access.commands import people
from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from tests.conftest import Box
from tests.integration.ingest.conftest import Read
from tests.integration.ingest.harness import Ingest, run, status, upsert

pytestmark = pytest.mark.services

Rows = Callable[[], list[dict[str, Any]]]
CHAT = "551198{:07d}@s.whatsapp.net"
_numbers = iter(range(1, 10_000))


@pytest.fixture
def chat() -> str:
    return CHAT.format(next(_numbers))


def event(instance: str, name: str, data: Any) -> dict[str, Any]:
    return {"event": name, "instance": instance, "data": data}


def edited(instance: str, id_: str, text: str, at_ms: int) -> dict[str, Any]:
    data = {
        "key": {"id": id_},
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": text},
        "timestampMs": str(at_ms),
    }
    return event(instance, "messages.edited", data)


def revoked(instance: str, id_: str) -> dict[str, Any]:
    return event(instance, "messages.delete", {"id": id_, "fromMe": False, "remoteJid": "x", "status": "DELETED"})


def reaction(instance: str, chat: str, target: str, emoji: str, at_ms: int, **more: Any) -> dict[str, Any]:
    message = {"reactionMessage": {"key": {"id": target, "remoteJid": chat}, "text": emoji, "senderTimestampMs": at_ms}}
    return upsert(instance, chat, new_id().hex, "", message=message, **more)


def deliver(box: Box, *payloads: dict[str, Any]) -> None:
    async def scenario(ingest: Ingest) -> None:
        for payload in payloads:
            assert await ingest.deliver(payload) == 200

    run(box.resources, scenario)


@pytest.mark.parametrize("early", [False, True])
def test_the_latest_edit_wins_and_every_former_text_is_kept(
    box: Box, instance: str, chat: str, messages: Rows, read: Read, early: bool
) -> None:
    first = upsert(instance, chat, "E1", "um")
    edits = [
        edited(instance, "E1", "três", 3000),
        edited(instance, "E1", "dois", 2000),
        edited(instance, "E1", "três", 3000),
    ]
    deliver(box, *(edits + [first] if early else [first, *edits]))
    (message,) = messages()
    assert message["text"] == "três"
    assert message["edited_at"] is not None
    revisions = read("SELECT text FROM app.message_revisions WHERE message_id = :id", id=message["id"])
    assert {row["text"] for row in revisions} == {"um", "dois"}
    assert len(revisions) == 2


@pytest.mark.parametrize("early", [False, True])
def test_a_deletion_marks_the_message_whichever_came_first(
    box: Box, instance: str, chat: str, messages: Rows, early: bool
) -> None:
    both = [upsert(instance, chat, "R1", "some"), revoked(instance, "R1")]
    deliver(box, *(both[::-1] if early else both))
    (message,) = messages()
    assert message["deleted_at"] is not None
    assert message["text"] == "some"


@pytest.mark.parametrize("early", [False, True])
def test_the_latest_reaction_counts_and_a_withdrawn_one_stays_withdrawn(
    box: Box, instance: str, chat: str, messages: Rows, read: Read, early: bool
) -> None:
    first = upsert(instance, chat, "K1", "gostou?")
    told = [reaction(instance, chat, "K1", "", 3000), reaction(instance, chat, "K1", "👍", 2000)]
    deliver(box, *([*told, first] if early else [first, *told]))
    (message,) = messages()
    (row,) = read("SELECT * FROM app.reactions WHERE message_id = :id", id=message["id"])
    assert (row["emoji"], row["reactor_name"]) == ("", "Maria")


@pytest.mark.parametrize("with_the_vote", [False, True])
def test_a_poll_shows_its_standing(box: Box, instance: str, chat: str, messages: Rows, with_the_vote: bool) -> None:
    vote = {"pollUpdateMessage": {"pollCreationMessageKey": {"id": "P1"}, "vote": {"selectedOptions": ["A"]}}}
    poll = {"pollCreationMessageV3": {"name": "Qual?", "options": [{"optionName": "A"}, {"optionName": "B"}]}}
    tally = [{"name": "A", "voters": [chat]}, {"name": "B", "voters": []}]
    update = {"keyId": "P1", "remoteJid": chat, "fromMe": False, "pollUpdates": tally}
    deliver(
        box,
        upsert(instance, chat, "P1", "", message=poll),
        upsert(instance, chat, "P2", "", message=vote, pollUpdates=tally)
        if with_the_vote
        else event(instance, "messages.update", update),
    )
    (message,) = (one for one in messages() if one["type"] == "poll")
    assert (message["type"], message["payload"]["question"]) == ("poll", "Qual?")
    assert [len(option["voters"]) for option in message["payload"]["tally"]] == [1, 0]


def test_a_file_becomes_a_pending_medium_and_one_piece_of_work(
    box: Box, instance: str, chat: str, messages: Rows, read: Read
) -> None:
    image = {
        "imageMessage": {
            "mimetype": "image/png",
            "caption": "veja",
            "fileLength": {"low": 9, "high": 0},
            "mediaKey": "S",
        }
    }
    payload = upsert(instance, chat, "M1", "", message=image)
    deliver(box, payload, payload)
    (message,) = messages()
    assert (message["type"], message["text"]) == ("image", "veja")
    (medium,) = read("SELECT * FROM app.media WHERE id = :id", id=message["media_id"])
    assert (medium["state"], medium["mime"], medium["size"], medium["provider_ref"]["ref"]) == (
        "pending",
        "image/png",
        9,
        "M1",
    )
    (work,) = read(
        "SELECT * FROM app.work WHERE kind = 'media.fetch' AND dedup_key = :key", key=str(message["media_id"])
    )
    names = {"media_id": "media_id", "message_id": "id", "channel_id": "channel_id"}
    assert work["payload"] == {name: str(message[column]) for name, column in names.items()}


def test_history_is_stored_quietly(box: Box, instance: str, chat: str, messages: Rows, conversations: Rows) -> None:
    old = [upsert(instance, chat, f"H{n}", f"antiga {n}", at=1_700_000_000 + n)["data"] for n in range(3)]
    deliver(box, event(instance, "messages.set", old))
    assert [message["payload"]["history"] for message in messages()] == [True] * 3
    (conversation,) = conversations()
    assert (conversation["status"], conversation["inbound_count"], conversation["waiting_since"]) == (
        "resolved",
        0,
        None,
    )


def test_a_chunk_of_history_larger_than_a_batch_is_stored_whole(
    box: Box, instance: str, chat: str, messages: Rows
) -> None:
    old = [upsert(instance, chat, f"H{n}", f"antiga {n}", at=1_700_000_000 + n)["data"] for n in range(1_203)]
    deliver(box, event(instance, "messages.set", old))
    assert len(messages()) == 1_203


def test_a_customer_opens_what_was_resolved_and_keeps_an_active_assignee(
    box: Box, instance: str, chat: str, conversations: Rows, read: Read
) -> None:
    bruno = box.cast.bruno.id
    deliver(box, upsert(instance, chat, "O1", "oi", at=1_790_000_000))
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        tx.execute(
            "UPDATE app.conversations SET status = 'resolved', assignee_id = :who WHERE id = :id",
            who=bruno,
            id=conversations()[0]["id"],
        )
        tx.execute("UPDATE app.rounds SET resolved_at = now() WHERE conversation_id = :id", id=conversations()[0]["id"])
    deliver(box, upsert(instance, chat, "O2", "voltei", at=1_790_000_100))
    (conversation,) = conversations()
    assert (conversation["status"], conversation["assignee_id"]) == ("open", bruno)
    rounds = read("SELECT resolved_at FROM app.rounds WHERE conversation_id = :id", id=conversation["id"])
    assert sorted(row["resolved_at"] is None for row in rounds) == [False, True]


@pytest.mark.parametrize("way", ["left the tenant", "switched off"])
def test_a_customer_who_returns_to_somebody_who_left_waits_in_the_queue(
    box: Box, instance: str, chat: str, conversations: Rows, way: str
) -> None:
    def work(*, is_active: bool) -> None:
        with box.resources.control.transaction() as control:
            if way == "switched off":
                people.set_active(control, box.cast.bia.id, is_active=is_active)
                return
            control.execute(
                "UPDATE app.memberships SET is_active = :is_active WHERE user_id = :id",
                is_active=is_active,
                id=box.cast.bia.id,
            )

    deliver(box, upsert(instance, chat, "O1", "oi"))
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        tx.execute(
            "UPDATE app.conversations SET status = 'resolved', assignee_id = :who WHERE id = :id",
            who=box.cast.bia.id,
            id=conversations()[0]["id"],
        )
    work(is_active=False)
    try:
        deliver(box, upsert(instance, chat, "O2", "voltei", at=1_790_000_100))
    finally:
        work(is_active=True)
    (conversation,) = conversations()
    assert (conversation["status"], conversation["assignee_id"]) == ("open", None)


def test_that_a_customer_wrote_is_noted_right_behind_another_sign_of_life(
    box: Box, instance: str, chat: str, read: Read
) -> None:
    deliver(box, status(instance, "T1", "READ"), upsert(instance, chat, "L1", "oi"))
    (health,) = read(
        "SELECT h.* FROM app.channel_health h JOIN app.channels c ON c.id = h.channel_id WHERE c.instance = :instance",
        instance=instance,
    )
    assert health["last_inbound_at"] is not None


def test_who_reacts_without_a_name_is_told_by_their_address(
    box: Box, instance: str, messages: Rows, read: Read
) -> None:
    group, nobody = "120363000000000777@g.us", {"participant": "555000111222333@lid"}
    deliver(
        box,
        upsert(instance, group, "M1", "oi", key={"participant": CHAT.format(9_999_999)}),
        reaction(instance, group, "M1", "👍", 1, name=None, key=nobody),
    )
    (found,) = read("SELECT * FROM app.reactions WHERE message_id = :id", id=messages()[0]["id"])
    assert found["reactor_name"] == "555000111222333"


def test_an_answer_from_the_phone_ends_the_waiting(
    box: Box, instance: str, chat: str, messages: Rows, conversations: Rows
) -> None:
    deliver(
        box,
        upsert(instance, chat, "W1", "oi", at=1_790_000_000),
        upsert(instance, chat, "W2", "pronto", at=1_790_000_060, from_me=True),
    )
    (conversation,) = conversations()
    assert conversation["waiting_since"] is None
    assert (conversation["inbound_count"], conversation["inbound_answered"]) == (1, 1)
    assert [message["author_kind"] for message in messages()] == ["contact", "phone"]


def test_people_in_groups_are_told_apart(box: Box, instance: str, messages: Rows, conversations: Rows) -> None:
    group = "120363000000000001@g.us"
    speakers = {"G1": "5511970000001@s.whatsapp.net", "G2": "5511970000002@s.whatsapp.net"}
    deliver(
        box,
        event(instance, "groups.upsert", [{"id": group, "subject": "Família"}]),
        *(
            upsert(instance, group, id_, "oi", name=f"Pessoa {id_}", key={"participant": who}, at=1_790_000_000 + n)
            for n, (id_, who) in enumerate(speakers.items())
        ),
    )
    (conversation,) = conversations()
    assert (conversation["push_name"], conversation["inbound_count"]) == ("Família", 2)
    assert [message["author_name"] for message in messages()] == ["Pessoa G1", "Pessoa G2"]
    assert len({message["author_id"] for message in messages()}) == 2


def test_a_name_our_people_gave_is_never_overwritten(box: Box, instance: str, chat: str, conversations: Rows) -> None:
    deliver(box, upsert(instance, chat, "N1", "oi", name="Mari"))
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        tx.execute(
            "UPDATE app.contacts SET name = 'Maria da Silva' WHERE id = :id", id=conversations()[0]["contact_id"]
        )
    deliver(box, event(instance, "contacts.update", {"remoteJid": chat, "pushName": "Mari 🌸"}))
    (conversation,) = conversations()
    assert (conversation["name"], conversation["push_name"]) == ("Maria da Silva", "Mari 🌸")


def test_the_state_of_a_number_keeps_its_precise_cause(box: Box, instance: str, read: Read) -> None:
    deliver(
        box,
        event(instance, "connection.update", {"instance": instance, "state": "close", "statusReason": 403}),
        event(instance, "logout.instance", None),
    )
    (channel,) = read("SELECT state, cause FROM app.channels WHERE instance = :name", name=instance)
    assert (channel["state"], channel["cause"]) == ("banned", "banned")


def test_a_storm_of_connecting_is_written_once(box: Box, instance: str, read: Read) -> None:
    storm = event(instance, "connection.update", {"instance": instance, "state": "connecting", "statusReason": 200})
    deliver(box, *[storm] * 20)
    (channel,) = read("SELECT id, state FROM app.channels WHERE instance = :name", name=instance)
    assert channel["state"] == "reconnecting"
    assert len(read("SELECT id FROM app.journal WHERE channel_id = :id", id=channel["id"])) == 1


def test_a_qr_code_is_shown_until_the_number_is_open(box: Box, instance: str, read: Read) -> None:
    close = event(instance, "connection.update", {"instance": instance, "state": "close", "statusReason": 401})
    shown = event(
        instance, "qrcode.updated", {"qrcode": {"base64": "data:image/png;base64,QUJD", "pairingCode": "ABCD"}}
    )
    own = {"instance": instance, "state": "open", "wuid": "5511966660000@s.whatsapp.net", "statusReason": 200}
    deliver(box, close, shown)
    sql = "SELECT state, qr_png_base64, pairing_code, phone FROM app.channels WHERE instance = :name"
    (channel,) = read(sql, name=instance)
    assert (channel["state"], channel["qr_png_base64"], channel["pairing_code"]) == ("qr", "QUJD", "ABCD")
    deliver(box, event(instance, "connection.update", own))
    (channel,) = read(sql, name=instance)
    assert (channel["state"], channel["qr_png_base64"], channel["phone"]) == ("open", None, "+5511966660000")


def test_a_missed_call_is_one_line_in_the_thread(box: Box, instance: str, chat: str, messages: Rows) -> None:
    call = {"id": "CALL1", "from": chat, "chatId": chat, "date": "2026-09-21T14:13:20Z", "isVideo": False}
    deliver(box, *(event(instance, "call", {**call, "status": word}) for word in ("timeout", "offer", "ringing")))
    (message,) = messages()
    assert (message["type"], message["text"], message["payload"]["system"]["status"]) == (
        "system",
        "Chamada de voz perdida",
        "timeout",
    )


def test_a_deleted_chat_keeps_its_history(box: Box, instance: str, chat: str, messages: Rows) -> None:
    deliver(box, upsert(instance, chat, "D1", "fica"), event(instance, "chats.delete", [chat]))
    assert len(messages()) == 1


def test_another_customer_cannot_hide_a_message_by_its_id(box: Box, instance: str, messages: Rows) -> None:
    deliver(
        box,
        upsert(instance, CHAT.format(5_000_001), "SAME", "a verdadeira", at=1),
        upsert(instance, CHAT.format(5_000_002), "SAME", "a outra", at=2),
    )
    assert [message["text"] for message in messages()] == ["a verdadeira", "a outra"]


def _send_under_way(box: Box, conversation: dict[str, Any], text: str, state: str = "dispatching") -> Any:
    message_id = new_id()
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        values = {
            "c": conversation["id"],
            "ch": conversation["channel_id"],
            "m": message_id,
            "d": new_id(),
            "text": text,
        }
        tx.execute(
            "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, text, status, sent_at)"
            " VALUES (app.tenant_id(), :m, :c, :ch, 'out', 'text', 'user', :text, 'sending', now())",
            **values,
        )
        tx.execute(
            "INSERT INTO app.deliveries (tenant_id, id, message_id, conversation_id, channel_id, state, dispatched_at)"
            f" VALUES (app.tenant_id(), :d, :m, :c, :ch, '{state}', now())",
            **values,
        )
    return message_id


@pytest.mark.parametrize("state", ["dispatching", "unconfirmed"])
def test_an_echo_of_our_own_send_is_held_and_never_doubled(
    box: Box, instance: str, chat: str, messages: Rows, conversations: Rows, read: Read, state: str
) -> None:
    deliver(box, upsert(instance, chat, "C1", "oi"))
    ours = _send_under_way(box, conversations()[0], "resposta", state)
    deliver(
        box,
        status(instance, "ECHO1", "DELIVERY_ACK", chat),
        upsert(instance, chat, "ECHO1", "resposta", event="send.message", from_me=True, at=1_790_000_100),
    )
    assert len(messages()) == 2
    held = read(
        "SELECT change FROM app.pending_changes WHERE provider_id = 'ECHO1' AND channel_id = :id",
        id=messages()[0]["channel_id"],
    )
    assert {row["change"]["kind"] for row in held} == {"status", "echo"}
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        tx.execute("UPDATE app.messages SET provider_id = 'ECHO1', status = 'sent' WHERE id = :id", id=ours)
        tx.scalar(
            "SELECT app.apply_pending(:tenant, :channel, 'ECHO1')",
            tenant=box.cast.tenant_a,
            channel=conversations()[0]["channel_id"],
        )
    deliver(box, upsert(instance, chat, "ECHO1", "resposta", event="send.message", from_me=True, at=1_790_000_100))
    assert [(message["provider_id"], message["status"]) for message in messages()] == [
        ("C1", None),
        ("ECHO1", "delivered"),
    ]
    assert not read(
        "SELECT 1 AS one FROM app.pending_changes WHERE provider_id = 'ECHO1' AND channel_id = :id",
        id=messages()[0]["channel_id"],
    )


def test_a_send_of_somebody_else_through_the_engine_is_shown(
    box: Box, instance: str, chat: str, messages: Rows
) -> None:
    deliver(box, upsert(instance, chat, "BOT1", "sou um robô", event="send.message", from_me=True))
    (message,) = messages()
    assert (message["direction"], message["author_kind"], message["text"]) == ("out", "phone", "sou um robô")


def test_an_orphaned_echo_is_shown_in_the_end(
    box: Box, instance: str, chat: str, messages: Rows, conversations: Rows, read: Read
) -> None:
    deliver(box, upsert(instance, chat, "C1", "oi"))
    ours = _send_under_way(box, conversations()[0], "ok")
    deliver(box, upsert(instance, chat, "TYPED", "ok", from_me=True, at=1_790_000_100))
    assert len(messages()) == 2
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        tx.execute(
            "UPDATE app.pending_changes SET created_at = now() - interval '1 minute' WHERE provider_id = 'TYPED'"
        )
        assert tx.scalar("SELECT app.settle_echoes(:tenant)", tenant=box.cast.tenant_a) == []
        tx.execute("UPDATE app.messages SET provider_id = 'OURS' WHERE id = :id", id=ours)
        assert len(tx.scalar("SELECT app.settle_echoes(:tenant)", tenant=box.cast.tenant_a)) == 1
    assert {message["provider_id"] for message in messages()} == {"C1", "OURS", "TYPED"}


def test_a_failing_row_is_parked_alone(box: Box, instance: str, chat: str, messages: Rows, read: Read) -> None:
    too_far = upsert(instance, chat, "BAD", "fora do calendário", from_me=True, at=1_790_000_000)
    too_far["data"]["status"] = "SERVER_ACK"
    with box.servers.admin(box.database_name) as admin:
        admin.execute("ALTER TABLE app.messages ADD CONSTRAINT planted CHECK (provider_id <> 'BAD')")

    async def scenario(ingest: Ingest) -> None:
        other = upsert(instance, chat, "GOOD", "esta fica")
        plain = upsert(instance, chat, "BAD", "esta não")
        assert await ingest.deliver_all([too_far, other, plain]) == [200, 200, 200]

    try:
        run(box.resources, scenario)
    finally:
        with box.servers.admin(box.database_name) as admin:
            admin.execute("ALTER TABLE app.messages DROP CONSTRAINT planted")
    assert [message["provider_id"] for message in messages()] == ["GOOD"]
    parked = read(
        "SELECT j.reason FROM app.journal j JOIN app.channels c ON c.tenant_id = j.tenant_id AND c.id = j.channel_id"
        " WHERE c.instance = :name AND j.state = 'parked'",
        name=instance,
    )
    assert [row["reason"] for row in parked] == ["poison", "poison"]
