"""The oddities a client must live with; each is a bug of the simulator if it goes away."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from hunfly_box.simulator.routes_instance import EVENTS
from tests.integration.simulator.house import GROUP, MARIA, OWNER, SECRETS, House
from tests.integration.simulator.test_recorded_webhooks import sample

HOOK = {"enabled": True, "url": "http://127.0.0.1:1/a", "events": ["MESSAGES_UPSERT"]}


def set_hook(house: House, **webhook: object) -> tuple[int, dict]:
    return house.call("POST", "/webhook/set/bai2", {"webhook": webhook})


def test_existence_is_told_before_the_key_is_checked(house: House) -> None:
    assert house.call("GET", "/instance/connectionState/nobody", key="")[0] == 404
    status, body = house.call("GET", "/instance/connectionState/bai2", key="")
    assert (status, body["error"], body["response"]) == (401, "Unauthorized", {"message": "Unauthorized"})
    taken = {"instanceName": "bai2", "integration": "WHATSAPP-BAILEYS"}
    assert house.call("POST", "/instance/create", taken, key="wrong")[0] == 403


def test_a_numbers_own_token_opens_its_routes_but_not_create(house: House) -> None:
    token = house.call("GET", "/instance/fetchInstances?instanceName=bai2")[1][0]["token"]
    assert house.call("GET", "/instance/connectionState/bai2", key=token)[0] == 200
    fresh = {"instanceName": "other", "integration": "WHATSAPP-BAILEYS"}
    assert house.call("POST", "/instance/create", fresh, key=token)[0] == 401
    assert [one["name"] for one in house.call("GET", "/instance/fetchInstances", key=token)[1]] == ["bai2"]


def test_a_numbers_own_token_acts_on_another_that_the_query_names(house: House) -> None:
    token = house.sim.create_instance("mine")
    assert house.call("GET", "/instance/connectionState/bai2", key=token)[0] == 401
    assert house.call("GET", "/instance/connectionState/bai2?instanceName=mine", key=token)[0] == 401
    status, body = house.call("GET", "/instance/connectionState/mine?instanceName=bai2", key=token)
    assert (status, body["instance"]) == (200, {"instanceName": "bai2", "state": "open"})
    sent = {"number": MARIA, "text": "de quem?"}
    assert house.call("POST", "/message/sendText/mine?instanceName=bai2", sent, key=token)[0] == 201
    assert [one.text for one in house.sim.sent(instance="bai2")] == ["de quem?"]


def test_create_without_events_is_refused_and_leaves_nothing(house: House) -> None:
    body = {"instanceName": "half", "integration": "WHATSAPP-BAILEYS", "webhook": {"url": house.hook.url}}
    assert house.call("POST", "/instance/create", body)[0] == 400
    assert house.call("GET", "/instance/connectionState/half")[0] == 404


def test_create_needs_an_integration_and_a_number_without_plus(house: House) -> None:
    status, body = house.call("POST", "/instance/create", {"instanceName": "x"})
    assert (status, body["response"]["message"]) == (400, ["Invalid integration"])
    wrong = {"instanceName": "x", "integration": "WHATSAPP-BAILEYS", "number": "+5511"}
    status, body = house.call("POST", "/instance/create", wrong)
    assert (status, type(body["response"]["message"][0])) == (400, list)


def test_create_with_qrcode_shows_the_code_and_pairing_comes_with_a_number(empty_house: House) -> None:
    body = {"instanceName": "n", "integration": "WHATSAPP-BAILEYS", "qrcode": True, "number": OWNER}
    status, made = empty_house.call("POST", "/instance/create", body)
    assert (status, made["instance"]["status"], len(made["qrcode"]["pairingCode"])) == (201, "connecting", 8)
    again = empty_house.call("GET", f"/instance/connect/n?number={OWNER}")[1]
    assert again["code"] == made["qrcode"]["code"]


def test_setting_a_webhook_without_events_is_a_500(house: House) -> None:
    status, body = set_hook(house, enabled=True, url=HOOK["url"])
    assert status == 500
    assert "undefined" in body["response"]["message"]


def test_what_a_webhook_update_leaves_out_is_kept(house: House) -> None:
    set_hook(house, **HOOK, headers={"X": "1"}, byEvents=True, base64=True)
    status, row = set_hook(house, enabled=True, url="http://127.0.0.1:1/b", events=[])
    assert (status, row["url"], row["events"]) == (201, "http://127.0.0.1:1/b", EVENTS)
    assert (row["headers"], row["webhookByEvents"], row["webhookBase64"]) == ({"X": "1"}, True, True)
    assert set_hook(house, **HOOK, headers={})[1]["headers"] == {}
    assert set_hook(house, enabled=False, url="x", events=["CALL"])[1]["events"] == []
    assert house.call("GET", "/webhook/find/bai2")[1]["enabled"] is False


def test_a_webhook_never_set_is_found_as_null(empty_house: House) -> None:
    empty_house.sim.create_instance("bai2")
    assert empty_house.call("GET", "/webhook/find/bai2") == (200, None)


def test_groups_update_can_only_be_smuggled_in_at_creation(empty_house: House) -> None:
    house = empty_house
    assert "GROUPS_UPDATE" not in EVENTS
    house.people()
    house.link(events=["GROUPS_UPDATE", "GROUPS_UPSERT"])
    rename = {"group": GROUP, "author": house.maria, "subject": "Renomeado"}
    house.sim.command("rename_group", instance="bai2", **rename)
    house.hook.wait_for("groups.update")
    assert set_hook(house, **(HOOK | {"events": ["GROUPS_UPDATE"]}))[0] == 400
    set_hook(house, **(HOOK | {"url": house.hook.url, "events": []}))
    house.sim.command("rename_group", instance="bai2", **rename)
    house.sim.wait_idle()
    assert len(house.hook.events("groups.update")) == 1


def test_settings_want_all_six(house: House) -> None:
    assert house.call("POST", "/settings/set/bai2", {"rejectCall": True})[0] == 400
    six = dict.fromkeys(
        ["rejectCall", "groupsIgnore", "alwaysOnline", "readMessages", "readStatus", "syncFullHistory"], True
    )
    assert house.call("POST", "/settings/set/bai2", six)[0] == 201
    assert house.call("GET", "/settings/find/bai2")[1]["groupsIgnore"] is True


def test_malformed_json_is_a_400_that_calls_itself_internal(house: House) -> None:
    status, body = house.call("POST", "/message/sendText/bai2", b'{"number": ')
    assert (status, body["error"]) == (400, "Internal Server Error")


def test_an_unknown_route_names_itself(house: House) -> None:
    status, body = house.call("GET", "/health")
    assert (status, body["response"]["message"]) == (404, ["Cannot GET /health"])


def test_a_closed_socket_answers_connection_closed(house: House) -> None:
    house.sim.command("close", instance="bai2", code=403)
    status, body = house.send_text("x")
    assert (status, body["response"]["message"]) == (500, "Connection Closed")


def test_a_dead_socket_says_open_and_sends_nothing(house: House) -> None:
    house.sim.command("dead_socket", instance="bai2")
    assert house.call("GET", "/instance/connectionState/bai2")[1]["instance"]["state"] == "open"
    assert house.send_text("x")[0] == 500
    assert house.sim.sent() == []


def test_the_database_copy_stays_open_through_an_outage(house: House) -> None:
    house.sim.command("storm", instance="bai2", seconds=40)
    assert house.call("GET", "/instance/connectionState/bai2")[1]["instance"]["state"] == "connecting"
    assert house.call("GET", "/instance/fetchInstances")[1][0]["connectionStatus"] == "open"


def test_restarting_a_closed_number_fails_with_200(house: House) -> None:
    house.sim.command("close", instance="bai2", code=401)
    assert house.call("POST", "/instance/restart/bai2")[1] == {"error": True, "message": "[object Object]"}
    assert house.call("DELETE", "/instance/logout/bai2")[0] == 400


def test_deletion_waits_for_its_webhook_and_keeps_the_name_meanwhile(house: House) -> None:
    house.sim.wait_idle()
    house.hook.answers = lambda body: 500 if body["event"] == "remove.instance" else 200
    assert house.call("DELETE", "/instance/delete/bai2")[0] == 200
    house.hook.wait_for("remove.instance", 2)
    assert house.call("GET", "/instance/connectionState/bai2")[0] == 200
    house.hook.answers = lambda body: 200
    house.sim.wait_idle()
    assert house.call("GET", "/instance/connectionState/bai2")[0] == 404
    assert {"logout.instance", "instance.delete"} <= set(house.hook.seen())


@pytest.mark.parametrize("media", ["data:image/png;base64,AAAA", "http://app:8000/x", "not base64!"])
def test_media_is_raw_base64_or_a_real_web_address(house: House, media: str) -> None:
    body = {"number": MARIA, "mediatype": "image", "media": media}
    status, answer = house.call("POST", "/message/sendMedia/bai2", body)
    assert (status, answer["response"]["message"]) == (400, ["Owned media must be a url or base64"])


def test_a_document_in_base64_needs_a_name_and_an_unknown_ending_spoils_the_type(house: House) -> None:
    body = {"number": MARIA, "mediatype": "document", "media": "AAAA"}
    assert house.call("POST", "/message/sendMedia/bai2", body)[0] == 400
    named = body | {"fileName": "contrato", "mimetype": "application/pdf"}
    record = house.call("POST", "/message/sendMedia/bai2", named)[1]
    assert record["message"]["documentMessage"]["mimetype"] == "false"


def test_a_picture_becomes_jpeg_whatever_its_type_says(house: House) -> None:
    webp = base64.b64encode(sample("sticker.webp")).decode()
    body = {"number": MARIA, "mediatype": "image", "media": webp, "fileName": "a.png"}
    record = house.call("POST", "/message/sendMedia/bai2", body)[1]
    assert record["message"]["imageMessage"]["mimetype"] == "image/png"
    asked = {"message": {"key": {"id": record["key"]["id"]}}}
    status, media = house.call("POST", "/chat/getBase64FromMediaMessage/bai2", asked)
    assert (status, media["mediaType"], media["buffer"]) == (201, "imageMessage", None)
    assert base64.b64decode(media["base64"]).startswith(b"\xff\xd8")


def test_a_voice_note_forgets_its_quote(house: House) -> None:
    asked = house.sim.receive("bai2", house.maria, "Olá!")
    body = {"number": MARIA, "audio": base64.b64encode(sample("voice.ogg")).decode(), "quoted": {"key": {"id": asked}}}
    record = house.call("POST", "/message/sendWhatsAppAudio/bai2", body)[1]
    assert "stanzaId" not in record["contextInfo"]
    assert (record["message"]["audioMessage"]["ptt"], record["message"]["audioMessage"]["seconds"]) == (True, 3)


def test_an_unknown_quote_is_dropped_without_a_word(house: House) -> None:
    record = house.send_text("x", quoted={"key": {"id": "nope"}})[1]
    assert "quotedMessage" not in record["contextInfo"]


def test_a_brazilian_number_answers_under_its_registered_spelling(house: House) -> None:
    house.sim.add_contact("Rafael", number="553188880005")
    record = house.send_text("oi", "5531988880005")[1]
    assert record["key"]["remoteJid"] == "553188880005@s.whatsapp.net"
    house.sim.add_contact("Bia", number="5511977770001")
    assert house.send_text("oi", "551177770001")[1]["key"]["remoteJid"] == "5511977770001@s.whatsapp.net"


def test_reading_skips_privacy_ids_and_says_success(house: House) -> None:
    asked = house.sim.receive("bai2", house.maria, "Olá!")
    key = {"id": asked, "fromMe": False, "remoteJid": "222333444555666@lid"}
    assert house.call("POST", "/chat/markMessageAsRead/bai2", {"readMessages": [key]})[0] == 201
    assert house.sim.messages("bai2", house.maria)[-1]["tick"] == "delivered"
    key["remoteJid"] = f"{MARIA}@s.whatsapp.net"
    house.call("POST", "/chat/markMessageAsRead/bai2", {"readMessages": [key]})
    assert house.sim.messages("bai2", house.maria)[-1]["tick"] == "read"


def test_presence_comes_only_after_it_was_asked_for(house: House) -> None:
    house.sim.command("typing", instance="bai2", contact=house.maria, state="composing")
    house.sim.wait_idle()
    assert house.hook.events("presence.update") == []
    house.send_text("x", delay=10)
    house.sim.command("typing", instance="bai2", contact=house.maria, state="composing")
    house.hook.wait_for("presence.update")


def test_base64_starts_with_the_next_connection(house: House) -> None:
    photo = sample("photo.jpg")
    set_hook(house, **(HOOK | {"url": house.hook.url, "events": []}), headers=SECRETS, byEvents=False, base64=True)
    house.sim.receive("bai2", house.maria, kind="image", media=photo)
    house.sim.command("close", instance="bai2", code=515)
    house.sim.wait_idle()
    house.sim.receive("bai2", house.maria, kind="image", media=photo)
    first, second = house.hook.wait_for("messages.upsert", 2)
    assert "base64" not in first["data"]["message"]
    assert base64.b64decode(second["data"]["message"]["base64"]).startswith(b"\xff\xd8")


def test_paths_by_event_are_appended_to_the_address_as_it_stands(house: House) -> None:
    set_hook(house, **(HOOK | {"url": house.hook.url + "?s=x", "events": []}), byEvents=True)
    house.sim.receive("bai2", house.maria, "Olá!")
    house.hook.wait_for("messages.upsert")
    assert "/hook?s=x/messages-upsert" in [one["path"] for one in house.hook.requests]


def test_the_clock_in_a_webhook_is_local_time_with_a_z(house: House) -> None:
    house.sim.receive("bai2", house.maria, "Olá!")
    told = house.hook.wait_for("messages.upsert")[-1]
    assert told["date_time"].endswith("Z")
    assert told["date_time"][:13] == time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - 3 * 3600))
    assert told["apikey"] is not None


def test_a_remote_edit_looks_like_an_acknowledgement(house: House) -> None:
    asked = house.sim.receive("bai2", house.maria, "Olá!")
    house.sim.command("edit", instance="bai2", message=asked, text="Oi")
    update = house.hook.wait_for("messages.update")[-1]["data"]
    assert (update["status"], update["keyId"]) == ("SERVER_ACK", asked)
    assert update["message"]["editedMessage"]["message"] == {"conversation": "Oi"}
    edited = house.hook.wait_for("messages.edited")[-1]["data"]
    assert (edited["key"]["fromMe"], edited["key"]["remoteJid"]) == (True, f"{OWNER}@s.whatsapp.net")


def test_a_deletion_by_the_api_tells_the_stored_record(house: House) -> None:
    _, sent = house.send_text("oops")
    status, answer = house.call("DELETE", "/chat/deleteMessageForEveryone/bai2", sent["key"])
    assert (status, answer["message"]["protocolMessage"]["type"]) == (201, "REVOKE")
    gone = house.hook.wait_for("messages.delete")[-1]["data"]
    assert (gone["key"]["id"], gone["key"]["deleted"], gone["status"]) == (sent["key"]["id"], True, "DELETED")
    assert house.sim.messages("bai2", house.maria)[-1]["deleted"] is True


def test_a_revoke_by_the_customer_empties_the_engines_copy(house: House) -> None:
    asked = house.sim.receive("bai2", house.maria, "segredo")
    house.sim.command("revoke", instance="bai2", message=asked)
    gone = house.hook.wait_for("messages.delete")[-1]["data"]
    assert (gone["id"], gone["status"]) == (asked, "DELETED")
    found = house.call("POST", "/chat/findMessages/bai2", {"where": {"key": {"id": asked}}})[1]
    assert found["messages"]["records"][0]["message"] is None


def test_a_name_too_long_for_the_engines_table_loses_the_message(house: House) -> None:
    unlucky = house.sim.add_contact("N" * 101, number="5511900000101")
    lost = house.sim.receive("bai2", unlucky, "alguém?")
    house.sim.wait_idle()
    assert house.told("messages.upsert") == []
    assert house.call("POST", "/chat/findMessages/bai2", {"where": {"key": {"id": lost}}})[1]["messages"]["total"] == 0


@pytest.mark.parametrize(
    ("message_type", "message", "told"),
    [
        (
            "extendedTextMessage",
            {"extendedTextMessage": {"text": "veja https://x.br", "title": "X", "contextInfo": {"isForwarded": True}}},
            ("conversation", {"conversation": "veja https://x.br"}, {"isForwarded": True}),
        ),
        (
            "documentWithCaptionMessage",
            {"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "c"}}}},
            ("documentMessage", {"documentMessage": {"caption": "c"}}, None),
        ),
        (
            "ephemeralMessage",
            {"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "fica"}}}},
            ("ephemeralMessage", {"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "fica"}}}}, None),
        ),
    ],
)
def test_two_types_are_rewritten_at_the_top_and_nothing_is_unwrapped(
    house: House, message_type: str, message: dict[str, Any], told: tuple[str, Any, Any]
) -> None:
    house.sim.receive("bai2", house.maria, kind="raw", message_type=message_type, message=message)
    data = house.hook.wait_for("messages.upsert")[-1]["data"]
    assert (data["messageType"], data["message"], data.get("contextInfo")) == told


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("message/sendPoll", {"number": MARIA, "name": "Q", "selectableCount": 1, "values": ["A"]}),
        ("message/sendPoll", {"number": MARIA, "name": "Q", "selectableCount": 11, "values": ["A", "B"]}),
        ("message/sendPoll", {"number": MARIA, "name": "Q", "selectableCount": 1, "values": list("ABCDEFGHIJK")}),
        ("chat/sendPresence", {"number": MARIA, "presence": "dancing", "delay": 1}),
    ],
)
def test_what_is_out_of_its_bounds_is_a_list_of_complaints(house: House, path: str, body: dict[str, Any]) -> None:
    status, answer = house.call("POST", f"/{path}/bai2", body)
    assert status == 400
    assert [type(complaint) for complaint in answer["response"]["message"][0]] == [str]


def test_deletion_waits_for_the_logouts_webhook_too(house: House) -> None:
    house.sim.webhook_fault("delay", event="logout.instance", seconds=0.3)
    assert house.call("DELETE", "/instance/delete/bai2")[0] == 200
    assert house.told("remove.instance") == []
    assert house.call("GET", "/instance/connectionState/bai2")[0] == 200
    house.hook.wait_for("remove.instance")
    house.sim.wait_idle()
    assert house.call("GET", "/instance/connectionState/bai2")[0] == 404


def test_what_we_send_carries_its_file_too_where_files_are_wanted(empty_house: House) -> None:
    house = empty_house
    house.people()
    house.link(base64=True)
    body = {"number": MARIA, "mediatype": "document", "media": "JVBERi0xLjQK", "fileName": "a.pdf"}
    _, sent = house.call("POST", "/message/sendMedia/bai2", body)
    assert sent["message"]["base64"] == "JVBERi0xLjQK"
    assert house.hook.wait_for("send.message")[-1]["data"] == sent


def test_pages_of_messages_are_sized_by_offset(house: House) -> None:
    for n in range(7):
        house.sim.receive("bai2", house.maria, f"n{n}", at=1_700_000_000 + n)
    body = {"where": {}, "offset": 3, "page": 2, "limit": 1}
    page = house.call("POST", "/chat/findMessages/bai2", body)[1]["messages"]
    assert (page["total"], page["pages"], page["currentPage"]) == (7, 3, 2)
    assert [one["message"]["conversation"] for one in page["records"]] == ["n3", "n2", "n1"]


def test_a_file_can_be_uploaded_as_a_form(house: House) -> None:
    boundary = "xyz"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode()
        for k, v in (("number", MARIA), ("mediatype", "document"))
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
    head += "Content-Type: application/pdf\r\n\r\n"
    content = b"%PDF-1.4\r\n--not the end\r\n\x00\xff"
    body = b"".join(parts) + head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    headers = {"apikey": house.sim.api_key, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = house._http.request(  # noqa: SLF001
        "POST", f"{house.sim.url}/message/sendMedia/bai2", body=body, headers=headers
    )
    assert answer.status == 201
    found = {"message": {"key": {"id": answer.json()["key"]["id"]}}}
    media = house.call("POST", "/chat/getBase64FromMediaMessage/bai2", found)[1]
    assert (base64.b64decode(media["base64"]), media["fileName"]) == (content, "a.pdf")


def test_profile_pictures_come_from_the_simulator_itself(house: House) -> None:
    other = {"number": "5511900001111"}
    assert house.call("POST", "/chat/fetchProfilePictureUrl/bai2", other)[1]["profilePictureUrl"] is None
    url = house.call("POST", "/chat/fetchProfilePictureUrl/bai2", {"number": MARIA})[1]["profilePictureUrl"]
    assert url.startswith(house.sim.url)
    answer = house._http.request("GET", url)  # noqa: SLF001
    assert (answer.status, answer.data[:2]) == (200, b"\xff\xd8")
