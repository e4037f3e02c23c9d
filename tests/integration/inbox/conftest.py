"""A tenant with a number, and customers who write to it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from hunfly_box.app import create_app
from hunfly_box.kit.database import Database, Event, Scope, TenantTransaction
from hunfly_box.kit.ids import new_id
from tests.cast import Person
from tests.conftest import Box
from tests.integration.access.conftest import Browsers
from tests.integration.inbox.programs import Programs

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class World:
    """What a test sees of the box: one tenant's number, ways to let customers write, and what was announced."""

    box: Box
    tenant_id: UUID
    channel_id: UUID
    announced: list[Event] = field(default_factory=list)
    clock: datetime = LONG_AGO

    @property
    def database(self) -> Database:
        return self.box.resources.database

    def tick(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def customer(self, name: str, phone: str | None = None, *, is_group: bool = False) -> UUID:
        contact_id = new_id()
        with self.database.transaction(Scope.system(self.tenant_id)) as tx:
            tx.execute(
                "INSERT INTO app.contacts (tenant_id, id, push_name, phone, is_group)"
                " VALUES (:tenant, :id, :name, :phone, :is_group)",
                tenant=self.tenant_id,
                id=contact_id,
                name=name,
                phone=phone,
                is_group=is_group,
            )
            if phone:
                tx.execute(
                    "INSERT INTO app.contact_identities (tenant_id, id, contact_id, kind, value, address)"
                    " VALUES (:tenant, :id, :contact, 'phone', :phone, :address)",
                    tenant=self.tenant_id,
                    id=new_id(),
                    contact=contact_id,
                    phone=phone,
                    address=phone.lstrip("+") + "@s.whatsapp.net",
                )
        return contact_id

    def conversation(
        self,
        name: str = "Mariana",
        *texts: str,
        assignee: Person | None = None,
        phone: str | None = None,
        is_group: bool = False,
        channel_id: UUID | None = None,
    ) -> UUID:
        """Opened by the customer's messages, one after another."""
        contact_id = self.customer(name, phone, is_group=is_group)
        conversation_id = new_id()
        with self.database.transaction(Scope.system(self.tenant_id)) as tx:
            tx.execute(
                "INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id, assignee_id)"
                " VALUES (:tenant, :id, :channel, :contact, :assignee)",
                tenant=self.tenant_id,
                id=conversation_id,
                channel=channel_id or self.channel_id,
                contact=contact_id,
                assignee=assignee.id if assignee else None,
            )
            tx.execute(
                "INSERT INTO app.rounds (tenant_id, id, conversation_id, opened_at) VALUES (:tenant, :id, :conversation, :at)",
                tenant=self.tenant_id,
                id=new_id(),
                conversation=conversation_id,
                at=LONG_AGO,
            )
        for text in texts or ("oi",):
            self.incoming(conversation_id, text)
        return conversation_id

    def incoming(self, conversation_id: UUID, text: str, **fields: Any) -> UUID:
        """As the receiver leaves it."""
        message_id = new_id()
        with self.database.transaction(Scope.system(self.tenant_id)) as tx:
            self._insert(tx, conversation_id, message_id, text, fields)
            tx.execute(
                "UPDATE app.conversations SET inbound_count = inbound_count + 1, last_message_id = :message,"
                " last_message_at = :at, waiting_since = coalesce(waiting_since, :at) WHERE id = :id",
                id=conversation_id,
                message=message_id,
                at=self.clock,
            )
        return message_id

    def _insert(
        self, tx: TenantTransaction, conversation_id: UUID, message_id: UUID, text: str, fields: dict[str, Any]
    ) -> None:
        tx.execute(
            "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, author_id,"
            " text, provider_id, payload, quoted_provider_id, quoted_text, sent_at)"
            " SELECT v.tenant_id, :id, v.id, v.channel_id, 'in', :type, 'contact', v.contact_id, :text, :provider_id,"
            " CAST(:payload AS jsonb), :quoted, :quoted_text, :at FROM app.conversations v WHERE v.id = :conversation",
            id=message_id,
            conversation=conversation_id,
            text=text,
            type=fields.get("type", "text"),
            provider_id=fields.get("provider_id", message_id.hex.upper()),
            payload=json.dumps(fields.get("payload", {})),
            quoted=fields.get("quoted"),
            quoted_text=fields.get("quoted_text"),
            at=self.tick(),
        )

    def row(self, table: str, id_: UUID) -> dict[str, Any]:
        with self.database.transaction(Scope.system(self.tenant_id)) as tx:
            return tx.one(dict[str, Any], f"SELECT * FROM app.{table} WHERE id = :id", id=id_)

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        with self.database.transaction(Scope.system(self.tenant_id)) as tx:
            return tx.all(dict[str, Any], sql, **values)

    def change(self, sql: str, **values: Any) -> None:
        with self.database.transaction(Scope.system(self.tenant_id)) as tx:
            tx.execute(sql, **values)


def add_channel(database: Database, tenant_id: UUID, *, name: str = "Loja", state: str = "open") -> UUID:
    channel_id = new_id()
    with database.transaction(Scope.system(tenant_id)) as tx:
        tx.execute(
            "INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets, phone, state)"
            " VALUES (:tenant, :id, :name, 'evolution', :instance, 'http://127.0.0.1:1', :instance, :secrets, '+5511900000000',"
            " :state)",
            tenant=tenant_id,
            id=channel_id,
            name=name,
            instance=channel_id.hex,
            secrets=b"sealed",
            state=state,
        )
    return channel_id


@pytest.fixture
def world(box: Box) -> Iterator[World]:
    """Tenant A, with a number of its own for this test."""
    channel_id = add_channel(box.resources.database, box.cast.tenant_a)
    found = World(box, box.cast.tenant_a, channel_id)
    box.resources.database.publish = found.announced.extend
    yield found
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        tx.execute("DELETE FROM app.channels WHERE id = :id", id=channel_id)
        tx.execute("UPDATE app.tenants SET agents_see_queue = true, send_read_receipts = true")


@pytest.fixture
def strangers_world(box: Box) -> World:
    """Tenant B."""
    return World(box, box.cast.tenant_b, add_channel(box.resources.database, box.cast.tenant_b))


@pytest.fixture(scope="module")
def programs(box: Box) -> Iterator[Programs]:
    found = Programs(box)
    yield found
    found.close()


@pytest.fixture(scope="module")
def browsers(box: Box) -> Iterator[Browsers]:
    found = Browsers(create_app(box.resources))
    yield found
    found.close()
