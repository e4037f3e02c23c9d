"""Each kind of send: what the engine demands of its body, and the message that comes of it."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time

from hunfly_box.simulator import media as files
from hunfly_box.simulator import outgoing, traffic
from hunfly_box.simulator.content import Content
from hunfly_box.simulator.contract_call import Answer, Call, receiver, require, row_by_key
from hunfly_box.simulator.contract_errors import ContractError, bad_request, broken_rules, connection_closed
from hunfly_box.simulator.model import Media, Row
from hunfly_box.simulator.shapes import Json, engine_message_id

OUTGOING_PATH = "/o1/v/t24/f2/m/SIMULATED"
MEDIA_TYPES = ("image", "document", "video", "audio", "ptv")
MOST_REPLY_BUTTONS = 3
FEWEST_POLL_VALUES, MOST_POLL_VALUES = 2, 10

# One emoji: a pictograph or flag with its modifiers, joiners and variation marks.
EMOJI = re.compile(
    r"(?:[\U0001F1E6-\U0001F1FF]{2}|[#*0-9]\ufe0f?\u20e3"
    r"|[\u00a9\u00ae\u203c-\u3299\U0001F000-\U0001FAFF][\ufe0f\U0001F3FB-\U0001F3FF]*"
    r"(?:\u200d[\u2640-\u27bf\U0001F300-\U0001FAFF][\ufe0f\U0001F3FB-\U0001F3FF]*)*)"
)


async def send_text(call: Call) -> Answer:
    require(call.body, number=str, text=str)
    if not call.body["text"].strip():
        raise bad_request("Text is required")
    return await outgoing.send(call, Content("conversation", {"conversation": call.body["text"]}))


async def send_media(call: Call) -> Answer:
    require(call.body, number=str, mediatype=str)
    kind = call.body["mediatype"]
    if kind not in MEDIA_TYPES:
        raise bad_request([f"mediatype is not one of enum values: {','.join(MEDIA_TYPES)}"])
    data = await _bytes_of(call, "media")
    name = _file_name(call, kind)
    mimetype = files.type_by_name(name) if name else call.body.get("mimetype") or files.sniffed_type(data)
    block: Json = {}
    media = Media(data, mimetype, name)
    if kind == "image":
        media.data, media.width, media.height = files.jpeg(data)
        block = {"interactiveAnnotations": [], "scanLengths": [], "annotations": []}
        block |= {"height": media.height, "width": media.width}
        block["jpegThumbnail"] = files.thumbnail(media.data) or b""
    block |= files.transport_fields(media.data, OUTGOING_PATH) | {"mimetype": mimetype}
    if call.body.get("caption"):
        block["caption"] = call.body["caption"]
    if kind == "document":
        block["fileName"] = name
    if kind in ("video", "ptv"):
        block |= {"gifPlayback": False, "seconds": 1}
    if kind == "audio":
        block |= {"ptt": False, "seconds": 1}
    message_type = f"{kind}Message"
    return await outgoing.send(call, Content(message_type, {message_type: block}, media))


def _file_name(call: Call, kind: str) -> str | None:
    given = call.body.get("fileName") or (call.file[0] if call.file else None)
    if kind == "document" and not given and call.file is None:
        raise bad_request("For base64 the file name must be informed.")
    fallback = {"image": "image.png", "video": "video.mp4"}
    return given or (None if call.body.get("mimetype") else fallback.get(kind))


async def _bytes_of(call: Call, field: str) -> bytes:
    """Base64, an uploaded file, or a web address; the simulator itself never leaves this machine for one."""
    if call.file is not None:
        return call.file[2]
    given = call.body.get(field)
    if not isinstance(given, str) or not (files.is_web_address(given) or files.is_base64(given)):
        raise bad_request("Owned media must be a url or base64")
    if files.is_base64(given):
        return base64.b64decode(given)
    if not re.match(r"^http://127\.\d+\.\d+\.\d+[:/]", given):
        raise bad_request("the simulator fetches media from loopback addresses only")
    headers = [("Host", ""), ("Accept", "*/*"), ("Connection", "close")]
    status, body = await call.engine.fetcher.request("GET", given, headers, b"")
    if status != 200:
        raise ContractError(500, f"Request failed with status code {status}")
    return body


async def send_ptv(call: Call) -> Answer:
    require(call.body, number=str)
    data = await _bytes_of(call, "video")
    block = files.transport_fields(data, OUTGOING_PATH) | {"mimetype": "video/mp4", "seconds": 1}
    return await outgoing.send(call, Content("ptvMessage", {"ptvMessage": block}, Media(data, "video/mp4")))


async def send_voice(call: Call) -> Answer:
    """In this version a quote given with a voice note is ignored."""
    require(call.body, number=str)
    media = files.voice(await _bytes_of(call, "audio"))
    block = files.transport_fields(media.data, OUTGOING_PATH)
    block |= {"mimetype": media.mimetype, "seconds": media.seconds, "ptt": True}
    block["waveform"] = bytes(secrets.randbelow(90) + 5 for _ in range(64))
    return await outgoing.send(call, Content("audioMessage", {"audioMessage": block}, media), may_quote=False)


async def send_sticker(call: Call) -> Answer:
    require(call.body, number=str)
    data, _, _ = files.webp_sticker(await _bytes_of(call, "sticker"))
    block = files.transport_fields(data, OUTGOING_PATH) | {"mimetype": "image/webp"}
    media = Media(data, "image/webp")
    return await outgoing.send(call, Content("stickerMessage", {"stickerMessage": block}, media))


async def send_location(call: Call) -> Answer:
    require(call.body, number=str, latitude=(int, float), longitude=(int, float), name=str, address=str)
    body = call.body
    block = {"degreesLatitude": body["latitude"], "degreesLongitude": body["longitude"]}
    block |= {"name": body["name"], "address": body["address"]}
    return await outgoing.send(call, Content("locationMessage", {"locationMessage": block}))


async def send_contact(call: Call) -> Answer:
    require(call.body, number=str, contact=list)
    cards = []
    for card in call.body["contact"]:
        require(card, fullName=str, phoneNumber=str)
        cards.append({"displayName": card["fullName"], "vcard": _vcard(card)})
    if not cards:
        raise bad_request(["contact does not meet minimum length of 1"])
    if len(cards) == 1:
        return await outgoing.send(call, Content("contactMessage", {"contactMessage": cards[0]}))
    array = {"displayName": f"{len(cards)} contacts", "contacts": cards}
    return await outgoing.send(call, Content("contactsArrayMessage", {"contactsArrayMessage": array}))


def _vcard(card: Json) -> str:
    name = card["fullName"]
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:{name}", f"FN:{name}"]
    if card.get("organization"):
        lines.append(f"ORG:{card['organization']};")
    if card.get("email"):
        lines.append(f"EMAIL:{card['email']}")
    if card.get("url"):
        lines.append(f"URL:{card['url']}")
    waid = card.get("wuid") or re.sub(r"\D", "", card["phoneNumber"])
    lines.append(f"item1.TEL;waid={waid}:{card['phoneNumber']}")
    return "\n".join([*lines, "item1.X-ABLabel:Celular", "END:VCARD"])


async def send_reaction(call: Call) -> Answer:
    require(call.body, key=dict, reaction=str)
    key, emoji = call.body["key"], call.body["reaction"]
    require(key, id=str, remoteJid=str, fromMe=bool)
    if emoji and not EMOJI.fullmatch(emoji):
        raise bad_request("Reaction must be a single emoji or empty string")
    call.body["number"] = key["remoteJid"]
    block = {"text": emoji, "key": key, "senderTimestampMs": int(time.time() * 1000)}
    answer = await outgoing.send(call, Content("reactionMessage", {"reactionMessage": block}))
    target = row_by_key(call, key)
    if target is not None:
        target.reactions["business"] = emoji
        if not emoji:
            del target.reactions["business"]
        call.engine.show(type="message", instance=call.name, chat=target.chat, id=target.key_id)
    return answer


async def send_poll(call: Call) -> Answer:
    require(call.body, number=str, name=str, selectableCount=int, values=list)
    body = call.body
    _check_poll(body)
    block = {"name": body["name"], "selectableOptionsCount": body["selectableCount"]}
    block["options"] = [{"optionName": value} for value in body["values"]]
    message = {
        "messageContextInfo": {"messageSecret": secrets.token_bytes(32)},
        "pollCreationMessageV3": block,
    }
    return await outgoing.send(call, Content("pollCreationMessageV3", message))


def _check_poll(body: Json) -> None:
    complaints = []
    if body["selectableCount"] < 0:
        complaints.append("selectableCount must be greater than or equal to 0")
    if body["selectableCount"] > MOST_POLL_VALUES:
        complaints.append(f"selectableCount must be less than or equal to {MOST_POLL_VALUES}")
    if len(body["values"]) < FEWEST_POLL_VALUES:
        complaints.append(f"values does not meet minimum length of {FEWEST_POLL_VALUES}")
    if len(body["values"]) > MOST_POLL_VALUES:
        complaints.append(f"values does not meet maximum length of {MOST_POLL_VALUES}")
    if complaints:
        raise broken_rules(complaints)


async def send_list(call: Call) -> Answer:
    require(call.body, number=str, title=str, footerText=str, buttonText=str, sections=list)
    names = ("sections", "title", "description", "buttonText", "footerText")
    block = {name: call.body[name] for name in names if name in call.body} | {"listType": 2}
    return await outgoing.send(call, Content("listMessage", {"listMessage": block}))


async def send_buttons(call: Call) -> Answer:
    require(call.body, number=str, buttons=list)
    body = call.body
    replies = [one for one in body["buttons"] if one.get("type") == "reply"]
    if len(replies) > MOST_REPLY_BUTTONS:
        raise bad_request("Maximum of 3 reply buttons allowed")
    if replies and len(replies) != len(body["buttons"]):
        raise bad_request("Reply buttons cannot be mixed with other types")
    buttons = []
    for one in body["buttons"]:
        name = "quick_reply" if one.get("type") == "reply" else f"cta_{one.get('type')}"
        params = {"display_text": one.get("displayText"), "id": one.get("id")}
        buttons.append({"name": name, "buttonParamsJson": json.dumps(params, separators=(",", ":"))})
    flow = {"buttons": buttons, "messageParamsJson": '{"from":"api","templateId":"simulated"}'}
    interactive: Json = {
        "body": {"text": f"*{body.get('title', '')}*\n\n{body.get('description', '')}\n"},
        "footer": {"text": body.get("footer", "")},
        "nativeFlowMessage": flow,
    }
    wrapped = {"viewOnceMessage": {"message": {"interactiveMessage": interactive}}}
    return await outgoing.send(call, Content("viewOnceMessage", wrapped))


async def send_template(call: Call) -> Answer:
    require(call.body, number=str, name=str, language=str)
    raise ContractError(500, "Method not available in the Baileys service")


async def update_message(call: Call) -> Answer:
    """An edit goes out as a message about a message; WhatsApp itself ignores it after 15 minutes."""
    require(call.body, number=str, text=str, key=dict)
    row = row_by_key(call, call.body["key"])
    if row is None:
        raise ContractError(404, ["Message not found"])
    to = receiver(call, call.body["number"])
    if to.jid != row.key["remoteJid"]:
        raise bad_request("RemoteJid does not match")
    if row.message_type not in ("conversation", "imageMessage", "videoMessage"):
        raise bad_request("Message not compatible")
    now = int(time.time() * 1000)
    protocol = {"key": row.key, "editedMessage": {"extendedTextMessage": {"text": call.body["text"]}}}
    if time.time() - row.timestamp <= traffic.EDIT_WINDOW_SECONDS and row.from_me:
        traffic.replace_text(row, call.body["text"])
    call.engine.show(type="message", instance=call.name, chat=row.chat, id=row.key_id)
    webhook = {**protocol, "timestampMs": now, "type": 14}
    call.engine.webhooks.send(call.instance, "send.message.update", webhook)
    answer = _about_message(row, {**protocol, "type": "MESSAGE_EDIT", "timestampMs": str(now)})
    _note_deed(call, row, answer)
    return 200, answer


async def delete_message(call: Call) -> Answer:
    """A DELETE with a JSON body."""
    require(call.body, id=str, fromMe=bool, remoteJid=str)
    if not call.instance.is_connected:
        raise connection_closed()
    row = call.instance.rows.get(call.body["id"])
    key = {name: call.body[name] for name in ("remoteJid", "fromMe", "id")}
    if row is None:
        protocol: Json = {"protocolMessage": {"key": key, "type": "REVOKE"}}
        return 201, _envelope_of(key["remoteJid"], protocol)
    row.deleted = True
    row.key["deleted"] = True
    row.status = "DELETED"
    gone = outgoing.record_of(call.instance.id, row) | {"id": row.id, "status": "DELETED"}
    gone |= {"participant": None, "webhookUrl": None, "sessionId": None}
    call.engine.webhooks.send(call.instance, "messages.delete", gone)
    call.engine.show(type="message", instance=call.name, chat=row.chat, id=row.key_id)
    answer = _about_message(row, {"key": key, "type": "REVOKE"})
    _note_deed(call, row, answer)
    return 201, answer


def _about_message(row: Row, protocol: Json) -> Json:
    return _envelope_of(row.key["remoteJid"], {"protocolMessage": protocol})


def _envelope_of(jid: str, message: Json) -> Json:
    return {
        "key": {"remoteJid": jid, "fromMe": True, "id": engine_message_id()},
        "message": message,
        "messageTimestamp": str(int(time.time())),
        "status": "PENDING",
    }


def _note_deed(call: Call, row: Row, answer: Json) -> None:
    """Edits and deletions are sends too: a test counts them under the id of their own."""
    deed = Row(
        chat=row.chat,
        key=answer["key"],
        message=answer["message"],
        message_type="protocolMessage",
        timestamp=int(time.time()),
        push_name="",
        source="web",
        status="PENDING",
    )
    outgoing.note_sent(call, deed)
