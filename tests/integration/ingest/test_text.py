"""Text from customers, end to end: receiver, batch, SQL, rows."""

from typing import Any

import pytest

from tests.conftest import Box
from tests.integration.ingest.harness import Ingest, add_channel, rows, run, status, upsert

pytestmark = pytest.mark.services


@pytest.fixture
def instance(box: Box, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("[", "-").replace("]", "")[:60]
    add_channel(box.resources, box.cast.tenant_a, name)
    return name


def messages(box: Box, instance: str) -> list[dict[str, Any]]:
    return rows(
        box.resources,
        box.cast.tenant_a,
        "SELECT m.* FROM app.messages m JOIN app.channels c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id"
        " WHERE c.instance = :instance ORDER BY m.sent_at, m.provider_id",
        instance=instance,
    )


def test_a_customers_text_becomes_a_message_in_an_open_conversation(box: Box, instance: str) -> None:
    async def scenario(ingest: Ingest) -> None:
        assert await ingest.deliver(upsert(instance, "5511988887777@s.whatsapp.net", "A1", "bom dia")) == 200

    run(box.resources, scenario)
    (message,) = messages(box, instance)
    assert (message["text"], message["direction"], message["author_kind"]) == ("bom dia", "in", "contact")
    (conversation,) = rows(
        box.resources,
        box.cast.tenant_a,
        "SELECT v.*, k.phone, k.push_name FROM app.conversations v JOIN app.contacts k ON k.tenant_id = v.tenant_id AND k.id = v.contact_id"
        " WHERE v.id = :id",
        id=message["conversation_id"],
    )
    assert (conversation["status"], conversation["inbound_count"], conversation["last_message_id"]) == (
        "open",
        1,
        message["id"],
    )
    assert (conversation["phone"], conversation["push_name"]) == ("+5511988887777", "Maria")
    assert conversation["waiting_since"] == message["sent_at"]


def test_the_same_delivery_five_times_leaves_one_row_and_one_count(box: Box, instance: str) -> None:
    async def scenario(ingest: Ingest) -> None:
        body = upsert(instance, "5511988887701@s.whatsapp.net", "A1", "oi")
        assert await ingest.deliver_all([body] * 5) == [200] * 5
        assert await ingest.deliver(body) == 200

    run(box.resources, scenario)
    (message,) = messages(box, instance)
    (count,) = rows(
        box.resources,
        box.cast.tenant_a,
        "SELECT inbound_count FROM app.conversations WHERE id = :id",
        id=message["conversation_id"],
    )
    assert count["inbound_count"] == 1


def test_secrets_of_the_engine_are_not_in_the_journal(box: Box, instance: str) -> None:
    async def scenario(ingest: Ingest) -> None:
        await ingest.deliver(upsert(instance, "5511988887702@s.whatsapp.net", "A1", "oi"))

    run(box.resources, scenario)
    for row in rows(box.resources, box.cast.tenant_a, "SELECT body FROM app.journal"):
        assert b"NEVER-STORED" not in bytes(row["body"])


def test_statuses_only_climb_also_when_they_come_before_their_message(box: Box, instance: str) -> None:
    chat = "5511988887703@s.whatsapp.net"

    async def scenario(ingest: Ingest) -> None:
        await ingest.deliver(status(instance, "S1", "READ"))
        await ingest.deliver(upsert(instance, chat, "S1", "respondido no celular", from_me=True))
        await ingest.deliver(status(instance, "S1", "DELIVERY_ACK"))

    run(box.resources, scenario)
    (message,) = messages(box, instance)
    assert (message["direction"], message["author_kind"], message["status"]) == ("out", "phone", "read")


def test_a_number_and_a_lid_seen_together_become_one_contact_with_both_histories(box: Box, instance: str) -> None:
    lid, phone = "1234567890123@lid", "5511988887704@s.whatsapp.net"

    async def scenario(ingest: Ingest) -> None:
        await ingest.deliver(upsert(instance, lid, "L1", "pelo lid", at=1_790_000_001))
        await ingest.deliver(upsert(instance, phone, "P1", "pelo número", at=1_790_000_002))
        await ingest.deliver(upsert(instance, phone, "B1", "pelos dois", at=1_790_000_003, key={"remoteJidAlt": lid}))
        await ingest.deliver(upsert(instance, lid, "L2", "de novo pelo lid", at=1_790_000_004))

    run(box.resources, scenario)
    found = messages(box, instance)
    assert [message["provider_id"] for message in found] == ["L1", "P1", "B1", "L2"]
    assert len({message["conversation_id"] for message in found}) == 1
    (conversation,) = rows(
        box.resources,
        box.cast.tenant_a,
        "SELECT * FROM app.conversations WHERE id = :id",
        id=found[0]["conversation_id"],
    )
    assert (conversation["inbound_count"], conversation["last_message_id"]) == (4, found[-1]["id"])
