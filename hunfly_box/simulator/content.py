"""What a customer's phone can say, as the message objects WhatsApp carries."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass
from typing import Any

from hunfly_box.simulator import media as files
from hunfly_box.simulator.model import Media
from hunfly_box.simulator.shapes import Json, Long

INCOMING_PATH = "/o1/v/t62/f1/m/xyz?ccb=9-4"
WAVEFORM_POINTS = 64

# Types whose protobuf has a context field: the record shows it as null when it is not set.
WITHOUT_CONTEXT = {"conversation", "reactionMessage", "keepInChatMessage", "pollUpdateMessage", "unknown"}


@dataclass
class Content:
    type: str
    message: Json
    media: Media | None = None
    context: Json | None = None


def device_marks() -> Json:
    """What an Android phone puts beside the message; it holds a secret that nobody should keep."""
    return {
        "threadId": [],
        "deviceListMetadata": {
            "senderKeyIndexes": [],
            "recipientKeyIndexes": [],
            "senderKeyHash": secrets.token_bytes(10),
            "senderTimestamp": Long(int(time.time()) - 86400, unsigned=True),
            "recipientKeyHash": secrets.token_bytes(10),
            "recipientTimestamp": Long(int(time.time()) - 86399, unsigned=True),
        },
        "deviceListMetadataVersion": 2,
        "messageSecret": secrets.token_bytes(32),
    }


def text(text: str) -> Content:
    return Content("conversation", {"conversation": text, "messageContextInfo": device_marks()})


def file(kind: str, media: Media, caption: str | None = None, gif: bool = False) -> Content:
    """kind: image, video, ptv (round video), audio, voice, document or sticker."""
    block = {**files.transport_fields(media.data, INCOMING_PATH), "mimetype": media.mimetype}
    if caption:
        block["caption"] = caption
    if media.width:
        block |= {"height": media.height, "width": media.width}
    name = {"ptv": "ptvMessage", "voice": "audioMessage"}.get(kind, f"{kind}Message")
    message: Json = {name: block}
    if kind == "image":
        block |= {"interactiveAnnotations": [], "scanLengths": [], "annotations": []}
        block["jpegThumbnail"] = files.thumbnail(media.data) or b""
        message["messageContextInfo"] = device_marks()
    elif kind in ("video", "ptv"):
        block |= {"interactiveAnnotations": [], "annotations": [], "processedVideos": []}
        block |= {"seconds": media.seconds or 1, "jpegThumbnail": b"\xff\xd8\xff\xd9"}
        if gif:
            block["gifPlayback"] = True
    elif kind in ("audio", "voice"):
        block |= {"seconds": media.seconds or 1, "ptt": kind == "voice"}
        if kind == "voice":
            block["waveform"] = bytes(secrets.randbelow(90) + 5 for _ in range(WAVEFORM_POINTS))
    elif kind == "document":
        block |= {"title": media.filename, "fileName": media.filename, "pageCount": 1}
    elif kind == "sticker":
        block["isAnimated"] = False
    return Content(name, message, media)


def location(latitude: float, longitude: float, name: str = "", address: str = "", live: bool = False) -> Content:
    block: Json = {"degreesLatitude": latitude, "degreesLongitude": longitude}
    if live:
        block |= {"caption": name, "sequenceNumber": Long(1), "jpegThumbnail": b""}
        return Content("liveLocationMessage", {"liveLocationMessage": block})
    block |= {"name": name, "address": address, "jpegThumbnail": secrets.token_bytes(30)}
    return Content("locationMessage", {"locationMessage": block})


def vcard(name: str, number: str) -> str:
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:;{name};;;", f"FN:{name}"]
    lines += [f"item1.TEL;waid={number}:+{number}", "item1.X-ABLabel:Celular", "END:VCARD"]
    return "\n".join(lines)


def contacts(cards: list[Json]) -> Content:
    blocks = [{"displayName": card["name"], "vcard": vcard(card["name"], card["number"])} for card in cards]
    if len(blocks) == 1:
        return Content("contactMessage", {"contactMessage": blocks[0]})
    array = {"displayName": f"{len(blocks)} contatos", "contacts": blocks}
    return Content("contactsArrayMessage", {"contactsArrayMessage": array})


def reaction(key: Json, emoji: str) -> Content:
    stamp = Long(int(time.time() * 1000))
    target = {name: key[name] for name in ("remoteJid", "fromMe", "id", "participant") if key.get(name) is not None}
    return Content("reactionMessage", {"reactionMessage": {"key": target, "text": emoji, "senderTimestampMs": stamp}})


def poll(name: str, options: list[str], selectable: int = 1) -> Content:
    block = {
        "options": [{"optionName": option} for option in options],
        "name": name,
        "selectableOptionsCount": selectable,
    }
    return Content("pollCreationMessageV3", {"messageContextInfo": device_marks(), "pollCreationMessageV3": block})


def poll_vote(key: Json, chosen: list[str]) -> Content:
    block = {"pollCreationMessageKey": key, "vote": {"selectedOptions": chosen}, "senderTimestampMs": Long(1)}
    return Content("pollUpdateMessage", {"pollUpdateMessage": block})


def list_reply(row: str, title: str, description: str = "") -> Content:
    block = {
        "title": title,
        "listType": 1,
        "singleSelectReply": {"selectedRowId": row},
        "description": description,
    }
    return Content("listResponseMessage", {"listResponseMessage": block})


def button_reply(button: str, title: str) -> Content:
    block = {"selectedButtonId": button, "selectedDisplayText": title, "type": 1}
    return Content("buttonsResponseMessage", {"buttonsResponseMessage": block})


def quoting(key: Json, participant: str, quoted: Json) -> Json:
    return {
        "mentionedJid": [],
        "groupMentions": [],
        "statusAttributions": [],
        "stanzaId": key["id"],
        "participant": participant,
        "quotedMessage": quoted,
    }


def build(kind: str, **fields: Any) -> Content:
    """The one door of the control API and the phone page: plain JSON fields in, a message out."""
    if kind == "text":
        return text(fields["text"])
    if kind in ("image", "video", "ptv", "audio", "voice", "document", "sticker"):
        return file(kind, incoming_media(kind, **fields), fields.get("caption"), bool(fields.get("gif")))
    if kind in ("location", "live_location"):
        place = (float(fields["latitude"]), float(fields["longitude"]))
        return location(*place, fields.get("name", ""), fields.get("address", ""), live=kind == "live_location")
    if kind == "contact":
        return contacts(fields.get("contacts") or [{"name": fields["name"], "number": fields["number"]}])
    if kind == "poll":
        return poll(fields["name"], fields["options"], fields.get("selectable", 1))
    if kind == "list_reply":
        return list_reply(fields["row"], fields["title"])
    if kind == "button_reply":
        return button_reply(fields["button"], fields["title"])
    if kind == "raw":
        return as_told(fields["message_type"], fields["message"], fields.get("context"))
    raise ValueError(f"unknown kind of message {kind!r}")


def as_told(message_type: str, message: Json, context: Json | None) -> Content:
    """What WhatsApp sends, as the engine tells it: two types are rewritten, at the top and in a quote."""
    if context and isinstance(context.get("quotedMessage"), dict):
        context = context | {"quotedMessage": _rewritten(context["quotedMessage"])}
    block = message.get(message_type)
    if message_type == "extendedTextMessage" and isinstance(block, dict):
        return Content("conversation", _rewritten(message), context=context or block.get("contextInfo"))
    if message_type == "documentWithCaptionMessage" and isinstance(block, dict):
        return Content("documentMessage", _rewritten(message), context=context)
    return Content(message_type, message, context=context)


def _rewritten(message: Json) -> Json:
    """The preview of a link is lost."""
    kept = dict(message)
    text = kept.pop("extendedTextMessage", None)
    document = kept.pop("documentWithCaptionMessage", None)
    if text is not None:
        kept = {"conversation": text.get("text"), **kept}
    if document is not None:
        kept = {**document["message"], **kept}
    return kept


def incoming_media(kind: str, **fields: Any) -> Media:
    """`media` is base64 (or bytes from Python)."""
    given = fields["media"]
    data = given if isinstance(given, bytes) else base64.b64decode(given)
    if kind == "voice":
        return files.voice(data)
    if kind == "image":
        data, width, height = files.jpeg(data)
        return Media(data, "image/jpeg", fields.get("filename"), width, height)
    if kind == "sticker":
        data, width, height = files.webp_sticker(data)
        return Media(data, "image/webp", None, width, height)
    guessed = fields.get("mimetype") or files.sniffed_type(data)
    if kind == "document":
        return Media(data, guessed, fields.get("filename") or "documento")
    media = Media(data, guessed, fields.get("filename"), seconds=int(fields.get("seconds") or 3))
    if kind in ("video", "ptv"):
        media.width, media.height = int(fields.get("width") or 240), int(fields.get("height") or 180)
    return media
