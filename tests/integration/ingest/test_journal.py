"""What was parked is listed, shown and replayed; replaying again changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from hunfly_box.ingest import commands, queries
from hunfly_box.kit.database import Scope
from hunfly_box.kit.errors import NotFound
from hunfly_box.providers.evolution import parsing
from hunfly_box.providers.port import Delivery, Parked
from tests.conftest import Box
from tests.integration.ingest.conftest import Read
from tests.integration.ingest.harness import Ingest, run, upsert

pytestmark = pytest.mark.services

Rows = Callable[[], list[dict[str, Any]]]
CHAT = "5511944440000@s.whatsapp.net"


def parked_by_a_bug(box: Box, instance: str, monkeypatch: pytest.MonkeyPatch, *ids: str) -> None:
    """The parser of the day cannot read it."""
    real = parsing.read_and_redact

    def broken(raw: bytes) -> tuple[Delivery, bytes]:
        delivery, body = real(raw)
        return Delivery(delivery.kind, delivery.channel_ref, (Parked("parse_error"),)), body

    async def scenario(ingest: Ingest) -> None:
        for id_ in ids:
            assert await ingest.deliver(upsert(instance, CHAT, id_, f"texto {id_}")) == 200

    with monkeypatch.context() as patch:
        patch.setattr(parsing, "read_and_redact", broken)
        run(box.resources, scenario)


def test_a_repaired_parser_brings_parked_messages_back_once(
    box: Box, instance: str, messages: Rows, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    parked_by_a_bug(box, instance, monkeypatch, "J1", "J2")
    assert messages() == []
    tenant = box.cast.tenant_a
    with box.resources.database.transaction(Scope.system(tenant)) as tx:
        assert [count.reason for count in queries.parked_counts(tx)] == ["parse_error"]
        listed = queries.entries(tx)
        assert [entry.event for entry in listed] == ["messages.upsert"] * 2
        assert "NEVER-STORED" not in queries.entry(tx, listed[0].id).text
    assert commands.replay_parked(box.resources, tenant).counts == {"done": 2, "ignored": 0, "parked": 0, "gone": 0}
    assert commands.replay(box.resources, tenant, [entry.id for entry in listed]).done == 2
    assert sorted(message["provider_id"] for message in messages()) == ["J1", "J2"]
    states = read(
        "SELECT state, replayed_at FROM app.journal WHERE id = ANY (:ids)", ids=[entry.id for entry in listed]
    )
    assert {row["state"] for row in states} == {"done"}
    assert all(row["replayed_at"] for row in states)


def test_a_discarded_entry_stays_so(box: Box, instance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parked_by_a_bug(box, instance, monkeypatch, "J3")
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        (entry, *_) = queries.entries(tx)
        assert commands.discard(tx, entry.id, "not wanted")
        assert not commands.discard(tx, entry.id, "again")


def test_another_tenants_entry_is_not_there(box: Box, instance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parked_by_a_bug(box, instance, monkeypatch, "J4")
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        (entry, *_) = queries.entries(tx)
    with pytest.raises(NotFound):
        commands.replay(box.resources, box.cast.tenant_b, [entry.id])
