"""A contact's picture follows the phone: at once when the provider names another, and looked for once a day otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from hunfly_box import simulator
from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.media import avatars
from tests.conftest import Box
from tests.integration.ingest.harness import SECRETS, Ingest, add_channel, run, upsert

pytestmark = pytest.mark.services


@dataclass
class Maria:
    """A customer with a portrait, at an engine of her own."""

    box: Box
    sim: simulator.Simulator
    instance: str
    number: str

    @property
    def chat(self) -> str:
        return f"{self.number}@s.whatsapp.net"

    @property
    def contact(self) -> dict[str, Any]:
        (found,) = self.rows("SELECT * FROM app.contacts WHERE phone = :phone", phone=f"+{self.number}")
        return found

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        with self.box.resources.database.transaction(Scope.system(self.box.cast.tenant_a)) as tx:
            return tx.all(dict, sql, **values)

    def writes(self) -> None:
        self.deliver(upsert(self.instance, self.chat, new_id().hex, "oi"))

    def is_told(self, picture_url: str) -> None:
        entry = {"remoteJid": self.chat, "pushName": "Maria", "profilePicUrl": picture_url}
        self.deliver({"event": "contacts.update", "instance": self.instance, "data": [entry]})

    def deliver(self, *webhooks: dict[str, Any]) -> None:
        async def scenario(ingest: Ingest) -> None:
            for webhook in webhooks:
                assert await ingest.deliver(webhook) == 200

        run(self.box.resources, scenario)

    def asked_for(self) -> bool:
        """Whether a worker is going to look; it has done so after this."""
        waiting = self.rows(
            "UPDATE app.work SET state = 'done' WHERE kind = 'contacts.avatar' AND state = 'queued' AND dedup_key = :id"
            " RETURNING payload",
            id=str(self.contact["id"]),
        )
        for work in waiting:
            avatars.fetch(self.box.resources, self.box.cast.tenant_a, UUID(work["payload"]["contact_id"]))
        return bool(waiting)

    def address(self) -> str:
        """Of her portrait, as the engine names it now."""
        (mark,) = self.rows("SELECT avatar_mark FROM app.contacts WHERE id = :id", id=self.contact["id"])
        return str(mark["avatar_mark"])


@pytest.fixture
def maria(box: Box) -> Iterator[Maria]:
    instance, number = f"loja{new_id().hex[-6:]}", f"55119{new_id().int % 10**8:08d}"
    with simulator.start(time_scale=0.02, seed=7) as sim:
        sim.create_instance(instance)
        sim.scan(instance, "5511999990000")
        sim.add_contact("Maria", number=number, picture=1)
        channel = add_channel(box.resources, box.cast.tenant_a, instance, SECRETS | {"api_key": sim.api_key})
        made = Maria(box, sim, instance, number)
        made.rows("UPDATE app.channels SET engine_url = :url WHERE id = :id RETURNING id", url=sim.url, id=channel)
        yield made


def test_another_picture_is_fetched_as_soon_as_the_provider_names_it(maria: Maria) -> None:
    maria.writes()
    assert maria.asked_for()
    first = maria.contact["avatar_sha256"]
    assert first

    maria.is_told(maria.address() + "?oe=another-signature")
    assert not maria.asked_for()

    [before] = maria.rows("SELECT id, version FROM app.conversations WHERE contact_id = :id", id=maria.contact["id"])
    maria.sim.command("change_picture", instance=maria.instance, contact=maria.number)
    changed = maria.address().replace(".jpg", "-2.jpg")
    maria.is_told(changed + "?oe=0")
    assert maria.asked_for()
    assert maria.contact["avatar_sha256"] not in (None, first)
    assert maria.address() == changed
    [after] = maria.rows("SELECT version FROM app.conversations WHERE id = :id", id=before["id"])
    assert after["version"] > before["version"]

    maria.is_told(changed + "?oe=1")
    assert not maria.asked_for()


def test_who_writes_a_day_later_is_looked_at_again_and_nothing_new_moves_nothing(maria: Maria) -> None:
    maria.writes()
    assert maria.asked_for()
    maria.writes()
    assert not maria.asked_for()
    maria.rows("UPDATE app.contacts SET avatar_checked_at = now() - interval '25 hours' RETURNING id")
    maria.writes()
    [before] = maria.rows("SELECT id, version FROM app.conversations WHERE contact_id = :id", id=maria.contact["id"])
    assert maria.asked_for()
    [after] = maria.rows("SELECT version FROM app.conversations WHERE id = :id", id=before["id"])
    assert after["version"] == before["version"]


def test_an_engine_without_a_picture_leaves_the_last_one(maria: Maria) -> None:
    """It says so too when it could not ask."""
    maria.writes()
    assert maria.asked_for()
    first = maria.contact["avatar_sha256"]
    maria.sim.command("change_contact", contact=maria.number, picture=0)
    maria.rows("UPDATE app.contacts SET avatar_checked_at = now() - interval '25 hours' RETURNING id")
    maria.writes()
    assert maria.asked_for()
    assert maria.contact["avatar_sha256"] == first


def test_people_who_never_wrote_are_not_looked_at(maria: Maria) -> None:
    """A phone's whole address book comes with its pictures at linking."""
    maria.is_told("https://pps.example/v/1.jpg?oe=0")
    assert not maria.asked_for()
