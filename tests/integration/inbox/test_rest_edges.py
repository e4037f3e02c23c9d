"""REST at its edges: what strangers send by mistake is refused in words, and every list and time has one form."""

import re
from typing import Any

import httpx
import pytest

from hunfly_box.kit.ids import new_id
from tests.integration.inbox.conftest import World
from tests.integration.inbox.programs import Programs

pytestmark = pytest.mark.services

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/conversations?q=%00", None),
        ("GET", "/api/v1/contacts?q=%00", None),
        ("POST", "/api/v1/conversations/{id}/messages", {"type": "text", "text": "a\0b"}),
        ("POST", "/api/v1/labels", {"name": "a\0b"}),
        ("PATCH", "/api/v1/contacts/{contact}", {"attributes": {"a": "b\0"}}),
    ],
)
def test_a_nul_is_refused_and_no_accident(world: World, programs: Programs, method: str, path: str, body: Any) -> None:
    conversation_id = world.conversation()
    contact_id = world.row("conversations", conversation_id)["contact_id"]

    answer = programs.call(world.box.cast.ana, method, path.format(id=conversation_id, contact=contact_id), body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["code"] == "characters"


@pytest.mark.parametrize("body", [b'{"type":"text","text":"\xff"}', b"[" * 100_000, b"{"])
def test_a_body_that_cannot_be_read_is_malformed(world: World, programs: Programs, body: bytes) -> None:
    answer = raw(world, programs, body, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert answer.headers["content-type"] == PROBLEM


def test_another_media_type_is_refused_before_it_is_read(world: World, programs: Programs) -> None:
    answer = raw(world, programs, b"type=text&text=oi", "application/x-www-form-urlencoded")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert raw(world, programs, b'{"type":"text","text":"oi"}', "application/json; charset=utf-8").status_code == 201


def test_the_unknown_or_missing_field_is_named(world: World, programs: Programs) -> None:
    path = f"/api/v1/conversations/{world.conversation()}/messages"

    unknown = programs.call(world.box.cast.ana, "POST", path, {"type": "text", "text": "x", "assignee": "y"}).json()
    missing = programs.call(world.box.cast.ana, "POST", path, {"text": "x"}).json()

    assert [error["field"] for error in unknown["errors"]] == ["assignee"]
    assert [error["field"] for error in missing["errors"]] == ["type"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/messages/{id}/deliveries"),
        ("DELETE", "/api/v1/messages/{id}"),
        ("DELETE", "/api/v1/messages/{id}/reaction"),
        ("DELETE", "/api/v1/labels/{id}"),
    ],
)
def test_fields_that_nobody_reads_are_refused_where_there_is_no_body(
    world: World, programs: Programs, method: str, path: str
) -> None:
    ana, address = world.box.cast.ana, path.format(id=new_id())

    asked = programs.call(ana, method, address, {"force": True})
    not_even_json = programs.send_bytes(ana, "/api/v1/messages/x/deliveries", b"force", "application/json")

    assert (asked.status_code, [error["field"] for error in asked.json()["errors"]]) == (422, ["force"])
    assert not_even_json.status_code == 404
    assert {programs.call(ana, method, address, body).status_code for body in (None, {})} == {404}


@pytest.mark.parametrize("path", ["conversations?channel_id=x", "contacts?limit=5&foo=", "labels?data=1"])
def test_a_parameter_that_nobody_reads_is_refused_by_name(world: World, programs: Programs, path: str) -> None:
    answer = programs.call(world.box.cast.ana, "GET", f"/api/v1/{path}")

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [
        path.partition("?")[2].split("&")[-1].split("=")[0]
    ]


def test_an_id_in_the_path_is_not_taken_from_the_query(world: World, programs: Programs) -> None:
    path = f"/api/v1/conversations/{world.conversation()}"

    assert programs.call(world.box.cast.ana, "GET", f"{path}?conversation_id={new_id()}").status_code == 422


def test_a_missing_body_is_named(world: World, programs: Programs) -> None:
    answer = programs.call(world.box.cast.ana, "POST", f"/api/v1/conversations/{world.conversation()}/messages")

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "body", "code": "required", "detail": "This call needs a body."}]


def test_nobody_snoozes_to_the_end_of_the_calendar(world: World, programs: Programs) -> None:
    answer = programs.call(
        world.box.cast.ana,
        "PATCH",
        f"/api/v1/conversations/{world.conversation()}",
        {"status": "snoozed", "snoozed_until": "9999-12-31T23:59:59-12:00"},
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "snoozed_until"


def test_a_number_is_one_object_for_every_role(world: World, programs: Programs) -> None:
    cast = world.box.cast
    world_of_others = world.conversation()
    path = f"/api/v1/conversations/{world_of_others}"
    programs.call(cast.ana, "POST", f"{path}/messages", {"type": "text", "text": "na fila"})
    programs.call(cast.ana, "PATCH", path, {"assignee_id": str(cast.ana.id)})

    for_ana, for_bruno = (
        programs.call(who, "GET", "/api/v1/channels").json()["items"] for who in (cast.ana, cast.bruno)
    )

    assert for_bruno == for_ana
    queues = [channel["queue"] for channel in for_ana if channel["queue"]["waiting"]]
    assert queues
    moments = [queue["oldest_at"] for queue in queues] + [channel["since"] for channel in for_ana]
    assert all(MOMENT.fullmatch(moment) for moment in moments), moments


def test_short_lists_have_pages_too(world: World, programs: Programs) -> None:
    ana = world.box.cast.ana
    for number in range(3):
        programs.call(ana, "POST", "/api/v1/labels", {"name": f"página {number} {new_id().hex[:8]}"})

    whole = programs.call(ana, "GET", "/api/v1/labels?limit=200").json()["items"]
    first = programs.call(ana, "GET", "/api/v1/labels?limit=2").json()
    second = programs.call(ana, "GET", f"/api/v1/labels?limit=200&cursor={first['next']}").json()

    assert first["items"] + second["items"] == whole
    assert second["next"] is None
    assert programs.call(ana, "GET", "/api/v1/channels?cursor=zz").status_code == 422
    assert programs.call(ana, "GET", "/api/v1/labels?limit=0").status_code == 422


def test_every_route_declares_its_refusals(world: World, programs: Programs) -> None:
    document = programs.call(world.box.cast.ana, "GET", "/api/openapi.json").json()

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert {"401", "403", "422", "429"} <= operation["responses"].keys(), (method, path)
            assert "{" not in path or "404" in operation["responses"], (method, path)


def test_an_answer_without_a_body_declares_none(world: World, programs: Programs) -> None:
    document = programs.call(world.box.cast.ana, "GET", "/api/openapi.json").json()

    assert "content" not in document["paths"]["/api/v1/labels/{label_id}"]["delete"]["responses"]["204"]


def raw(world: World, programs: Programs, body: bytes, media_type: str) -> httpx.Response:
    path = f"/api/v1/conversations/{world.conversation()}/messages"
    return programs.send_bytes(world.box.cast.ana, path, body, media_type)
