"""Messages on their way: what a customer does reaches the engine, what the engine sends reaches the customer."""

from __future__ import annotations

import base64
import time
from typing import Any

from hunfly_box.simulator import content as contents
from hunfly_box.simulator import jids
from hunfly_box.simulator.content import WITHOUT_CONTEXT, Content
from hunfly_box.simulator.engine import Engine
from hunfly_box.simulator.model import STATUSES, Contact, Group, Instance, Row
from hunfly_box.simulator.shapes import Json, Long, iso, phone_message_id, protobuf_json, stored, without_nothing

# How long a message takes on WhatsApp's side, in seconds.
TO_SERVER, TO_PHONE, TO_EYES = 0.15, 0.25, 0.4
PUSH_NAME_OF_OWNER = "Você"
EDIT_WINDOW_SECONDS = 15 * 60
LONGEST_PUSH_NAME = 100


def receive(
    engine: Engine,
    instance: Instance,
    contact: Contact,
    content: Content,
    *,
    group: Group | None = None,
    quoted: Row | None = None,
    at: float | None = None,
    message_id: str | None = None,
) -> Row:
    """A customer sends; the engine hears of it now, or at its next connection."""
    if quoted is not None:
        content.context = quote_context(instance, quoted)
        _put_context(content)
    row = Row(
        chat=group.jid if group else contact.id,
        key=_stored_key(contact, group, message_id or phone_message_id()),
        message=content.message,
        message_type=content.type,
        timestamp=int(at or time.time()),
        push_name=contact.name,
        source="android",
        status="DELIVERY_ACK",
        context=content.context,
        context_shown=content.type not in WITHOUT_CONTEXT,
        author=contact.id,
        media=content.media,
        seen_by_engine=False,
    )
    instance.rows[row.key_id] = row
    engine.show(type="message", instance=instance.name, chat=row.chat, id=row.key_id)
    if contact.id not in instance.blocked:
        engine.when_connected(instance, lambda: hand_over(engine, instance, row))
    return row


def sent_on_phone(engine: Engine, instance: Instance, contact: Contact, content: Content) -> Row:
    """The shop's owner types on the phone itself, not through the API."""
    content.message.pop("messageContextInfo", None)
    row = Row(
        chat=contact.id,
        key={**_stored_key(contact, None, phone_message_id()), "fromMe": True},
        message=content.message,
        message_type=content.type,
        timestamp=int(time.time()),
        push_name=PUSH_NAME_OF_OWNER,
        source="android",
        status="SERVER_ACK",
        context_shown=content.type not in WITHOUT_CONTEXT,
        media=content.media,
    )
    instance.rows[row.key_id] = row
    engine.show(type="message", instance=instance.name, chat=row.chat, id=row.key_id)
    engine.when_connected(instance, lambda: hand_over(engine, instance, row))
    return row


def _stored_key(contact: Contact, group: Group | None, message_id: str) -> Json:
    if group is not None:
        by_lid = group.addressing == "lid" and contact.lid_jid is not None
        other = contact.pn_jid if by_lid else contact.lid_jid
        return {
            "remoteJid": group.jid,
            "fromMe": False,
            "id": message_id,
            "participant": contact.lid_jid if by_lid else contact.live_jid,
            "addressingMode": "lid" if by_lid else "pn",
            **without_nothing(participantAlt=other),
        }
    by_lid = contact.stored_jid == contact.lid_jid
    return {
        "remoteJid": contact.stored_jid,
        "fromMe": False,
        "id": message_id,
        "participant": "",
        "addressingMode": "lid" if by_lid else "pn",
        **without_nothing(remoteJidAlt=contact.pn_jid if by_lid else contact.lid_jid),
    }


def hand_over(engine: Engine, instance: Instance, row: Row) -> None:
    if not fits_the_table(row):
        return
    row.seen_by_engine = True
    is_group = jids.is_group(row.key["remoteJid"])
    if not (is_group and instance.settings.get("groupsIgnore")):
        engine.webhooks.queue(instance, "messages.upsert", upsert_record(instance, row))
        _announce_contact(engine, instance, row)
    if instance.settings.get("readMessages") and not row.from_me:
        row.read_by_business = True
    engine.show(type="message", instance=instance.name, chat=row.chat, id=row.key_id)


def fits_the_table(row: Row) -> bool:
    """A row that the engine's own table refuses is told to nobody either: the message is lost."""
    return len(row.push_name) <= LONGEST_PUSH_NAME


