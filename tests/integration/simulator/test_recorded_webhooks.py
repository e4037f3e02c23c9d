"""What the real engine sent when WhatsApp told it something, and what the simulator sends for the same."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest

from tests.integration.simulator.house import GROUP, MARIA, OWNER, House, differences, recorded, shape

SAMPLES = resources.files("hunfly_box.simulator") / "page" / "samples"
Deed = Callable[[House], Any]


def receive(**fields: Any) -> Deed:
    return lambda house: house.sim.receive("bai2", house.maria, **fields)


def sample(name: str) -> bytes:
    return SAMPLES.joinpath(name).read_bytes()


def reply(house: House) -> None:
    _, sent = house.send_text("Olá!")
    house.sim.receive("bai2", house.maria, "respondendo", quoted=sent["key"]["id"])


def react(house: House) -> None:
    _, sent = house.send_text("Olá!")
    house.sim.command("react", instance="bai2", contact=house.maria, message=sent["key"]["id"], emoji="👍")


def change(verb: str, **fields: Any) -> Deed:
    def run(house: House) -> None:
        sent = house.sim.receive("bai2", house.maria, "Olá!")
        house.sim.command(verb, instance="bai2", message=sent, **fields)

    return run


def status(name: str) -> Deed:
    def run(house: House) -> None:
        _, sent = house.send_text("Resposta")
        house.sim.wait_idle()
        house.hook.requests.clear()
        house.sim.command("status", instance="bai2", message=sent["key"]["id"], status=name)

    return run


def typing(house: House) -> None:
    house.call("POST", "/chat/sendPresence/bai2", {"number": MARIA, "presence": "composing", "delay": 1})
    house.sim.command("typing", instance="bai2", contact=house.maria, state="composing")


def close(code: int) -> Deed:
    return lambda house: house.sim.command("close", instance="bai2", code=code)


def found_group(house: House) -> None:
    house.sim.command("add_group", subject="Novo grupo", members=[house.maria], instance="bai2")


def join_group(house: House) -> None:
    fields = {"group": GROUP, "author": house.maria, "members": [house.maria]}
    house.sim.command("change_members", instance="bai2", **fields)


CASES: dict[str, tuple[str, Deed]] = {
    "in-text": ("messages.upsert", receive(text="Olá!")),
    "in-image": ("messages.upsert", receive(kind="image", media=sample("photo.jpg"), caption="foto")),
    "in-video": (
        "messages.upsert",
        receive(kind="video", media=sample("video.mp4"), caption="vid", mimetype="video/mp4"),
    ),
    "in-audio-ptt": ("messages.upsert", receive(kind="voice", media=sample("voice.ogg"))),
    "in-audio-file": (
        "messages.upsert",
        receive(kind="audio", media=sample("voice.ogg"), mimetype="audio/mpeg"),
    ),
    "in-document": ("messages.upsert", receive(kind="document", media=b"%PDF-1.4", filename="a.pdf")),
    "in-sticker": ("messages.upsert", receive(kind="sticker", media=sample("sticker.webp"))),
    "in-location": (
        "messages.upsert",
        receive(kind="location", latitude=-23.5, longitude=-46.6, name="Praça", address="Rua X"),
    ),
    "in-contact": ("messages.upsert", receive(kind="contact", name="João", number="5511777770000")),
    "in-poll": ("messages.upsert", receive(kind="poll", name="Qual?", options=["A", "B"])),
    "in-fromme-phone": (
        "messages.upsert",
        lambda house: house.sim.command("own_phone", instance="bai2", contact=house.maria, text="oi"),
    ),
    "in-exttext-reply": ("messages.upsert", reply),
    "in-reaction": ("messages.upsert", react),
    "edit-upsert": ("messages.edited", change("edit", text="Olá editado!")),
    "revoke-upsert": ("messages.edited", change("revoke")),
    "upd-pending": ("messages.update", status("PENDING")),
    "upd-server-ack": ("messages.update", status("SERVER_ACK")),
    "upd-delivery-ack": ("messages.update", status("DELIVERY_ACK")),
    "upd-read": ("messages.update", status("READ")),
    "upd-error": ("messages.update", status("ERROR")),
    "presence": ("presence.update", typing),
    "conn-open": ("connection.update", lambda house: None),
    "groups-upsert": ("groups.upsert", found_group),
    "group-participants": ("group-participants.update", join_group),
    "call": (
        "call",
        lambda house: house.sim.command("call", instance="bai2", contact=house.maria),
    ),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_webhook_has_the_recorded_shape(house: House, case: str) -> None:
    event, deed = CASES[case]
    deed(house)
    house.hook.wait_for(event)
    house.sim.wait_idle()
    known = recorded("baileys-sim", f"{case}.1.{event}.json")
    ours = house.told(event)[-1]
    assert differences(shape(known["body"]), shape(ours)) == []


def test_the_request_is_the_engines_own_to_the_header(house: House) -> None:
    house.sim.receive("bai2", house.maria, "Olá!")
    house.hook.wait_for("messages.upsert")
    known = [name for name, _ in recorded("baileys-sim-connection", "close-401.1.status.instance.json")["headers"]]
    ours = dict(house.hook.requests[-1]["headers"])
    assert list(ours) == known
    assert ours["User-Agent"] == "axios/1.13.2"
    assert ours["X-Appliance-Secret"] == "s3cr3t"


@pytest.mark.parametrize("code", [401, 402, 403, 406])
def test_a_final_close_is_told_three_times(house: House, code: int) -> None:
    house.sim.wait_idle()
    house.hook.requests.clear()
    house.sim.command("close", instance="bai2", code=code)
    folder = "baileys-sim-connection"
    for n, event in enumerate(("status.instance", "logout.instance", "connection.update"), 1):
        ours = house.hook.wait_for(event)[-1]
        known = recorded(folder, f"close-{code}.{n}.{event}.json")["body"]
        assert differences(shape(known), shape(ours)) == []
    assert house.call("GET", "/instance/fetchInstances?instanceName=bai2")[1][0]["disconnectionReasonCode"] == code
    assert house.call("GET", "/instance/connectionState/bai2")[1]["instance"]["state"] == "close"


@pytest.mark.parametrize("code", [408, 411, 428, 440, 500, 503, 515])
def test_a_passing_close_says_nothing_but_connecting(house: House, code: int) -> None:
    house.sim.wait_idle()
    house.sim.command("forget")
    house.sim.command("close", instance="bai2", code=code)
    house.sim.wait_idle()
    states = [(one["data"]["state"], one["data"]["statusReason"]) for one in house.told("connection.update")]
    assert states == [("connecting", 200), ("open", 200)]
    assert {body["event"] for body in house.told()} == {"connection.update"}


def test_a_scan_that_never_comes_ends_in_refused(empty_house: House) -> None:
    house = empty_house
    house.sim._running.options.qr_limit = 2  # noqa: SLF001
    house.sim._running.options.qr_seconds = 2  # noqa: SLF001
    house.sim.create_instance("bai2", webhook={"url": house.hook.url})
    house.call("GET", "/instance/connect/bai2")
    house.hook.wait_for("connection.update", 2)
    house.hook.wait_for("qrcode.updated", 3)
    # Webhooks of different kinds, and of one, may overtake each other: they are sent side by side.
    [limit] = [one for one in house.hook.events("qrcode.updated") if "message" in one["data"]]
    assert limit["data"] == recorded("baileys-sim-connection", "qr-limit.1.qrcode.updated.json")["body"]["data"]
    states = [(one["data"]["state"], one["data"]["statusReason"]) for one in house.hook.events("connection.update")]
    assert ("refused", 428) in states
    qr = next(one for one in house.hook.events("qrcode.updated") if "qrcode" in one["data"])
    known = recorded("baileys-sim", "qr.1.qrcode.updated.json")["body"]
    assert shape(qr["data"]).keys() == shape(known["data"]).keys()
    assert qr["data"]["qrcode"]["base64"].startswith("data:image/png;base64,iVBOR")


def test_codes_change_until_the_scan_and_never_come_back(empty_house: House) -> None:
    house = empty_house
    house.sim._running.options.qr_seconds = 2  # noqa: SLF001
    house.sim.create_instance("bai2", webhook={"url": house.hook.url})
    house.call("GET", "/instance/connect/bai2")
    house.hook.wait_for("qrcode.updated", 3)
    codes = [one["data"]["qrcode"]["code"] for one in house.told("qrcode.updated")]
    assert len(set(codes)) == len(codes)
    house.sim.scan("bai2", number=OWNER)
    house.sim.command("storm", instance="bai2", seconds=5)
    house.sim.wait_idle()
    last = len(house.hook.events("qrcode.updated"))
    house.sim.command("storm", instance="bai2", seconds=5)
    house.sim.wait_idle()
    assert len(house.hook.events("qrcode.updated")) == last
    assert house.call("GET", "/instance/connectionState/bai2")[1]["instance"]["state"] == "open"


def test_a_privacy_id_is_rewritten_in_upserts_and_nowhere_else(empty_house: House) -> None:
    house = empty_house
    house.people(lid=True)
    house.link()
    house.sim.command("change_contact", contact=house.maria, addressing="lid")
    asked = house.sim.receive("bai2", house.maria, "lid")
    known = recorded("baileys-sim", "in-text-lid.1.messages.upsert.json")["body"]["data"]["key"]
    told = house.hook.wait_for("messages.upsert")[-1]["data"]["key"]
    assert told | {"id": ""} == known | {"id": ""}
    stored = house.call("POST", "/chat/findMessages/bai2", {"where": {"key": {"id": asked}}})[1]
    assert stored["messages"]["records"][0]["key"]["remoteJid"] == "222333444555666@lid"
    house.send_text("oi")
    assert house.hook.wait_for("messages.update")[-1]["data"]["remoteJid"] == "222333444555666@lid"


def test_a_contact_without_a_number_keeps_the_privacy_id(house: House) -> None:
    nobody = house.sim.add_contact("Sem Número", lid="190817263544028", addressing="lid")
    house.sim.receive("bai2", nobody, "oi")
    key = house.hook.wait_for("messages.upsert")[-1]["data"]["key"]
    assert key["remoteJid"] == "190817263544028@lid"
    assert "remoteJidAlt" not in key
    status, sent = house.send_text("olá", "190817263544028@lid")
    assert (status, sent["key"]["remoteJid"]) == (201, "190817263544028@lid")


def test_a_groups_message_names_its_author_both_ways(empty_house: House) -> None:
    house = empty_house
    house.people(lid=True)
    house.link()
    house.sim.receive("bai2", house.maria, "grupo", group=GROUP)
    known = recorded("baileys-sim", "in-group-text.1.messages.upsert.json")["body"]["data"]["key"]
    assert house.hook.wait_for("messages.upsert")[-1]["data"]["key"] | {"id": ""} == known | {"id": ""}
    assert house.hook.wait_for("contacts.upsert")[-1]["data"]["pushName"] == "Maria Cliente"


def test_history_comes_once_the_number_is_linked(empty_house: House) -> None:
    house = empty_house
    house.people()
    house.sim.create_instance("bai2", webhook={"url": house.hook.url})
    house.sim.scan("bai2", number=OWNER, history=150)
    house.hook.wait_for("contacts.upsert")
    first, second = house.told("messages.set")
    assert (len(first["data"]), first["isLatest"], first["progress"]) == (100, False, 67)
    assert (len(second["data"]), second["isLatest"], second["progress"]) == (50, True, 100)
    kinds = [body["event"] for body in house.told()]
    assert kinds.index("chats.set") < kinds.index("messages.set") < kinds.index("contacts.upsert")
