"""Idempotency-Key: asked twice, done once, answered the same."""

from typing import Any
from uuid import UUID

import pytest

from hunfly_box.kit import idempotency
from hunfly_box.kit.idempotency import Answer
from hunfly_box.kit.ids import new_id
from tests.integration.inbox.conftest import World
from tests.integration.inbox.programs import Programs

pytestmark = pytest.mark.services


def count(world: World, conversation_id: UUID) -> tuple[int, int]:
    """Replies and their deliveries."""
    row = world.rows(
        "SELECT (SELECT count(*) FROM app.messages WHERE conversation_id = :id AND direction = 'out' AND type = 'text') AS m,"
        " (SELECT count(*) FROM app.deliveries WHERE conversation_id = :id) AS d",
        id=conversation_id,
    )[0]
    return row["m"], row["d"]


def test_the_same_call_again_gets_the_first_answer(world: World, programs: Programs) -> None:
    conversation_id, key = world.conversation(), new_id().hex
    path = f"/api/v1/conversations/{conversation_id}/messages"
    ana = world.box.cast.ana

    first = programs.call(ana, "POST", path, {"type": "text", "text": "Olá"}, idempotency_key=key)
    # The same body in another spelling.
    again = programs.call(ana, "POST", path, {"text": "Olá", "type": "text"}, idempotency_key=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.json()["cid"] == key
    assert count(world, conversation_id) == (1, 1)


def test_another_body_under_the_same_key_is_refused(world: World, programs: Programs) -> None:
    conversation_id, other, key = world.conversation(), world.conversation("Outra"), new_id().hex
    ana = world.box.cast.ana
    body = {"type": "text", "text": "Olá"}
    programs.call(ana, "POST", f"/api/v1/conversations/{conversation_id}/messages", body, idempotency_key=key)

    other_text = programs.call(
        ana,
        "POST",
        f"/api/v1/conversations/{conversation_id}/messages",
        {"type": "text", "text": "Tchau"},
        idempotency_key=key,
    )
    other_place = programs.call(ana, "POST", f"/api/v1/conversations/{other}/messages", body, idempotency_key=key)

    for answer in (other_text, other_place):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency.mismatch")
    assert count(world, conversation_id) == (1, 1)
    assert count(world, other) == (0, 0)


def test_keys_belong_to_a_person(world: World, programs: Programs) -> None:
    conversation_id, key = world.conversation(), new_id().hex
    path = f"/api/v1/conversations/{conversation_id}/messages"

    for who in (world.box.cast.ana, world.box.cast.beto):
        answer = programs.call(who, "POST", path, {"type": "text", "text": who.name}, idempotency_key=key)
        assert answer.json()["text"] == who.name
    assert count(world, conversation_id) == (2, 2)


def test_twenty_calls_at_once_write_one_message(world: World, programs: Programs) -> None:
    conversation_id, key = world.conversation(), new_id().hex
    path = f"/api/v1/conversations/{conversation_id}/messages"
    call: Any = (world.box.cast.ana, "POST", path, {"type": "text", "text": "Olá"}, {"idempotency_key": key})

    answers = programs.together([call] * 20)

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency.busy"}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert count(world, conversation_id) == (1, 1)


def test_while_the_first_runs_the_second_is_told_so(world: World) -> None:
    scope = world.box.cast.ana.scope
    asked = idempotency.request(new_id().hex, scope.user_id or new_id(), "x", None)

    with world.database.transaction(scope) as first:
        idempotency.once(first, asked, lambda: Answer(201, b"1"))
        with pytest.raises(idempotency.Busy), world.database.transaction(scope) as second:
            idempotency.once(second, asked, lambda: Answer(201, b"2"))
    with world.database.transaction(scope) as third:
        assert idempotency.once(third, asked, lambda: Answer(201, b"3")) == Answer(201, b"1")


def test_a_run_that_dies_leaves_its_key_free(world: World) -> None:
    scope = world.box.cast.ana.scope
    asked = idempotency.request(new_id().hex, scope.user_id or new_id(), "x", None)

    def die() -> Answer:
        raise RuntimeError("as if killed")

    with pytest.raises(RuntimeError), world.database.transaction(scope) as tx:
        idempotency.once(tx, asked, die)
    with world.database.transaction(scope) as tx:
        assert idempotency.once(tx, asked, lambda: Answer(201, b"2")) == Answer(201, b"2")


def test_a_refused_call_may_be_made_right_under_its_key(world: World, programs: Programs) -> None:
    conversation_id, key = world.conversation(), new_id().hex
    path = f"/api/v1/conversations/{conversation_id}/messages"
    ana = world.box.cast.ana

    assert programs.call(ana, "POST", path, {"type": "text"}, idempotency_key=key).status_code == 422
    good = programs.call(ana, "POST", path, {"type": "text", "text": "Olá"}, idempotency_key=key)
    assert good.status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 129])
def test_a_key_has_1_to_128_characters(world: World, programs: Programs, key: str) -> None:
    path = f"/api/v1/conversations/{world.conversation()}/messages"

    answer = programs.call(world.box.cast.ana, "POST", path, {"type": "text", "text": "x"}, idempotency_key=key)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]


def test_every_write_may_be_asked_for_twice(world: World, programs: Programs) -> None:
    cast = world.box.cast
    conversation_id = world.conversation()
    contact_id = world.row("conversations", conversation_id)["contact_id"]
    path = f"/api/v1/conversations/{conversation_id}"
    message = programs.call(cast.ana, "POST", f"{path}/messages", {"type": "text", "text": "a"}).json()["id"]
    label = programs.call(cast.ana, "POST", "/api/v1/labels", {"name": new_id().hex}).json()["id"]

    for method, address, body in (
        ("PATCH", path, {"status": "resolved"}),
        ("PATCH", f"/api/v1/messages/{message}", {"text": "b"}),
        ("DELETE", f"/api/v1/messages/{message}", None),
        ("PATCH", f"/api/v1/contacts/{contact_id}", {"name": "M"}),
        ("POST", "/api/v1/labels", {"name": new_id().hex[:12]}),
        ("PATCH", f"/api/v1/labels/{label}", {"color": 2}),
        ("DELETE", f"/api/v1/labels/{label}", None),
    ):
        key = new_id().hex
        first = programs.call(cast.ana, method, address, body, idempotency_key=key)
        again = programs.call(cast.ana, method, address, body, idempotency_key=key)
        assert first.status_code < 300, (method, address, first.text)
        assert (first.status_code, first.content) == (again.status_code, again.content), (method, address)
