"""A shop that writes to its customers: a box, the simulated engine, one number, and as many customers as a test wants."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hunfly_box import simulator
from hunfly_box.bootstrap import Resources
from hunfly_box.channels import credentials
from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.outbound import commands
from hunfly_box.outbound.pacing import Gaps
from tests.conftest import Box

OWNER = "5511999990000"
# Fast enough for a test, and the limit itself is never the thing under test here.
QUICK_GAPS = Gaps(limit=1000, gap_seconds=0.0, jitter_seconds=0.0, recipient_seconds=0.0)


@dataclass
class Customer:
    number: str
    contact_id: UUID
    conversation_id: UUID


@dataclass
class Shop:
    box: Box
    sim: simulator.Simulator
    instance: str
    channel_id: UUID = field(default_factory=new_id)
    people: int = 0

    @property
    def resources(self) -> Resources:
        return self.box.resources

    @property
    def tenant_id(self) -> UUID:
        return self.box.cast.tenant_a

    @property
    def system(self) -> Scope:
        return Scope.system(self.tenant_id)

    def open(self, webhook: dict[str, Any] | None = None) -> None:
        self.sim.create_instance(self.instance, webhook)
        self.sim.scan(self.instance, OWNER)
        secrets = credentials.new_secrets(self.sim.api_key)
        with self.resources.database.transaction(self.system) as tx:
            tx.execute(
                "INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets, state)"
                " VALUES (:tenant, :id, 'Loja', 'evolution', :instance, :url, :key, :secrets, 'open')",
                tenant=self.tenant_id,
                id=self.channel_id,
                instance=self.instance,
                url=self.sim.url,
                key=new_id().hex,
                secrets=credentials.seal(self.resources.sealer, self.tenant_id, self.channel_id, secrets),
            )

    def set_state(self, state: str) -> None:
        with self.resources.database.transaction(self.system) as tx:
            tx.execute("UPDATE app.channels SET state = :state WHERE id = :id", state=state, id=self.channel_id)

    def customer(self, name: str = "Maria", *, is_known: bool = True) -> Customer:
        self.people += 1
        number = f"55118{new_id().int % 10**8:08d}"
        if is_known:
            self.sim.add_contact(f"{name} {self.people}", number=number)
        contact, conversation = new_id(), new_id()
        with self.resources.database.transaction(self.system) as tx:
            ids = {"tenant": self.tenant_id, "contact": contact}
            tx.execute(
                "INSERT INTO app.contacts (tenant_id, id, name, phone) VALUES (:tenant, :contact, :name, :phone)",
                **ids,
                name=name,
                phone=f"+{number}",
            )
            tx.execute(
                "INSERT INTO app.contact_identities (tenant_id, id, contact_id, kind, value, address)"
                " VALUES (:tenant, :id, :contact, 'phone', :value, :address)",
                **ids,
                id=new_id(),
                value=f"+{number}",
                address=f"{number}@s.whatsapp.net",
            )
            tx.execute(
                "INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id)"
                " VALUES (:tenant, :id, :channel, :contact)",
                **ids,
                id=conversation,
                channel=self.channel_id,
            )
        return Customer(number, contact, conversation)

    def write(self, customer: Customer, text: str | None, type_: str = "text", **columns: Any) -> UUID:
        """What the inbox does when an agent presses Enter."""
        message_id = new_id()
        with self.resources.database.transaction(self.box.cast.ana.scope) as tx:
            tx.execute(
                "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind,"
                " author_id, text, status, sent_at, payload, media_id, quoted_provider_id, quoted_text)"
                " VALUES (:tenant, :id, :conversation, :channel, 'out', :type, 'user', :user, :text, :status, now(),"
                " CAST(:payload AS jsonb), :media_id, :quoted_provider_id, :quoted_text)",
                tenant=self.tenant_id,
                id=message_id,
                conversation=customer.conversation_id,
                channel=self.channel_id,
                type=type_,
                user=self.box.cast.ana.id,
                text=text,
                status=commands.starting_status(tx, self.channel_id),
                payload=json.dumps(columns.get("payload")) if columns.get("payload") else None,
                media_id=columns.get("media_id"),
                quoted_provider_id=columns.get("quoted_provider_id"),
                quoted_text=columns.get("quoted_text"),
            )
            commands.put_in_outbox(
                tx,
                message_id=message_id,
                conversation_id=customer.conversation_id,
                channel_id=self.channel_id,
                created_by=self.box.cast.ana.id,
            )
        return message_id

    def message(self, message_id: UUID) -> dict[str, Any]:
        with self.resources.database.transaction(self.system) as tx:
            return tx.one(dict, "SELECT * FROM app.messages WHERE id = :id", id=message_id)

    def deliveries(self, message_id: UUID) -> list[dict[str, Any]]:
        with self.resources.database.transaction(self.system) as tx:
            return tx.all(
                dict, "SELECT * FROM app.deliveries WHERE message_id = :id ORDER BY created_at, id", id=message_id
            )

    def execute(self, statement: str, **params: Any) -> int:
        with self.resources.database.transaction(self.system) as tx:
            return tx.execute(statement, **params)

    def wait_for_status(self, message_id: UUID, *statuses: str, seconds: float = 15.0) -> dict[str, Any]:
        eventually(lambda: self.message(message_id)["status"] in statuses, seconds, lambda: self.story(message_id))
        return self.message(message_id)

    def story(self, message_id: UUID) -> str:
        message = self.message(message_id)
        return f"{message['status']} {message['error_code']} {message['error_detail']} {self.deliveries(message_id)}"

    def sent_texts(self, customer: Customer | None = None) -> list[str | None]:
        everything = sorted(self.sim.sent(instance=self.instance), key=lambda one: one.n)
        return [one.text for one in everything if customer is None or customer.number in one.jid]


def eventually(is_true: Callable[[], bool], seconds: float = 10.0, story: Callable[[], str] = str) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, story()
        time.sleep(0.02)
