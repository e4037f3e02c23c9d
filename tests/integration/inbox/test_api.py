"""REST, as a program with a person's token meets it."""

from uuid import UUID

import pytest

from hunfly_box.kit.ids import new_id
from tests.integration.inbox.conftest import World
from tests.integration.inbox.programs import Programs

pytestmark = pytest.mark.services

MESSAGE_FIELDS = {
    "id",
    "conversation_id",
    "channel_id",
    "provider_id",
    "direction",
    "author",
    "type",
    "text",
    "media",
    "quoted",
    "reactions",
    "status",
    "error",
    "edited_at",
    "deleted_at",
    "sent_at",
    "version",
}
CONVERSATION_FIELDS = {
    "id",
    "channel_id",
    "contact",
    "status",
    "snoozed_until",
    "assignee",
    "labels",
    "waiting_since",
    "last_message",
    "version",
}


def test_objects_have_the_fields_of_the_contract(world: World, programs: Programs) -> None:
    conversation_id = world.conversation("Mariana", "oi", phone="+5511911110001")
    ana = world.box.cast.ana

    conversation = programs.call(ana, "GET", f"/api/v1/conversations/{conversation_id}").json()
    messages = programs.call(ana, "GET", f"/api/v1/conversations/{conversation_id}/messages").json()

    assert conversation.keys() >= CONVERSATION_FIELDS
    assert conversation["contact"]["phone"] == "+5511911110001"
    assert conversation["waiting_since"] == "2026-01-01T00:00:01.000Z"
    assert messages["next"] is None
    assert messages["items"][0].keys() >= MESSAGE_FIELDS
    assert messages["items"][0] == conversation["last_message"]
    assert messages["items"][0]["sent_at"] == "2026-01-01T00:00:01.000Z"


def test_a_reply_is_created_and_stands_in_the_thread(world: World, programs: Programs) -> None:
    conversation_id = world.conversation()
    bruno = world.box.cast.bruno

    answer = programs.call(
        bruno, "POST", f"/api/v1/conversations/{conversation_id}/messages", {"type": "text", "text": "Olá"}
    )

    assert answer.status_code == 201
    assert answer.json()["status"] == "queued"
    thread = programs.call(bruno, "GET", f"/api/v1/conversations/{conversation_id}/messages").json()["items"]
    assert [message["text"] for message in thread] == ["Olá", "oi"]


