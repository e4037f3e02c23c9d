"""The first message to a number."""

from uuid import UUID

import httpx
import msgspec
import pytest

from hunfly_box.kit.ids import new_id
from hunfly_box.kit.redis import key
from hunfly_box.outbound import first_contact
from hunfly_box.providers.messenger import NumberCheck
from hunfly_box.providers.port import Address
from tests.integration.inbox.conftest import World, add_channel
from tests.integration.inbox.programs import Programs

pytestmark = pytest.mark.services


def whatsapp_knows(world: World, phone: str, *, exists: bool = True, lid: str | None = None, raw: str = "") -> None:
    """As if the provider had been asked a moment ago."""
    check = NumberCheck(
        phone,
        exists,
        address=Address("phone", phone, raw or phone.lstrip("+") + "@s.whatsapp.net") if exists else None,
        lid=Address("lid", lid, f"{lid}@lid") if lid else None,
    )
    place = key(world.tenant_id, "number", world.channel_id, phone)
    world.box.resources.redis.set(place, msgspec.json.encode(check), ex=60)


def body(world: World, to: str, text: str = "Olá") -> dict[str, str]:
    return {"channel_id": str(world.channel_id), "to": to, "type": "text", "text": text}


def test_a_conversation_begins_with_who_writes_first(world: World, programs: Programs) -> None:
    bruno = world.box.cast.bruno
    whatsapp_knows(world, "+5511988880001", lid="123456789012345")

    answer = programs.call(bruno, "POST", "/api/v1/messages", body(world, "+55 11 98888-0001"))

    assert answer.status_code == 201, answer.text
    conversation = programs.call(bruno, "GET", f"/api/v1/conversations/{answer.json()['conversation_id']}").json()
    contact = programs.call(bruno, "GET", f"/api/v1/contacts/{conversation['contact']['id']}").json()
    assert conversation["assignee"]["id"] == str(bruno.id)
    assert conversation["last_message"]["id"] == answer.json()["id"]
    assert contact["phone"] == "+5511988880001"
    assert contact["identities"] == [
        {"kind": "phone", "value": "+5511988880001"},
        {"kind": "lid", "value": "123456789012345"},
    ]
    rounds = world.rows(
        "SELECT first_reply_by FROM app.rounds WHERE conversation_id = :id", id=UUID(conversation["id"])
    )
    assert [row["first_reply_by"] for row in rounds] == [bruno.id]


def test_brazils_eight_and_nine_digits_are_one_person(world: World, programs: Programs) -> None:
    ana = world.box.cast.ana
    whatsapp_knows(world, "+5531988880002", raw="553188880002@s.whatsapp.net")

    with_nine = programs.call(ana, "POST", "/api/v1/messages", body(world, "31 98888-0002"))
    with_eight = programs.call(ana, "POST", "/api/v1/messages", body(world, "+553188880002"))

    assert with_nine.status_code == with_eight.status_code == 201
    assert with_nine.json()["conversation_id"] == with_eight.json()["conversation_id"]
    addresses = world.rows("SELECT address FROM app.contact_identities WHERE value = '+5531988880002'")
    assert [row["address"] for row in addresses] == ["553188880002@s.whatsapp.net"]


def test_the_second_call_of_a_key_is_told_that_the_first_still_looks_the_number_up(
    world: World, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, to, key_ = world.box.cast.ana, "+5511988880009", new_id().hex
    answers: list[httpx.Response] = []
    client = Programs(world.box)

    def ask_again_meanwhile(*_: object) -> NumberCheck:
        answers.append(client.call(ana, "POST", "/api/v1/messages", body(world, to), idempotency_key=key_))
        return NumberCheck(to, exists=True, address=Address("phone", to, "5511988880009@s.whatsapp.net"))

    monkeypatch.setattr(first_contact, "check_number", ask_again_meanwhile)
    first = programs.call(ana, "POST", "/api/v1/messages", body(world, to), idempotency_key=key_)
    later = client.call(ana, "POST", "/api/v1/messages", body(world, to), idempotency_key=key_)
    client.close()

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "idempotency.busy")]
    assert (first.status_code, later.status_code) == (201, 201)
    assert first.content == later.content


def test_a_number_without_whatsapp_is_told_so(world: World, programs: Programs) -> None:
    whatsapp_knows(world, "+5511988880003", exists=False)

    answer = programs.call(world.box.cast.ana, "POST", "/api/v1/messages", body(world, "+5511988880003"))

    assert (answer.status_code, answer.json()["code"]) == (422, "contact.not_on_whatsapp")
    assert world.rows("SELECT 1 FROM app.contact_identities WHERE value = '+5511988880003'") == []


@pytest.mark.parametrize("to", ["", "abc", "12", "+999999999999999999"])
def test_what_is_no_number_is_refused(world: World, programs: Programs, to: str) -> None:
    answer = programs.call(world.box.cast.ana, "POST", "/api/v1/messages", body(world, to))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["to"]


def test_a_known_customer_is_answered_in_their_conversation(world: World, programs: Programs) -> None:
    conversation_id = world.conversation("Mariana", phone="+5511988880004")

    answer = programs.call(world.box.cast.ana, "POST", "/api/v1/messages", body(world, "+5511988880004"))

    assert answer.json()["conversation_id"] == str(conversation_id)


def test_a_colleagues_customer_is_not_taken_from_them(world: World, programs: Programs) -> None:
    world.conversation("Mariana", phone="+5511988880005", assignee=world.box.cast.bia)
    whatsapp_knows(world, "+5511988880005")

    answer = programs.call(world.box.cast.bruno, "POST", "/api/v1/messages", body(world, "+5511988880005"))

    assert (answer.status_code, answer.json()["code"]) == (409, "inbox.conversation_assigned")


def test_another_tenants_channel_is_not_there(world: World, programs: Programs) -> None:
    foreign = add_channel(world.database, world.box.cast.tenant_b)

    for channel_id in (foreign, new_id()):
        wanted = body(world, "+5511988880006") | {"channel_id": str(channel_id)}
        answer = programs.call(world.box.cast.ana, "POST", "/api/v1/messages", wanted)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["channel_id"]


def test_asked_twice_it_begins_once(world: World, programs: Programs) -> None:
    ana, repeated = world.box.cast.ana, new_id().hex
    whatsapp_knows(world, "+5511988880007")
    call = (ana, "POST", "/api/v1/messages", body(world, "+5511988880007"), {"idempotency_key": repeated})

    at_once = programs.together([call] * 5)
    later = programs.call(*call[:4], idempotency_key=repeated)

    assert {answer.status_code for answer in at_once} <= {201, 409}
    assert later.status_code == 201
    sent = world.rows(
        "SELECT 1 FROM app.messages WHERE conversation_id = :id", id=UUID(later.json()["conversation_id"])
    )
    assert len(sent) == 1
