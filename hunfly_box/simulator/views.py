"""The world as JSON: for the phone page, for the control API, and for tests that ask what happened."""

from __future__ import annotations

import json
from typing import Any

from hunfly_box.simulator import jids
from hunfly_box.simulator.engine import Engine
from hunfly_box.simulator.model import Contact, Group, Instance, Row, Sent
from hunfly_box.simulator.shapes import Json
from hunfly_box.simulator.webhooks import Attempt

TICKS = {
    "ERROR": "error",
    "PENDING": "waiting",
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
}
KINDS = {
    "conversation": "text",
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "document",
    "stickerMessage": "sticker",
    "locationMessage": "location",
    "liveLocationMessage": "location",
    "contactMessage": "contact",
    "contactsArrayMessage": "contact",
    "pollCreationMessageV3": "poll",
    "listMessage": "list",
    "viewOnceMessage": "buttons",
}
HIDDEN = ("reactionMessage", "protocolMessage", "pollUpdateMessage")


def contact(one: Contact) -> Json:
    shown = {"id": one.id, "name": one.name, "number": one.number, "lid": one.lid}
    return shown | {"addressing": one.addressing, "online": one.online, "reads": one.reads}


def group(one: Group) -> Json:
    return {"id": one.jid, "jid": one.jid, "name": one.subject, "members": one.members}


def instance(one: Instance) -> Json:
    return {
        "name": one.name,
        "id": one.id,
        "state": one.state,
        "number": jids.digits_of(one.owner_jid) if one.owner_jid else None,
        "profile": one.profile_name,
        "reason": one.reason_code,
        "wants_scan": one.qr_code is not None,
        "qr": one.qr_base64,
        "pairing_code": one.pairing_code,
        "base64_in_use": one.base64_in_use,
    }


def chat(engine: Engine, found: Instance, wanted: str) -> list[Json]:
    rows = [row for row in found.rows.values() if row.chat == wanted and row.message_type not in HIDDEN]
    rows.sort(key=lambda row: row.timestamp)
    return [message(engine, found, row) for row in rows]


def message(engine: Engine, found: Instance, row: Row) -> Json:
    """A bubble; `mine` is the customer's side of the phone."""
    kind = KINDS.get(row.message_type, "other")
    author = engine.world.contacts.get(row.author or "")
    shown: Json = {
        "id": row.key_id,
        "instance": found.name,
        "chat": row.chat,
        "mine": not row.from_me,
        "author": author.id if author else None,
        "author_name": author.name if author else found.profile_name,
        "kind": "voice" if _is_voice(row) else kind,
        "at": row.timestamp,
        "edited": row.edited,
        "deleted": row.deleted,
        "tick": _tick(row),
        "status": row.status,
        "reactions": row.reactions,
        "quote": _quote(found, row),
    }
    if row.deleted:
        return shown
    return shown | _body(row, kind)


def _is_voice(row: Row) -> bool:
    block = row.message.get("audioMessage")
    return isinstance(block, dict) and bool(block.get("ptt"))


def _tick(row: Row) -> str:
    if row.from_me:
        return TICKS.get(row.status, "sent")
    if row.read_by_business:
        return "read"
    return "delivered" if row.seen_by_engine else "sent"


def _quote(found: Instance, row: Row) -> Json | None:
    quoted_id = (row.context or {}).get("stanzaId")
    if not quoted_id:
        return None
    quoted = found.rows.get(quoted_id)
    words = summary(quoted) if quoted else words_in((row.context or {}).get("quotedMessage") or {})
    return {"id": quoted_id, "text": words, "mine": quoted is not None and not quoted.from_me}


def _body(row: Row, kind: str) -> Json:
    block: Any = row.message.get(row.message_type)
    shown: Json = {"text": words_in(row.message)}
    if row.media is not None:
        shown |= {"media": True, "mimetype": row.media.mimetype, "seconds": row.media.seconds}
        shown |= {"filename": row.media.filename, "size": len(row.media.data)}
    if not isinstance(block, dict):
        return shown
    if kind == "location":
        shown |= {"latitude": block["degreesLatitude"], "longitude": block["degreesLongitude"]}
        shown |= {"name": block.get("name"), "address": block.get("address")}
    elif kind == "contact":
        cards = block.get("contacts") or [block]
        shown |= {"cards": [{"name": card["displayName"], "vcard": card["vcard"]} for card in cards]}
    elif kind == "poll":
        shown |= {"text": block["name"], "options": [one["optionName"] for one in block["options"]]}
    elif kind == "list":
        rows = [one for section in block.get("sections", []) for one in section.get("rows", [])]
        words = "\n".join(part for part in (block.get("title"), block.get("description")) if part)
        shown |= {"text": words, "options": [one["title"] for one in rows]}
    elif kind == "buttons":
        inner = block["message"]["interactiveMessage"]
        buttons = [json.loads(one["buttonParamsJson"]) for one in inner["nativeFlowMessage"]["buttons"]]
        shown |= {"text": inner["body"]["text"].strip()}
        shown |= {"options": [one.get("display_text") for one in buttons]}
    return shown


def words_in(content: Json) -> str:
    if "conversation" in content:
        return str(content["conversation"])
    for part in content.values():
        if isinstance(part, dict):
            words = part.get("caption") or part.get("text") or part.get("name") or part.get("displayName")
            if words:
                return str(words)
    return ""


def summary(row: Row) -> str:
    return "" if row.deleted else words_in(row.message) or KINDS.get(row.message_type, row.message_type)


def sent(one: Sent) -> Json:
    names = ("n", "at", "instance", "path", "number", "jid", "id", "message_type", "text")
    return {name: getattr(one, name) for name in names}


def attempt(one: Attempt) -> Json:
    names = ("n", "at", "instance", "event", "url", "attempt", "status", "error")
    return {name: getattr(one, name) for name in names}