def test_unknown_fields_are_refused_by_name(world: World, programs: Programs) -> None:
    conversation_id = world.conversation()

    answer = programs.call(
        world.box.cast.ana,
        "POST",
        f"/api/v1/conversations/{conversation_id}/messages",
        {"type": "text", "text": "Olá", "assignee": "x"},
    )

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "validation"
    assert answer.json()["errors"], answer.json()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "text"}, "text"),
        ({"type": "image"}, "media_id"),
        ({"type": "image", "media_id": str(new_id())}, "media_id"),
        ({"type": "text", "text": "x", "quoted_id": str(new_id())}, "quoted_id"),
        ({"type": "location", "location": {"lat": 100, "lng": 0}}, "location"),
        ({"type": "nothing"}, "type"),
    ],
)
def test_what_is_wrong_is_named(world: World, programs: Programs, body: dict[str, object], field: str) -> None:
    conversation_id = world.conversation()

    answer = programs.call(world.box.cast.ana, "POST", f"/api/v1/conversations/{conversation_id}/messages", body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_location_and_contacts_come_back_as_they_went(world: World, programs: Programs) -> None:
    conversation_id = world.conversation()
    path = f"/api/v1/conversations/{conversation_id}/messages"
    place = {"lat": -23.5, "lng": -46.6, "name": "Loja", "address": "Rua A", "live": False}
    people = [{"name": "Pedro", "phones": ["+5511999990000"]}]

    located = programs.call(world.box.cast.ana, "POST", path, {"type": "location", "location": place}).json()
    shared = programs.call(world.box.cast.ana, "POST", path, {"type": "contacts", "contacts": people}).json()

    assert located["location"] == place
    assert shared["contacts"] == people


def test_orders_and_events_tell_what_they_are_about(world: World, programs: Programs) -> None:
    conversation_id = world.conversation()
    order = {"kind": "product", "title": "Bolo", "note": None, "item_count": 1, "total": 50.0, "currency": "BRL"}
    event = {"name": "Festa", "description": None, "place": "Salão", "starts_at": 1_795_379_072.0, "is_canceled": True}
    world.incoming(conversation_id, "Bolo", type="order", payload=order)
    world.incoming(conversation_id, "Festa", type="event", payload=event)

    path = f"/api/v1/conversations/{conversation_id}/messages?limit=2"
    told = programs.call(world.box.cast.ana, "GET", path).json()["items"]

    assert (told[1]["order"], told[1]["event"]) == (order, None)
    assert told[0]["event"] == {
        "name": "Festa",
        "description": None,
        "place": "Salão",
        "starts_at": "2026-11-22T20:24:32.000Z",
        "ends_at": None,
        "canceled": True,
    }


def test_a_colleagues_conversation_and_another_tenants_are_not_there(
    world: World, strangers_world: World, programs: Programs
) -> None:
    of_bia = world.conversation(assignee=world.box.cast.bia)
    of_strangers = strangers_world.conversation("Deles")
    bruno = world.box.cast.bruno

    for conversation_id in (of_bia, of_strangers, new_id()):
        message_id = (
            world.rows("SELECT last_message_id AS id FROM app.conversations WHERE id = :id", id=conversation_id)
            or strangers_world.rows(
                "SELECT last_message_id AS id FROM app.conversations WHERE id = :id", id=conversation_id
            )
            or [{"id": new_id()}]
        )[0]["id"]
        text = {"type": "text", "text": "x"}
        for method, path, body in (
            ("GET", f"/api/v1/conversations/{conversation_id}", None),
            ("PATCH", f"/api/v1/conversations/{conversation_id}", {}),
            ("PATCH", f"/api/v1/conversations/{conversation_id}", {"assignee_id": str(bruno.id)}),
            ("GET", f"/api/v1/conversations/{conversation_id}/messages", None),
            ("POST", f"/api/v1/conversations/{conversation_id}/messages", text),
            ("POST", f"/api/v1/messages/{message_id}/deliveries", None),
            ("PATCH", f"/api/v1/messages/{message_id}", {"text": "x"}),
            ("DELETE", f"/api/v1/messages/{message_id}", None),
            ("PUT", f"/api/v1/messages/{message_id}/reaction", {"emoji": "👍"}),
            ("DELETE", f"/api/v1/messages/{message_id}/reaction", None),
        ):
            answer = programs.call(bruno, method, path, body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)


def test_an_agent_who_hands_over_is_told_how_it_stands(world: World, programs: Programs) -> None:
    cast = world.box.cast
    conversation_id = world.conversation(assignee=cast.bruno)
    path = f"/api/v1/conversations/{conversation_id}"

    answer = programs.call(cast.bruno, "PATCH", path, {"assignee_id": str(cast.bia.id)})

    assert answer.status_code == 200
    assert answer.json()["assignee"] == {"id": str(cast.bia.id), "name": "Bia"}
    assert programs.call(cast.bruno, "GET", path).status_code == 404


def test_status_and_snooze_are_changed_together(world: World, programs: Programs) -> None:
    ana = world.box.cast.ana
    path = f"/api/v1/conversations/{world.conversation()}"

    resolved = programs.call(ana, "PATCH", path, {"status": "resolved"}).json()
    reopened = programs.call(ana, "PATCH", path, {"status": "open"}).json()
    snoozed = programs.call(ana, "PATCH", path, {"status": "snoozed", "snoozed_until": "2099-01-01T12:00:00Z"}).json()
    aimless = programs.call(ana, "PATCH", path, {"status": "snoozed"})

    assert [item["status"] for item in (resolved, reopened, snoozed)] == ["resolved", "open", "snoozed"]
    assert snoozed["snoozed_until"] == "2099-01-01T12:00:00.000Z"
    assert [error["field"] for error in aimless.json()["errors"]] == ["snoozed_until"]


def test_a_moment_alone_snoozes_and_none_wakes(world: World, programs: Programs) -> None:
    ana = world.box.cast.ana
    path = f"/api/v1/conversations/{world.conversation()}"

    def change(**fields: object) -> tuple[object, object]:
        answer = programs.call(ana, "PATCH", path, fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["status"], answer.json()["snoozed_until"]

    assert change(snoozed_until=None) == ("open", None)
    assert change(snoozed_until="2099-01-01T12:00:00Z") == ("snoozed", "2099-01-01T12:00:00.000Z")
    assert change(snoozed_until=None) == ("open", None)
    change(status="resolved")
    assert change(snoozed_until=None) == ("resolved", None)


def test_the_list_is_filtered(world: World, programs: Programs) -> None:
    cast = world.box.cast
    mine = world.conversation("Minha", assignee=cast.ana)
    nobodys = world.conversation("Ninguém")
    of_bruno = world.conversation("Bruno", assignee=cast.bruno)
    resolved = world.conversation("Velha")
    programs.call(cast.ana, "PATCH", f"/api/v1/conversations/{resolved}", {"status": "resolved"})

    def listed(query: str) -> set[UUID]:
        found = programs.call(cast.ana, "GET", f"/api/v1/conversations?channel={world.channel_id}&{query}").json()
        return {UUID(item["id"]) for item in found["items"]}

    assert listed("") == {mine, nobodys, of_bruno, resolved}
    assert listed("assignee=me") == {mine}
    assert listed("assignee=none&status=open") == {nobodys}
    assert listed(f"assignee={cast.bruno.id}") == {of_bruno}
    assert listed("status=resolved") == {resolved}
    assert programs.call(cast.ana, "GET", "/api/v1/conversations?status=odd").status_code == 422
    assert programs.call(cast.ana, "GET", "/api/v1/conversations?cursor=odd").status_code == 422
    assert programs.call(cast.ana, "GET", "/api/v1/conversations?limit=500").status_code == 422


def test_contacts_are_renamed_and_blocked(world: World, programs: Programs) -> None:
    cast = world.box.cast
    conversation_id = world.conversation("Mariana", phone="+5511911110002")
    contact_id = programs.call(cast.ana, "GET", f"/api/v1/conversations/{conversation_id}").json()["contact"]["id"]
    path = f"/api/v1/contacts/{contact_id}"

    renamed = programs.call(cast.bruno, "PATCH", path, {"name": "Mariana Alves", "attributes": {"cpf": "1"}}).json()
    blocked = programs.call(cast.bruno, "PATCH", path, {"blocked": True}).json()
    refused = programs.call(
        cast.ana, "POST", f"/api/v1/conversations/{conversation_id}/messages", {"type": "text", "text": "x"}
    )

    assert renamed["name"] == "Mariana Alves"
    assert renamed["attributes"] == {"cpf": "1"}
    assert renamed["identities"] == [{"kind": "phone", "value": "+5511911110002"}]
    assert blocked["blocked"] is True
    assert (refused.status_code, refused.json()["code"]) == (409, "inbox.conversation_blocked")
    assert programs.call(cast.carla, "GET", path).status_code == 404


def test_labels_are_kept_by_those_who_lead(world: World, programs: Programs) -> None:
    cast = world.box.cast
    name = f"Etiqueta {new_id().hex[-6:]}"

    refused = programs.call(cast.bruno, "POST", "/api/v1/labels", {"name": name})
    made = programs.call(cast.beto, "POST", "/api/v1/labels", {"name": name, "color": 3})
    path = f"/api/v1/labels/{made.json()['id']}"
    changed = programs.call(cast.beto, "PATCH", path, {"color": 4})

    assert refused.status_code == 403
    assert made.status_code == 201
    assert changed.json() == {"id": made.json()["id"], "name": name, "color": 4}
    assert changed.json() in programs.call(cast.bruno, "GET", "/api/v1/labels").json()["items"]
    assert programs.call(cast.carla, "PATCH", path, {"color": 1}).status_code == 404
    assert programs.call(cast.beto, "DELETE", path).status_code == 204
