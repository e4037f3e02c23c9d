"""A contact's picture follows the phone: at once when the provider names another, and looked for once a day otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from hunfly_box.kit.ids import new_id
from hunfly_box.media import avatars
from tests.conftest import Box
from tests.integration.ingest.engine import Engine, engine
from tests.integration.ingest.harness import upsert

pytestmark = pytest.mark.services


@dataclass
class Maria:
    """A customer with a portrait."""

    engine: Engine
    number: str

    @property
    def chat(self) -> str:
        return f"{self.number}@s.whatsapp.net"

    @property
    def contact(self) -> dict[str, Any]:
        (found,) = self.engine.rows("SELECT * FROM app.contacts WHERE phone = :phone", phone=f"+{self.number}")
        return found

    @property
    def version(self) -> int:
        (found,) = self.engine.rows(
            "SELECT version FROM app.conversations WHERE contact_id = :id", id=self.contact["id"]
        )
        return int(found["version"])

    def writes(self) -> None:
        self.engine.deliver(upsert(self.engine.instance, self.chat, new_id().hex, "oi"))

    def is_told(self, picture_url: str) -> None:
        entry = {"remoteJid": self.chat, "pushName": "Maria", "profilePicUrl": picture_url}
        self.engine.deliver({"event": "contacts.update", "instance": self.engine.instance, "data": [entry]})

    def a_day_passes(self) -> None:
        self.engine.rows("UPDATE app.contacts SET avatar_checked_at = now() - interval '25 hours' RETURNING id")

    def asked_for(self) -> bool:
        """Whether a worker is going to look; it has done so after this."""
        waiting = self.engine.take_work("contacts.avatar")
        for payload in waiting:
            avatars.fetch(self.engine.box.resources, self.engine.box.cast.tenant_a, UUID(payload["contact_id"]))
        return bool(waiting)


@pytest.fixture
def maria(box: Box) -> Iterator[Maria]:
    number = f"55119{new_id().int % 10**8:08d}"
    with engine(box) as made:
        made.sim.add_contact("Maria", number=number, picture=1)
        yield Maria(made, number)


def test_another_picture_is_fetched_as_soon_as_the_provider_names_it(maria: Maria) -> None:
    maria.writes()
    assert maria.asked_for()
    first = maria.contact["avatar_sha256"]
    assert first

    maria.is_told(maria.contact["avatar_mark"] + "?oe=another-signature")
    assert not maria.asked_for()

    before = maria.version
    maria.engine.sim.command("change_picture", instance=maria.engine.instance, contact=maria.number)
    changed = maria.contact["avatar_mark"].replace(".jpg", "-2.jpg")
    maria.is_told(changed + "?oe=0")
    assert maria.asked_for()
    assert maria.contact["avatar_sha256"] not in (None, first)
    assert maria.contact["avatar_mark"] == changed
    assert maria.version > before

    maria.is_told(changed + "?oe=1")
    assert not maria.asked_for()


def test_who_writes_a_day_later_is_looked_at_again_and_nothing_new_moves_nothing(maria: Maria) -> None:
    maria.writes()
    assert maria.asked_for()
    maria.writes()
    assert not maria.asked_for()
    maria.a_day_passes()
    maria.writes()
    before = maria.version
    assert maria.asked_for()
    assert maria.version == before


def test_an_engine_without_a_picture_leaves_the_last_one(maria: Maria) -> None:
    """It says so too when it could not ask."""
    maria.writes()
    assert maria.asked_for()
    first = maria.contact["avatar_sha256"]
    maria.engine.sim.command("change_contact", contact=maria.number, picture=0)
    maria.a_day_passes()
    maria.writes()
    assert maria.asked_for()
    assert maria.contact["avatar_sha256"] == first


def test_people_who_never_wrote_are_not_looked_at(maria: Maria) -> None:
    """A phone's whole address book comes with its pictures at linking."""
    maria.is_told("https://pps.example/v/1.jpg?oe=0")
    assert not maria.asked_for()