def upsert_record(instance: Instance, row: Row) -> Json:
    key = dict(row.key)
    if jids.is_private(key["remoteJid"]) and key.get("remoteJidAlt"):
        # The engine overwrites the privacy id with the number here, and only here.
        key["remoteJid"] = key["remoteJidAlt"]
    record: Json = {
        "key": key,
        "pushName": row.push_name,
        "status": row.status,
        "message": with_base64(instance, row),
    }
    if row.context or row.context_shown:
        record["contextInfo"] = row.context
    return record | {
        "messageType": row.message_type,
        "messageTimestamp": row.timestamp,
        "instanceId": instance.id,
        "source": row.source,
    }


def with_base64(instance: Instance, row: Row) -> Json:
    if not instance.base64_in_use or row.media is None:
        return row.message
    return {**row.message, "base64": base64.b64encode(row.media.data).decode()}


def _announce_contact(engine: Engine, instance: Instance, row: Row) -> None:
    jid = upsert_record(instance, row)["key"]["remoteJid"]
    contact = engine.world.contact_by_jid(jid)
    known = instance.known_contacts.get(jid)
    name = "" if row.from_me else row.push_name
    entry = {
        "remoteJid": jid,
        "pushName": name,
        "profilePicUrl": engine.world.picture_url(contact),
        "instanceId": instance.id,
    }
    event = "contacts.update" if known else "contacts.upsert"
    engine.webhooks.queue(instance, event, entry)
    if known and name and known["pushName"] != name and not jids.is_group(jid):
        engine.webhooks.queue(instance, "chats.upsert", [{"id": jid, "name": name}])
    if name or not known:
        instance.known_contacts[jid] = entry
    engine.webhooks.queue(instance, "chats.update", [{"remoteJid": jid, "instanceId": instance.id}])


def quote_context(instance: Instance, quoted: Row) -> Json:
    author = instance.owner_jid if quoted.from_me else (quoted.key.get("participant") or quoted.key["remoteJid"])
    message = {name: part for name, part in quoted.message.items() if name != "messageContextInfo"}
    return contents.quoting(quoted.key, author or "", message)


def _put_context(content: Content) -> None:
    """The context lies inside the message too, except for plain text, which the engine rewrites."""
    if content.type == "conversation":
        content.message.pop("messageContextInfo", None)
    else:
        content.message[content.type]["contextInfo"] = content.context


def react(engine: Engine, instance: Instance, contact: Contact, target: Row, emoji: str) -> None:
    """A reaction is a message of its own on the wire, but no bubble on a phone."""
    key = dict(target.key) | {"remoteJid": contact.raw_jid if not jids.is_group(target.chat) else target.chat}
    target.reactions[contact.id] = emoji
    if not emoji:
        del target.reactions[contact.id]
    group = engine.world.groups.get(target.chat)
    receive(engine, instance, contact, contents.reaction(key, emoji), group=group)
    engine.show(type="message", instance=instance.name, chat=target.chat, id=target.key_id)


def edit(engine: Engine, instance: Instance, row: Row, text: str) -> None:
    """Two events, as from WhatsApp: the protocol message itself, and an update that looks like an acknowledgement."""
    now = int(time.time() * 1000)
    row.edited = True
    replace_text(row, text)
    engine.show(type="message", instance=instance.name, chat=row.chat, id=row.key_id)
    edited = {"conversation": text}
    protocol = {
        "key": _senders_key(instance, row),
        "type": "MESSAGE_EDIT",
        "editedMessage": edited,
        "timestampMs": Long(now),
    }
    wrapped = {"editedMessage": {"message": edited}}

    def tell() -> None:
        engine.webhooks.queue(instance, "messages.edited", protobuf_json(protocol))
        engine.webhooks.queue(
            instance, "messages.update", {**_update(engine, instance, row, "SERVER_ACK"), "message": wrapped}
        )

    engine.when_connected(instance, tell)


def replace_text(row: Row, text: str) -> None:
    block = row.message.get(row.message_type)
    if isinstance(block, dict):
        block["caption"] = text
    else:
        row.message = {"conversation": text}


def revoke(engine: Engine, instance: Instance, row: Row) -> None:
    row.deleted = True
    engine.show(type="message", instance=instance.name, chat=row.chat, id=row.key_id)
    gone = {
        "remoteJid": row.key["remoteJid"],
        "fromMe": False,
        "id": row.key_id,
        **without_nothing(participant=row.key.get("participant") or None),
        "status": "DELETED",
    }

    def tell() -> None:
        row.message = {}
        engine.webhooks.queue(instance, "messages.edited", {"key": _senders_key(instance, row), "type": "REVOKE"})
        engine.webhooks.queue(instance, "messages.delete", gone)

    engine.when_connected(instance, tell)


