"""The `/message/…` routes: checks, the record that answers, its webhook, and the ticks that follow."""

from __future__ import annotations

import time
from typing import Any

from hunfly_box.simulator import jids, traffic
from hunfly_box.simulator.content import Content
from hunfly_box.simulator.contract_call import Answer, Call, Receiver, receiver, row_by_key
from hunfly_box.simulator.model import Row, Sent
from hunfly_box.simulator.shapes import Json, Long, engine_message_id, wire

EPHEMERAL_SINCE_SECONDS = 2 * 86400
# Types that carry no context at the record's top level.
BARE_TYPES = ("reactionMessage", "viewOnceMessage", "pollCreationMessageV3")


async def send(call: Call, content: Content, *, may_quote: bool = True) -> Answer:
    to = receiver(call, str(call.body["number"]))
    await _show_typing(call, to, content)
    context = _context(call, to, content, may_quote)
    message = dict(content.message)
    if content.type == "pollCreationMessageV3":
        message["messageContextInfo"] = {**message["messageContextInfo"], "contextInfo": context}
    elif content.type not in ("conversation", *BARE_TYPES) and context:
        message[content.type] = {**message[content.type], "contextInfo": context}
    row = Row(
        chat=to.chat,
        key=_key(to.jid, content.type),
        message=message,
        message_type=content.type,
        timestamp=int(time.time()),
        push_name=traffic.PUSH_NAME_OF_OWNER,
        source="web",
        status="PENDING",
        context=None if content.type in BARE_TYPES else context,
        media=content.media,
    )
    return 201, launch(call, row)


def launch(call: Call, row: Row) -> Json:
    """From here on the message is out: it is counted, and the customer will see it."""
    instance = call.instance
    instance.rows[row.key_id] = row
    note_sent(call, row)
    record = record_of(instance.id, row) | {"message": traffic.with_base64(instance, row)}
    call.engine.webhooks.send(instance, "send.message", record)
    call.engine.show(type="message", instance=instance.name, chat=row.chat, id=row.key_id)
    call.engine.spawn(traffic.travel(call.engine, instance, row))
    return dict(wire(record))


def note_sent(call: Call, row: Row) -> None:
    sent = call.engine.world.sent
    sent.append(
        Sent(
            n=len(sent) + 1,
            at=time.time(),
            instance=call.instance.name,
            path=call.path,
            number=str(call.body.get("number", "")),
            jid=str(row.key["remoteJid"]),
            id=row.key_id,
            message_type=row.message_type,
            text=words_of(row),
            body=call.body,
        )
    )


def words_of(row: Row) -> str | None:
    if row.message_type == "conversation":
        return str(row.message.get("conversation", ""))
    block = row.message.get(row.message_type)
    if not isinstance(block, dict):
        return None
    words = block.get("caption") or block.get("text") or block.get("name")
    return str(words) if words is not None else None


def _key(jid: str, kind: str) -> Json:
    key: Json = {"remoteJid": jid, "fromMe": True, "id": engine_message_id()}
    if kind == "viewOnceMessage":
        key["participant"] = jid
    return key


def record_of(instance_id: str, row: Row) -> Json:
    record: Json = {
        "key": row.key,
        "pushName": row.push_name,
        "status": "PENDING",
        "message": row.message,
    }
    if row.context:
        record["contextInfo"] = row.context
    return record | {
        "messageType": row.message_type,
        "messageTimestamp": row.timestamp,
        "instanceId": instance_id,
        "source": row.source,
    }


async def _show_typing(call: Call, to: Receiver, content: Content) -> None:
    """`delay` subscribes to the customer's presence, shows "typing" and blocks the call for that long."""
    delay = call.body.get("delay") or 0
    if not delay:
        return
    call.instance.subscribed.add(to.jid)
    state = "recording" if content.type == "audioMessage" else "composing"
    await show_presence(call, to.chat, state, float(delay))


async def show_presence(call: Call, chat: str, state: str, milliseconds: float) -> None:
    name = call.instance.name
    call.engine.show(type="typing", instance=name, chat=chat, state=state)
    try:
        await call.engine.pause(milliseconds / 1000)
    finally:
        call.engine.show(type="typing", instance=name, chat=chat, state="paused")


def _context(call: Call, to: Receiver, content: Content, may_quote: bool) -> Json:
    mentioned = _mentioned(call, to)
    if to.group is not None:
        context: Json = {"mentionedJid": mentioned} if mentioned else {}
    else:
        context = {
            "mentionedJid": mentioned,
            "groupMentions": [],
            "ephemeralSettingTimestamp": Long(int(time.time()) - EPHEMERAL_SINCE_SECONDS),
            "disappearingMode": {"initiator": 0},
        }
        if content.type == "stickerMessage":
            context["statusAttributions"] = []
    if may_quote and isinstance(call.body.get("quoted"), dict):
        context |= _quote(call, call.body["quoted"])
    return context


def _mentioned(call: Call, to: Receiver) -> list[str]:
    if to.group is not None and call.body.get("mentionsEveryOne"):
        members = (call.engine.world.contacts[member] for member in to.group.members)
        return [member.raw_jid for member in members]
    given: list[Any] = call.body.get("mentioned") or []
    return [jids.create_jid(str(number)) for number in given]


def _quote(call: Call, quoted: Json) -> Json:
    """By id alone the engine looks into its table; an id it does not know is dropped without a word."""
    key = quoted.get("key") or {}
    message = quoted.get("message")
    known = row_by_key(call, key)
    if message is None and known is None:
        return {}
    if message is None and known is not None:
        message = {name: part for name, part in known.message.items() if name != "messageContextInfo"}
    return {"participant": "", "stanzaId": str(key.get("id", "")), "quotedMessage": message}
