"""Every recorded answer of the real engine is called for again here, and compared: status, keys and types."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.simulator.house import (
    GROUP,
    MARIA,
    MARIA_LID,
    RECORDED,
    House,
    differences,
    recorded,
    shape,
)

PERSON = f"{MARIA}@s.whatsapp.net"
PIXEL = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()
PDF = base64.b64encode(b"%PDF-1.4\n").decode()

Answer = tuple[int, Any]


def message(path: str, **body: Any) -> Callable[[House], Answer]:
    return lambda house: house.call("POST", f"/message/{path}/bai2", body)


def chat(path: str, method: str = "POST", **body: Any) -> Callable[[House], Answer]:
    return lambda house: house.call(method, f"/chat/{path}/bai2", body)


def group(path: str) -> Callable[[House], Answer]:
    return lambda house: house.call("GET", f"/group/{path}")


def quoted(house: House) -> Answer:
    asked = house.sim.receive("bai2", house.maria, "Olá!")
    return house.send_text("Resposta citada", quoted={"key": {"id": asked}})


def edited(house: House) -> Answer:
    _, sent = house.send_text("Resposta")
    body = {"number": MARIA, "text": "editado por nós", "key": sent["key"]}
    return house.call("POST", "/chat/updateMessage/bai2", body)


def media_of_text(house: House) -> Answer:
    asked = house.sim.receive("bai2", house.maria, "Olá!")
    return house.call("POST", "/chat/getBase64FromMediaMessage/bai2", {"message": {"key": {"id": asked}}})


def after_talk(deed: Callable[[House], Answer]) -> Callable[[House], Answer]:
    def run(house: House) -> Answer:
        house.sim.receive("bai2", house.maria, "Olá!")
        _, sent = house.send_text("Resposta")
        house.sim.wait_idle()
        house.call("DELETE", "/chat/deleteMessageForEveryone/bai2", sent["key"])
        return deed(house)

    return run


def after_buttons(deed: Callable[[House], Answer]) -> Callable[[House], Answer]:
    def run(house: House) -> Answer:
        CASES["out-buttons"](house)
        return deed(house)

    return run


def statuses(house: House) -> Answer:
    _, sent = house.send_text("Resposta")
    house.sim.wait_idle()
    return house.call("POST", "/chat/findStatusMessage/bai2", {"where": {"id": sent["key"]["id"]}})


LAST = {"key": {"id": "X", "remoteJid": PERSON, "fromMe": False}, "messageTimestamp": 1795379126}

CASES: dict[str, Callable[[House], Answer]] = {
    "api-archive": chat("archiveChat", chat=PERSON, archive=True),
    "api-archive-lm": chat("archiveChat", chat=PERSON, archive=True, lastMessage=LAST),
    "api-base64-notfound": chat("getBase64FromMediaMessage", message={"key": {"id": "nope"}}),
    "api-base64-text": media_of_text,
    "api-findChats": after_talk(chat("findChats")),
    "api-findContacts": after_talk(chat("findContacts", where={"remoteJid": PERSON})),
    "api-findMessages": after_talk(chat("findMessages", where={"key": {"remoteJid": PERSON}}, offset=3)),
    "api-findMessages-ts": after_buttons(
        chat(
            "findMessages",
            where={"messageTimestamp": {"gte": "2026-01-01T00:00:00Z", "lte": "2036-01-01T00:00:00Z"}},
            offset=2,
        )
    ),
    "api-findStatusMessage": statuses,
    "api-group-all": group("fetchAllGroups/bai2?getParticipants=true"),
    "api-group-all-noq": group("fetchAllGroups/bai2"),
    "api-group-infos": group(f"findGroupInfos/bai2?groupJid={GROUP}"),
    "api-group-participants": group(f"participants/bai2?groupJid={GROUP}"),
    "api-markread": chat("markMessageAsRead", readMessages=[{"id": "X", "fromMe": False, "remoteJid": PERSON}]),
    "api-markread-lid": chat(
        "markMessageAsRead", readMessages=[{"id": "X", "fromMe": False, "remoteJid": f"{MARIA_LID}@lid"}]
    ),
    "api-picture": chat("fetchProfilePictureUrl", number=MARIA),
    "api-presence": chat("sendPresence", number=MARIA, presence="composing", delay=100),
    "api-profile": chat("fetchProfile", number=MARIA),
    "api-setPresence": lambda house: house.call("POST", "/instance/setPresence/bai2", {"presence": "available"}),
    "api-whatsappNumbers": chat("whatsappNumbers", numbers=[MARIA, "0001234", GROUP]),
    "connect-when-open": lambda house: house.call("GET", "/instance/connect/bai2"),
    "state-open": lambda house: house.call("GET", "/instance/connectionState/bai2"),
    "out-buttons": message(
        "sendButtons",
        number=MARIA,
        title="t",
        description="d",
        footer="f",
        buttons=[{"type": "reply", "displayText": "Sim", "id": "1"}],
    ),
    "out-contact": message(
        "sendContact", number=MARIA, contact=[{"fullName": "João", "phoneNumber": "+5511777770000"}]
    ),
    "out-document-b64": message(
        "sendMedia", number=MARIA, mediatype="document", media=PDF, fileName="contrato.pdf", caption="c"
    ),
    "out-document-noext": message("sendMedia", number=MARIA, mediatype="document", media=PDF, fileName="contrato"),
    "out-edit": edited,
    "out-image-b64": message("sendMedia", number=MARIA, mediatype="image", media=PIXEL, fileName="a.png", caption="c"),
    "out-list": message(
        "sendList",
        number=MARIA,
        title="t",
        description="d",
        buttonText="b",
        footerText="f",
        sections=[{"title": "s", "rows": [{"title": "r", "description": "d", "rowId": "1"}]}],
    ),
    "out-location": message("sendLocation", number=MARIA, latitude=-23.5, longitude=-46.6, name="n", address="a"),
    "out-poll": message("sendPoll", number=MARIA, name="Q", selectableCount=1, values=["A", "B"]),
    "out-reaction": message("sendReaction", key={"id": "AC1", "remoteJid": PERSON, "fromMe": False}, reaction="👍"),
    "out-reaction-bad": message("sendReaction", key={"id": "AC1", "remoteJid": PERSON, "fromMe": False}, reaction="ab"),
    "out-sticker": message("sendSticker", number=MARIA, sticker=PIXEL),
    "out-template": message("sendTemplate", number=MARIA, name="x", language="pt_BR", components=[]),
    "out-text": lambda house: house.send_text("Resposta"),
    "out-text-blank": lambda house: house.send_text("  "),
    "out-text-group": lambda house: house.send_text("para grupo", GROUP, mentionsEveryOne=True),
    "out-text-notonwa": lambda house: house.send_text("x", "0005511"),
    "out-text-quoted": quoted,
}


def recorded_cases() -> list[str]:
    """Answers that only say `ok` come from the recorder itself, not from the engine."""
    files = sorted((RECORDED / "baileys-sim").glob("*.0.api-response.json"))
    names = [file.name.removesuffix(".0.api-response.json") for file in files]
    return [name for name in names if recorded("baileys-sim", f"{name}.0.api-response.json")["body"] != {"ok": True}]


def test_every_recorded_answer_has_its_call() -> None:
    assert sorted(recorded_cases()) == sorted(CASES)


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_answer_has_the_recorded_status_and_shape(house: House, case: str) -> None:
    known = recorded("baileys-sim", f"{case}.0.api-response.json")
    status, body = CASES[case](house)
    assert status == known["http_status"], body
    assert differences(shape(known["body"]), shape(body)) == []


@pytest.mark.parametrize("case", ["out-text-blank", "out-reaction-bad", "out-template", "api-group-all-noq"])
def test_errors_are_the_same_to_the_letter(house: House, case: str) -> None:
    _, body = CASES[case](house)
    assert body == recorded("baileys-sim", f"{case}.0.api-response.json")["body"]


SENDS = sorted(case for case in CASES if (RECORDED / "baileys-sim" / f"{case}.1.send.message.json").exists())


@pytest.mark.parametrize("case", SENDS)
def test_a_send_is_told_by_webhook_in_the_recorded_shape(house: House, case: str) -> None:
    _, body = CASES[case](house)
    told = house.hook.wait_for("send.message")[-1]
    known = recorded("baileys-sim", f"{case}.1.send.message.json")["body"]
    assert told["data"] == body
    assert differences(shape(known), shape(told)) == []