def _senders_key(instance: Instance, row: Row) -> Json:
    """Inside a protocol message the key is the sender's view: to them the message is their own."""
    remote = row.chat if jids.is_group(row.chat) else instance.owner_jid
    return {"remoteJid": remote, "fromMe": True, "id": row.key_id}


async def travel(engine: Engine, instance: Instance, row: Row) -> None:
    """The ticks of an outgoing message climb by themselves; in groups only the server ever answers."""
    if not engine.options.automatic_receipts:
        return
    await engine.pause(TO_SERVER)
    set_status(engine, instance, row, "SERVER_ACK")
    contact = engine.world.contacts.get(row.chat)
    if contact is None or not contact.online:
        return
    await engine.pause(TO_PHONE)
    set_status(engine, instance, row, "DELIVERY_ACK")
    if contact.reads or is_open(engine, instance, contact):
        await engine.pause(TO_EYES)
        set_status(engine, instance, row, "READ")


def is_open(engine: Engine, instance: Instance, contact: Contact) -> bool:
    return engine.open_chats.get((contact.id, instance.name, contact.id), 0) > 0


def set_status(engine: Engine, instance: Instance, row: Row, status: str) -> None:
    """Ticks never fall by themselves; WhatsApp may still report an old one again."""
    row.updates.append(status)
    if STATUSES.index(status) > STATUSES.index(row.status) or status == "ERROR":
        row.status = status
    engine.show(type="message", instance=instance.name, chat=row.chat, id=row.key_id)
    update = _update(engine, instance, row, status)
    engine.when_connected(instance, lambda: engine.webhooks.queue(instance, "messages.update", update))


def _update(engine: Engine, instance: Instance, row: Row, status: str) -> Json:
    contact = engine.world.contacts.get(row.chat)
    return {
        "keyId": row.key_id,
        # The customer's raw address: a privacy id, even where the message itself went to the number.
        "remoteJid": contact.raw_jid if contact else row.key["remoteJid"],
        "fromMe": row.from_me,
        "status": status,
        "instanceId": instance.id,
        "messageId": row.id,
    }


def open_chat(engine: Engine, instance: Instance, contact: Contact, chat: str, is_shown: bool) -> None:
    """A conversation on the screen reads what comes in, and what came before."""
    place = (contact.id, instance.name, chat)
    engine.open_chats[place] = max(0, engine.open_chats.get(place, 0) + (1 if is_shown else -1))
    if is_shown and chat == contact.id:
        for row in instance.rows.values():
            if row.chat == chat and row.from_me and row.status == "DELIVERY_ACK":
                set_status(engine, instance, row, "READ")


def presence(engine: Engine, instance: Instance, contact: Contact, state: str, chat: str | None = None) -> None:
    """Reaches the engine only for those it has asked WhatsApp about."""
    jid = chat if chat and jids.is_group(chat) else contact.raw_jid
    if not {jid, contact.live_jid} & instance.subscribed or not instance.is_connected:
        return
    data = {"id": jid, "presences": {contact.raw_jid: {"lastKnownPresence": state}}}
    engine.webhooks.queue(instance, "presence.update", data)


def call(engine: Engine, instance: Instance, contact: Contact, **fields: Any) -> None:
    data = {
        "chatId": contact.raw_jid,
        "from": contact.raw_jid,
        "id": phone_message_id(),
        "date": iso(time.time()),
        "offline": False,
        "status": "offer",
        "isVideo": False,
        "isGroup": False,
        **fields,
    }
    engine.when_connected(instance, lambda: engine.webhooks.queue(instance, "call", data))


def found_record(instance: Instance, row: Row) -> Json:
    """A row as findMessages prints it: no status, but the list of updates."""
    return {
        "id": row.id,
        "key": row.key,
        "pushName": row.push_name,
        "messageType": row.message_type,
        # What the customer revoked is overwritten; what we deleted through the API is only marked.
        "message": None if row.deleted and not row.key.get("deleted") else stored(row.message),
        "messageTimestamp": row.timestamp,
        "instanceId": instance.id,
        "source": row.source,
        "contextInfo": stored(row.context),
        "MessageUpdate": [{"status": status} for status in row.updates],
    }
