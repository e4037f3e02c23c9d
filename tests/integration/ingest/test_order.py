"""Any interleaving and duplication of a set of deliveries gives the same final state."""

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.conftest import Box
from tests.integration.ingest.harness import Ingest, add_channel, open_ingest, rows, status, upsert
from tests.integration.ingest.test_events import edited, event, reaction, revoked

pytestmark = pytest.mark.services

PHONE, LID = "55119320{:05d}@s.whatsapp.net", "77{:08d}@lid"
OTHER = "55119330{:05d}@s.whatsapp.net"
# Of five digits each, so that one is never part of another.
_worlds = itertools.count(10_001)

STATE = """
SELECT m.provider_id, m.direction, m.type, m.text, m.author_kind, m.status, m.deleted_at IS NOT NULL AS deleted, m.edited_at, m.sent_at,
  m.payload - 'edited_ms' AS payload, m.media_id IS NOT NULL AS has_media,
  (SELECT array_agg(r.text ORDER BY r.text) FROM app.message_revisions r WHERE r.tenant_id = m.tenant_id AND r.message_id = m.id) AS former,
  (SELECT array_agg(r.emoji ORDER BY r.emoji) FROM app.reactions r WHERE r.tenant_id = m.tenant_id AND r.message_id = m.id) AS emojis,
  v.status AS conversation_status, v.inbound_count, v.inbound_answered, v.waiting_since, v.last_message_at, v.last_message_id = m.id AS is_last,
  k.phone, (SELECT array_agg(i.kind || ':' || i.value ORDER BY i.kind, i.value) FROM app.contact_identities i
            WHERE i.tenant_id = k.tenant_id AND i.contact_id = k.id) AS identities,
  (SELECT count(*) FROM app.rounds r WHERE r.tenant_id = v.tenant_id AND r.conversation_id = v.id) AS rounds
FROM app.messages m
JOIN app.conversations v ON v.tenant_id = m.tenant_id AND v.id = m.conversation_id
JOIN app.contacts k ON k.tenant_id = v.tenant_id AND k.id = v.contact_id
JOIN app.channels c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id
WHERE c.instance = :instance ORDER BY m.sent_at, m.provider_id
"""


def story(instance: str, number: int) -> list[dict[str, Any]]:
    """One customer by number and by LID, another beside, an answer from the phone, and all that happens to messages."""
    phone, lid, other = PHONE.format(number), LID.format(number), OTHER.format(number)
    at = 1_790_000_000
    image = {"imageMessage": {"mimetype": "image/jpeg", "caption": "foto"}}
    return [
        upsert(instance, phone, "A1", "um", at=at + 1),
        upsert(instance, lid, "A2", "dois", at=at + 2),
        upsert(instance, phone, "A3", "três", at=at + 3, key={"remoteJidAlt": lid}),
        upsert(instance, phone, "A4", "", at=at + 4, message=image),
        upsert(instance, phone, "OUT1", "resposta", at=at + 5, from_me=True),
        upsert(instance, lid, "A5", "cinco", at=at + 6),
        upsert(instance, other, "B1", "outra pessoa", at=at + 7),
        status(instance, "OUT1", "DELIVERY_ACK"),
        status(instance, "OUT1", "READ"),
        status(instance, "OUT1", "SERVER_ACK"),
        edited(instance, "A1", "um!", 1000),
        edited(instance, "A1", "um!!", 2000),
        revoked(instance, "A2"),
        reaction(instance, phone, "OUT1", "👍", 1000),
        reaction(instance, phone, "OUT1", "❤", 2000),
        event(instance, "contacts.update", {"remoteJid": phone, "pushName": "Maria"}),
    ]


def final_state(box: Box, instance: str, number: int) -> list[dict[str, Any]]:
    found = rows(box.resources, box.cast.tenant_a, STATE, instance=instance)
    # Each world has people of its own; their numbers are told apart by the world's.
    return [
        {
            name: str(value).replace(str(number), "N") if name in ("phone", "identities") else value
            for name, value in row.items()
        }
        for row in found
    ]


class World:
    """An event loop that lives as long as one example."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.number = next(_worlds)
        self.instance = f"world-{self.number}"
        add_channel(box.resources, box.cast.tenant_a, self.instance)
        self.runner = asyncio.Runner()
        self.ingest: Ingest = self.runner.run(open_ingest(box.resources))

    def deliver(self, payloads: list[dict[str, Any]]) -> None:
        assert set(self.runner.run(self.ingest.deliver_all(payloads))) == {200}

    def close(self) -> None:
        self.runner.run(self.ingest.close())
        self.runner.close()

    def state(self) -> list[dict[str, Any]]:
        return final_state(self.box, self.instance, self.number)


def test_any_order_and_any_repetition_end_the_same(box: Box) -> None:
    box.resources.database.publish = lambda events: None
    clean = World(box)
    for payload in story(clean.instance, clean.number):
        clean.deliver([payload])
    expected = clean.state()
    clean.close()
    assert len(expected) == 7

    class Deliveries(RuleBasedStateMachine):
        @initialize(order=st.permutations(range(16)))
        def begin(self, order: list[int]) -> None:
            self.world = World(box)
            self.left = list(order)
            self.told = story(self.world.instance, self.world.number)

        @precondition(lambda self: self.left)
        @rule(count=st.integers(1, 6))
        def deliver_some_together(self, count: int) -> None:
            taken, self.left = self.left[:count], self.left[count:]
            self.world.deliver([self.told[n] for n in taken])

        @rule(again=st.lists(st.integers(0, 15), min_size=1, max_size=4))
        def deliver_some_again(self, again: list[int]) -> None:
            seen = [n for n in again if n not in self.left]
            if seen:
                self.world.deliver([self.told[n] for n in seen])

        @rule()
        def forget_everybody(self) -> None:
            self.world.ingest.batcher.storer.known._known.clear()

        def teardown(self) -> None:
            if not hasattr(self, "world"):
                return
            try:
                if self.left:
                    self.world.deliver([self.told[n] for n in self.left])
                assert self.world.state() == expected
            finally:
                self.world.close()

    run_state_machine_as_test(
        Deliveries,
        settings=settings(
            max_examples=10,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
