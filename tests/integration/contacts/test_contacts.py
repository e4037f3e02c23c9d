"""Customers: found, named, described, blocked; seen by who sees their conversations."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from hunfly_box.contacts import commands, objects, queries
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.errors import Invalid, NotFound
from hunfly_box.kit.ids import new_id
from hunfly_box.providers.port import Address
from tests.cast import Person
from tests.integration.inbox.conftest import World
from tests.integration.inbox.programs import Programs

pytestmark = pytest.mark.services

PHONE = Address("phone", "+5511977770001", "5511977770001@s.whatsapp.net")
LID = Address("lid", "111222333444555", "111222333444555@lid")


def contact_of(world: World, conversation_id: UUID) -> UUID:
    found: UUID = world.row("conversations", conversation_id)["contact_id"]
    return found


def listed(programs: Programs, who: Person, query: str) -> set[str]:
    return {item["id"] for item in programs.call(who, "GET", f"/api/v1/contacts?{query}").json()["items"]}


def test_an_agent_sees_the_customers_of_their_conversations(world: World, programs: Programs) -> None:
    cast = world.box.cast
    mine = contact_of(world, world.conversation("Quirino Meu", assignee=cast.bruno))
    queued = contact_of(world, world.conversation("Quirino Fila"))
    of_bia = contact_of(world, world.conversation("Quirino Bia", assignee=cast.bia))

    assert listed(programs, cast.ana, "q=quirino") == {str(mine), str(queued), str(of_bia)}
    assert listed(programs, cast.bruno, "q=quirino") == {str(mine), str(queued)}
    assert str(of_bia) not in listed(programs, cast.bruno, "limit=200")
    assert programs.call(cast.bruno, "GET", f"/api/v1/contacts/{of_bia}").status_code == 404
    assert programs.call(cast.bruno, "PATCH", f"/api/v1/contacts/{of_bia}", {"name": "x"}).status_code == 404
    assert listed(programs, cast.carla, "q=quirino") == set()


@pytest.mark.parametrize("typed", ["+55 11 97654-3210", "(11) 97654-3210", "97654 3210", "976543210"])
def test_a_number_is_found_as_it_is_printed(world: World, programs: Programs, typed: str) -> None:
    customer = contact_of(world, world.conversation("Quintino"))
    world.change("UPDATE app.contacts SET phone = '+5511976543210' WHERE id = :id", id=customer)
    found = programs.call(world.box.cast.ana, "GET", f"/api/v1/contacts?{urlencode({'q': typed})}").json()["items"]
    assert str(customer) in {item["id"] for item in found}


def test_who_told_no_name_is_called_by_the_number_as_people_write_it() -> None:
    assert objects.display_name(None, "+5511976543210") == "+55 11 97654-3210"
    assert objects.display_name("Rita", "+5511976543210") == "Rita"
    assert objects.display_name(None, None, "111222333444555") == "111222333444555"


def test_the_list_goes_on_by_its_cursor(world: World, programs: Programs) -> None:
    made = {str(contact_of(world, world.conversation(f"Zacarias {number}"))) for number in range(5)}
    ana = world.box.cast.ana

    found: list[str] = []
    address = "/api/v1/contacts?q=zacarias&limit=2"
    for _ in range(3):
        page = programs.call(ana, "GET", address).json()
        found += [item["id"] for item in page["items"]]
        address = f"/api/v1/contacts?q=zacarias&limit=2&cursor={page['next']}"

    assert page["next"] is None
    assert len(found) == len(made)
    assert set(found) == made


def test_a_name_of_ours_wins_until_it_is_taken_away(world: World) -> None:
    contact_id = contact_of(world, world.conversation("mari 🌻"))

    def name() -> str:
        with world.database.transaction(world.box.cast.ana.scope) as tx:
            return queries.contact(tx, contact_id).name

    with world.database.transaction(world.box.cast.ana.scope) as tx:
        commands.update(tx, contact_id, name="  Mariana   Alves ")
    assert name() == "Mariana Alves"
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        commands.update(tx, contact_id, name=None)
    assert name() == "mari 🌻"


def test_a_changed_contact_changes_their_conversations(world: World) -> None:
    conversation_id = world.conversation("Mariana")
    contact_id = contact_of(world, conversation_id)
    before = world.row("conversations", conversation_id)["version"]
    world.announced.clear()

    with world.database.transaction(world.box.cast.bruno.scope) as tx:
        commands.update(tx, contact_id, name="Mari")

    assert world.row("conversations", conversation_id)["version"] > before
    assert Changed(world.tenant_id, "contact", contact_id) in world.announced
    assert Changed(world.tenant_id, "conversation", conversation_id, conversation_id) in world.announced


def test_blocking_is_written_down_once(world: World) -> None:
    contact_id = contact_of(world, world.conversation())

    for blocked in (True, True, False):
        with world.database.transaction(world.box.cast.ana.scope) as tx:
            commands.update(tx, contact_id, blocked=blocked)

    lines = world.rows(
        "SELECT action, actor, actor_id FROM app.audit WHERE object_id = :id ORDER BY id", id=str(contact_id)
    )
    ana = {"actor": "Ana", "actor_id": world.box.cast.ana.id}
    assert lines == [{"action": "contact.blocked", **ana}, {"action": "contact.unblocked", **ana}]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 201},
        {"attributes": {str(number): 1 for number in range(51)}},
        {"attributes": {"a": {"b": 1}}},
        {"attributes": {"a": "x" * 2001}},
    ],
)
def test_too_much_is_refused(world: World, changes: dict[str, Any]) -> None:
    contact_id = contact_of(world, world.conversation())

    with pytest.raises(Invalid), world.database.transaction(world.box.cast.ana.scope) as tx:
        commands.update(tx, contact_id, **changes)


def test_whoever_has_one_of_the_addresses_is_the_same_person(world: World) -> None:
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        first = commands.ensure(tx, [LID], push_name="Mari")
        second = commands.ensure(tx, [PHONE, LID])
        third = commands.ensure(tx, [PHONE])
        contact = objects.contacts(tx, [first])[0]

    assert first == second == third
    assert {(identity.kind, identity.value) for identity in contact.identities} == {
        ("phone", PHONE.value),
        ("lid", LID.value),
    }


def test_foreign_contacts_are_not_there(world: World, strangers_world: World) -> None:
    foreign = contact_of(strangers_world, strangers_world.conversation("Deles"))

    with world.database.transaction(world.box.cast.ana.scope) as tx:
        assert objects.contacts(tx, [foreign]) == []
    for contact_id in (foreign, new_id()):
        with pytest.raises(NotFound), world.database.transaction(world.box.cast.ana.scope) as tx:
            commands.update(tx, contact_id, name="x")
