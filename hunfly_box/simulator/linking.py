"""A number's life: QR and pairing code, scanning, closing for every reason, reconnecting, and history at linking."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import secrets
import time

import segno

from hunfly_box.simulator import jids, samples, traffic
from hunfly_box.simulator.engine import Engine
from hunfly_box.simulator.model import Instance, Row
from hunfly_box.simulator.shapes import Json, iso, without_nothing

# After these the session is wiped and a person must scan again.
FINAL_CODES = (401, 402, 403, 406)
QR_DARK = "#198754"
PAIRING_LETTERS = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
# What the real engine did while it could not reach WhatsApp.
STORM_PER_SECOND = 3.5
HISTORY_CHUNK = 100
OWNER_PICTURE = "{0}/store/pictures/{1}.jpg?oe=0"


def connection_update(engine: Engine, instance: Instance, state: str, reason: int, **extra: object) -> None:
    data = {"instance": instance.name, **extra, "state": state, "statusReason": reason}
    engine.webhooks.queue(instance, "connection.update", data)


def begin(engine: Engine, instance: Instance, pairing_number: str | None = None) -> None:
    """Starts a connection: a number that was linked comes back, a new one gets a QR."""
    if instance.state != "close":
        return
    set_state(engine, instance, "connecting")
    instance.pairing_number = pairing_number
    connection_update(engine, instance, "connecting", 200)
    if instance.owner_jid and instance.recorded_state != "close":
        engine.spawn(_open_again(engine, instance))
    else:
        instance.qr_round += 1
        engine.spawn(_show_codes(engine, instance, instance.qr_round), is_awaited=False)


def set_state(engine: Engine, instance: Instance, state: str) -> None:
    instance.state = state
    instance.updated_at = time.time()
    engine.show(type="instances")


async def _show_codes(engine: Engine, instance: Instance, this_round: int) -> None:
    instance.qr_count = 0
    await engine.pause(0.3)
    while instance.state == "connecting" and instance.qr_round == this_round:
        if instance.qr_count >= engine.options.qr_limit:
            _give_up(engine, instance)
            return
        instance.qr_count += 1
        instance.qr_code = "2@" + ",".join(secrets.token_urlsafe(32) for _ in range(4))
        instance.qr_base64 = qr_picture(instance.qr_code)
        if instance.pairing_number:
            instance.pairing_code = "".join(secrets.choice(PAIRING_LETTERS) for _ in range(8))
        codes = {"instance": instance.name, "pairingCode": instance.pairing_code}
        codes |= {"code": instance.qr_code, "base64": instance.qr_base64}
        engine.webhooks.queue(instance, "qrcode.updated", {"qrcode": codes})
        engine.show(type="instances")
        await engine.pause(engine.options.qr_seconds)


def qr_picture(code: str) -> str:
    out = io.BytesIO()
    segno.make_qr(code, error="h").save(out, kind="png", scale=4, border=3, dark=QR_DARK)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _give_up(engine: Engine, instance: Instance) -> None:
    told = {"message": "QR code limit reached, please login again", "statusCode": 500}
    engine.webhooks.queue(instance, "qrcode.updated", told)
    connection_update(engine, instance, "refused", 428, **profile(engine, instance))
    _forget_codes(instance)
    set_state(engine, instance, "close")


def profile(engine: Engine, instance: Instance) -> Json:
    if instance.owner_jid is None:
        return {}
    return {
        "wuid": instance.owner_jid,
        "profileName": instance.profile_name,
        "profilePictureUrl": owner_picture(engine, instance),
    }


def owner_picture(engine: Engine, instance: Instance) -> str | None:
    if instance.owner_jid is None:
        return None
    return OWNER_PICTURE.format(engine.world.pictures_at, jids.digits_of(instance.owner_jid))


def _forget_codes(instance: Instance) -> None:
    instance.qr_count = 0
    instance.qr_round += 1
    instance.qr_code = instance.qr_base64 = instance.pairing_code = instance.pairing_number = None


def codes_of(instance: Instance) -> Json:
    """The answer of connect: without a code yet there is only the count."""
    if instance.qr_code is None:
        return {"count": instance.qr_count}
    return {
        "pairingCode": instance.pairing_code,
        "code": instance.qr_code,
        "base64": instance.qr_base64,
        "count": instance.qr_count,
    }


async def scan(engine: Engine, instance: Instance, number: str, name: str, history: int = 0) -> None:
    """The owner holds the phone before the code: the socket restarts once, then it is open."""
    if instance.state == "open":
        raise ValueError(f"{instance.name} is linked already")
    instance.owner_jid = number + jids.PERSON
    instance.profile_name = name
    _forget_codes(instance)
    set_state(engine, instance, "connecting")
    connection_update(engine, instance, "connecting", 200)
    await engine.pause(0.3)
    open_now(engine, instance)
    engine.spawn(_push_history(engine, instance, history))


def open_now(engine: Engine, instance: Instance) -> None:
    instance.recorded_state = "open"
    instance.base64_in_use = bool(instance.webhook and instance.webhook.base64)
    set_state(engine, instance, "open")
    connection_update(engine, instance, "open", 200, **profile(engine, instance))
    waiting, instance.waiting = instance.waiting, []
    for deed in waiting:
        deed()


async def _open_again(engine: Engine, instance: Instance) -> None:
    await engine.pause(0.5)
    if instance.state == "connecting":
        open_now(engine, instance)


def close(engine: Engine, instance: Instance, code: int) -> None:
    """Final codes wipe the session and say so three times; the others are silent and reconnect at once."""
    if code not in FINAL_CODES:
        set_state(engine, instance, "connecting")
        connection_update(engine, instance, "connecting", 200)
        engine.spawn(_open_again(engine, instance))
        return
    engine.webhooks.queue(instance, "status.instance", wipe(engine, instance, code))
    engine.webhooks.send(instance, "logout.instance", None)
    connection_update(engine, instance, "close", code)


def wipe(engine: Engine, instance: Instance, code: int) -> Json:
    """Ends the session; returns what status.instance tells."""
    instance.reason_code = code
    instance.reason_at = time.time()
    instance.reason_object = _boom(code)
    instance.recorded_state = "close"
    instance.subscribed.clear()
    instance.waiting.clear()
    _forget_codes(instance)
    set_state(engine, instance, "close")
    return {
        "instance": instance.name,
        "status": "closed",
        "disconnectionAt": iso(instance.reason_at),
        "disconnectionReasonCode": code,
        "disconnectionObject": instance.reason_object,
    }


def _boom(code: int) -> str:
    names = {401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 406: "Not Acceptable"}
    payload = {"statusCode": code, "error": names.get(code, "Error"), "message": f"code {code}"}
    output = {"statusCode": code, "payload": payload, "headers": {}}
    error = {"data": None, "isBoom": True, "isServer": False, "output": output}
    return json.dumps({"error": error, "date": iso(time.time())}, separators=(",", ":"))


def logout(engine: Engine, instance: Instance) -> asyncio.Task[bool]:
    """The task ends with the last retry of logout.instance."""
    told = wipe(engine, instance, 401)
    delivery = engine.webhooks.send(instance, "logout.instance", None)
    connection_update(engine, instance, "close", 401)
    engine.webhooks.queue(instance, "status.instance", told)
    return delivery


async def storm(engine: Engine, instance: Instance, seconds: float) -> None:
    """No network: the engine tries again without a pause, and tells of each try."""
    set_state(engine, instance, "connecting")
    for _ in range(max(1, round(seconds * STORM_PER_SECOND))):
        connection_update(engine, instance, "connecting", 200)
        await engine.pause(1 / STORM_PER_SECOND)
    if instance.owner_jid:
        open_now(engine, instance)


async def replaced(engine: Engine, instance: Instance, rounds: int) -> None:
    """440: another client uses the session, both take it from each other, over and over."""
    for _ in range(rounds):
        close(engine, instance, 440)
        await engine.pause(1.0)


async def remove(engine: Engine, instance: Instance) -> None:
    """Deletion waits for two webhooks with all their retries; until then the name is taken."""
    if instance.state != "close":
        await logout(engine, instance)
    named = {"instanceName": instance.name, "instanceId": instance.id}
    engine.webhooks.send(instance, "instance.delete", named)
    await engine.webhooks.send(instance, "remove.instance", None)
    _forget_codes(instance)
    engine.world.instances.pop(instance.name, None)
    engine.show(type="instances")


async def _push_history(engine: Engine, instance: Instance, wanted: int) -> None:
    """Once per linking: the chats, then messages in chunks, oldest device data first, then who they are."""
    await engine.pause(0.5)
    if wanted:
        make_history(engine, instance, wanted)
    rows = [row for row in instance.rows.values() if not row.seen_by_engine and traffic.fits_the_table(row)]
    if not rows:
        return
    rows.sort(key=lambda row: row.timestamp, reverse=True)
    chats = {row.key["remoteJid"]: engine.world.chat_title(row.chat) for row in rows}
    engine.webhooks.queue(
        instance,
        "chats.set",
        [{"remoteJid": jid, "instanceId": instance.id, "name": name} for jid, name in chats.items()],
    )
    for start in range(0, len(rows), HISTORY_CHUNK):
        chunk = rows[start : start + HISTORY_CHUNK]
        is_last = start + HISTORY_CHUNK >= len(rows)
        progress = round(100 * min(1.0, (start + len(chunk)) / len(rows)))
        for row in chunk:
            row.seen_by_engine = True
        records = [_history_record(instance, row) for row in chunk]
        before = {"isLatest": is_last, "progress": progress}
        engine.webhooks.queue(instance, "messages.set", records, before)
        await engine.pause(1.0)
    _introduce(engine, instance, rows)


def _history_record(instance: Instance, row: Row) -> Json:
    """History keeps the raw address: no LID is rewritten here, and no base64 is added."""
    record = traffic.upsert_record(instance, row) | {"key": row.key}
    if row.media is not None:
        record["message"] = row.message
    return record


def _introduce(engine: Engine, instance: Instance, rows: list[Row]) -> None:
    people = []
    for jid in {row.key["remoteJid"] for row in rows if not jids.is_group(row.key["remoteJid"])}:
        contact = engine.world.contact_by_jid(jid)
        entry = {
            "remoteJid": jid,
            **without_nothing(pushName=contact.name if contact else None),
            "profilePicUrl": None,
            "instanceId": instance.id,
        }
        instance.known_contacts[jid] = entry | {"pushName": contact.name if contact else ""}
        people.append(entry)
    engine.webhooks.queue(instance, "contacts.upsert", people)
    pictured = []
    for entry in people:
        contact = engine.world.contact_by_jid(entry["remoteJid"])
        pictured.append(entry | {"profilePicUrl": engine.world.picture_url(contact)})
    engine.webhooks.queue(instance, "contacts.update", pictured)


def make_history(engine: Engine, instance: Instance, wanted: int) -> None:
    """Old small talk between the shop and those customers who have a number."""
    people = [contact for contact in engine.world.contacts.values() if contact.number]
    for n in range(wanted if people else 0):
        nth, of = n // len(people), -(-wanted // len(people))
        samples.old_message(instance, people[n % len(people)], nth, of)
