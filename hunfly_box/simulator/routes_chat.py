"""The `/chat` routes."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime

from hunfly_box.simulator import jids, outgoing, traffic
from hunfly_box.simulator.contract_call import Answer, Call, check_presence, look_up, receiver, require
from hunfly_box.simulator.contract_errors import ContractError, bad_request, broken_rules, connection_closed
from hunfly_box.simulator.model import Instance, Row
from hunfly_box.simulator.shapes import Json, iso, row_id, stored, without_nothing

DEFAULT_PAGE_SIZE = 50
MEDIA_BLOCKS = (
    "imageMessage",
    "videoMessage",
    "ptvMessage",
    "audioMessage",
    "documentMessage",
    "stickerMessage",
)


async def whatsapp_numbers(call: Call) -> Answer:
    """The order of the question is not kept: groups come before people."""
    require(call.body, numbers=list)
    if not call.instance.is_connected:
        raise connection_closed()
    groups, people = [], []
    for number in map(str, call.body["numbers"]):
        jid = jids.create_jid(number)
        if jids.is_group(jid):
            group = call.engine.world.groups.get(jid)
            groups.append(
                {"jid": jid, "exists": group is not None, "number": number}
                | without_nothing(name=group.subject if group else None)
            )
        else:
            people.append(_number_found(call, jid, number))
    return 200, groups + people


def _number_found(call: Call, jid: str, number: str) -> Json:
    contact = look_up(call.engine, jid)
    if contact is None:
        return {"jid": jid, "exists": jids.is_private(jid), "number": number}
    found = {"jid": contact.live_jid, "exists": True, "number": number}
    known = call.engine.world.contacts.get(contact.id)
    return found | without_nothing(name=known.name if known else None)


async def mark_read(call: Call) -> Answer:
    """Says success whatever it did: messages under a privacy id, and of groups, are passed over."""
    require(call.body, readMessages=list)
    if not call.instance.is_connected:
        raise ContractError(500, [["Read messages fail", "Connection Closed"]])
    for key in call.body["readMessages"]:
        row = call.instance.rows.get(str(key.get("id", "")))
        remote = str(key.get("remoteJid", ""))
        if row is None or jids.is_private(remote) or jids.is_group(remote):
            continue
        row.read_by_business = True
        call.engine.show(type="message", instance=call.name, chat=row.chat, id=row.key_id)
    return 201, {"message": "Read messages", "read": "success"}


async def send_presence(call: Call) -> Answer:
    require(call.body, number=str, presence=str, delay=(int, float))
    check_presence(call.body)
    to = receiver(call, call.body["number"])
    call.instance.subscribed.add(to.jid)
    await outgoing.show_presence(call, to.chat, call.body["presence"], float(call.body["delay"]))
    return 201, {"presence": call.body["presence"]}


async def find_messages(call: Call) -> Answer:
    """`offset` is the page's size and `page` counts from 1; `limit` means nothing."""
    where = call.body.get("where") or {}
    size = int(call.body.get("offset") or DEFAULT_PAGE_SIZE)
    page = int(call.body.get("page") or 1)
    rows = [row for row in call.instance.rows.values() if row.seen_by_engine and _matches(row, where)]
    # Newest first, within one second too.
    rows = sorted(rows, key=lambda row: row.timestamp)[::-1]
    shown = rows[(page - 1) * size : page * size]
    messages = {"total": len(rows), "pages": -(-len(rows) // size), "currentPage": page}
    return 200, {"messages": {**messages, "records": [traffic.found_record(call.instance, r) for r in shown]}}


def _matches(row: Row, where: Json) -> bool:
    key = where.get("key") or {}
    if key.get("id") and row.key_id != key["id"]:
        return False
    if key.get("fromMe") and not row.from_me:
        return False
    if key.get("participant") and row.key.get("participant") != key["participant"]:
        return False
    addresses = [name for name in ("remoteJid", "remoteJidAlt") if key.get(name)]
    if addresses and not any(row.key.get(name) == key[name] for name in addresses):
        return False
    if where.get("messageType") and row.message_type != where["messageType"]:
        return False
    if where.get("source") and row.source != where["source"]:
        return False
    return _in_period(row, where.get("messageTimestamp") or {})


def _in_period(row: Row, period: Json) -> bool:
    if not period.get("gte") or not period.get("lte"):
        return True
    first, last = (datetime.fromisoformat(period[name]).timestamp() for name in ("gte", "lte"))
    return int(first) <= row.timestamp <= last


async def find_chats(call: Call) -> Answer:
    wanted = (call.body.get("where") or {}).get("remoteJid")
    last: dict[str, Row] = {}
    for row in sorted(_seen(call.instance), key=lambda row: row.timestamp):
        last[row.key["remoteJid"]] = row
    chosen = [(jid, row) for jid, row in reversed(last.items()) if wanted in (None, jid)]
    skip = int(call.body.get("skip") or 0)
    take = int(call.body.get("take") or len(chosen) or 1)
    return 200, [_chat(call, jid, row) for jid, row in chosen[skip : skip + take]]


def _seen(instance: Instance) -> Iterable[Row]:
    return (row for row in instance.rows.values() if row.seen_by_engine)


def _chat(call: Call, jid: str, row: Row) -> Json:
    contact = call.engine.world.contact_by_jid(jid)
    found = traffic.found_record(call.instance, row)
    found.pop("MessageUpdate")
    return {
        "id": row_id(),
        "remoteJid": jid,
        "pushName": contact.name if contact else None,
        "profilePicUrl": call.engine.world.picture_url(contact),
        "updatedAt": iso(row.timestamp),
        "windowStart": None,
        "windowExpires": None,
        "windowActive": False,
        "lastMessage": found | {"participant": None, "sessionId": None, "status": row.status},
        "unreadCount": None,
        "isSaved": True,
    }


async def find_chat(call: Call) -> Answer:
    call.body = {"where": {"remoteJid": call.query.get("remoteJid")}}
    _, found = await find_chats(call)
    return 200, found[0] if found else None


async def find_contacts(call: Call) -> Answer:
    where = call.body.get("where") or {}
    found = []
    for jid, entry in call.instance.known_contacts.items():
        shown = {
            "id": row_id(),
            "remoteJid": jid,
            "pushName": entry["pushName"] or None,
            "profilePicUrl": entry["profilePicUrl"],
            "createdAt": iso(call.instance.created_at),
            "updatedAt": iso(call.instance.updated_at),
            "instanceId": call.instance.id,
            "isGroup": jids.is_group(jid),
            "isSaved": True,
            "type": "group" if jids.is_group(jid) else "contact",
        }
        if all(shown.get(name) == wanted for name, wanted in where.items()):
            found.append(shown)
    if "offset" not in call.body:
        return 200, found
    size, page = int(call.body["offset"]), int(call.body.get("page") or 1)
    return 200, found[(page - 1) * size : page * size]


async def find_statuses(call: Call) -> Answer:
    where = call.body.get("where") or {}
    rows = [
        row
        for row in call.instance.rows.values()
        if where.get("id") in (None, row.key_id) and where.get("remoteJid") in (None, row.key["remoteJid"])
    ]
    updates = [(row, status) for row in rows for status in row.updates]
    size = int(call.body.get("offset") or DEFAULT_PAGE_SIZE)
    start = (int(call.body.get("page") or 1) - 1) * size
    return 200, [
        {
            "id": row_id(),
            "keyId": row.key_id,
            "remoteJid": row.key["remoteJid"],
            "fromMe": row.from_me,
            "participant": None,
            "pollUpdates": None,
            "status": status,
            "messageId": row.id,
            "instanceId": call.instance.id,
        }
        for row, status in updates[start : start + size]
    ]


async def profile_picture(call: Call) -> Answer:
    jid = jids.create_jid(str(call.body.get("number", "")))
    contact = call.engine.world.contact_by_jid(jid)
    return 200, {"wuid": jid, "profilePictureUrl": call.engine.world.picture_url(contact)}


async def profile(call: Call) -> Answer:
    jid = jids.create_jid(str(call.body.get("number", "")))
    nothing = dict.fromkeys(("name", "picture", "status", "os"))
    return 200, {"wuid": jid, **nothing, "isBusiness": False}


async def media_base64(call: Call) -> Answer:
    key = (call.body.get("message") or {}).get("key") or {}
    row = call.instance.rows.get(str(key.get("id", "")))
    if row is None or not row.seen_by_engine:
        raise bad_request("Message not found")
    found = _media_block(row.message)
    if found is None or row.media is None:
        raise bad_request("The message is not of the media type")
    name, block = found
    extension = row.media.mimetype.split("/")[-1].split(";")[0]
    return 201, {
        "mediaType": name,
        "fileName": block.get("fileName") or f"{row.key_id}.{extension}",
        "caption": block.get("caption"),
        "size": {
            "fileLength": stored(block.get("fileLength")),
            "height": block.get("height"),
            "width": block.get("width"),
        },
        "mimetype": block.get("mimetype"),
        "base64": base64.b64encode(row.media.data).decode(),
        "buffer": None,
    }


def _media_block(message: Json) -> tuple[str, Json] | None:
    """Looks through the wrappers too: view-once and ephemeral messages hold theirs inside."""
    for name, part in message.items():
        if name in MEDIA_BLOCKS:
            return name, part
        if isinstance(part, dict) and isinstance(part.get("message"), dict):
            return _media_block(part["message"])
    return None


async def archive(call: Call) -> Answer:
    """With only the chat's name the engine stumbles over its own query; give it the last message."""
    require(call.body, archive=bool)
    last = call.body.get("lastMessage")
    if not last:
        complaint = "An error occurred while archiving the chat. Open a calling."
        told = {"archived": False, "message": [complaint, "PrismaClientValidationError: \nInvalid invocation"]}
        raise ContractError(500, [told])
    chat = call.body.get("chat") or last["key"]["remoteJid"]
    return 201, {"chatId": jids.create_jid(chat), "archived": True}


async def mark_unread(call: Call) -> Answer:
    last = call.body.get("lastMessage")
    if not last:
        complaint = "An error occurred while marked unread the chat. Open a calling."
        raise ContractError(500, [{"markedChatUnread": False, "message": [complaint]}])
    chat = call.body.get("chat") or last["key"]["remoteJid"]
    return 201, {"chatId": jids.create_jid(chat), "markedChatUnread": True}


async def block(call: Call) -> Answer:
    require(call.body, number=str, status=str)
    if call.body["status"] not in ("block", "unblock"):
        raise broken_rules(["status is not one of enum values: block,unblock"])
    to = receiver(call, call.body["number"])
    if call.body["status"] == "block":
        call.instance.blocked.add(to.chat)
    else:
        call.instance.blocked.discard(to.chat)
    return 201, {"block": "success"}
