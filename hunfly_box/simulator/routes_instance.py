"""The `/instance`, `/webhook` and `/settings` routes."""

from __future__ import annotations

import re
from typing import Any

from hunfly_box.simulator import linking
from hunfly_box.simulator.contract_call import Answer, Call, check_presence, require
from hunfly_box.simulator.contract_errors import ContractError, bad_request, broken_rules
from hunfly_box.simulator.model import SETTINGS_BOOLEANS, Instance, Webhook
from hunfly_box.simulator.shapes import Json, iso, new_uuid, row_id

CREATE_BLOCKS_SECONDS = 5.0
CONNECT_BLOCKS_SECONDS = 2.0
NUMBER_RULE = re.compile(r"^\d+[.@\w-]+")
CLIENT_NAME = "evolution_exchange"

# The engine's fixed list. GROUP_UPDATE stands here while the event on the wire is groups.update: it never matches.
EVENT_NAMES = (
    "APPLICATION_STARTUP QRCODE_UPDATED MESSAGES_SET MESSAGES_UPSERT MESSAGES_EDITED MESSAGES_UPDATE "
    "MESSAGES_DELETE SEND_MESSAGE SEND_MESSAGE_UPDATE CONTACTS_SET CONTACTS_UPSERT CONTACTS_UPDATE "
    "PRESENCE_UPDATE CHATS_SET CHATS_UPSERT CHATS_UPDATE CHATS_DELETE GROUPS_UPSERT GROUP_UPDATE "
    "GROUP_PARTICIPANTS_UPDATE CONNECTION_UPDATE LABELS_EDIT LABELS_ASSOCIATION CALL TYPEBOT_START "
    "TYPEBOT_CHANGE_STATUS REMOVE_INSTANCE LOGOUT_INSTANCE INSTANCE_CREATE INSTANCE_DELETE STATUS_INSTANCE"
)
EVENTS = EVENT_NAMES.split()

UNDEFINED_LENGTH = "Cannot read properties of undefined (reading 'length')"


async def create(call: Call) -> Answer:
    body = call.body
    require(body, instanceName=str)
    if body.get("number") and not NUMBER_RULE.match(str(body["number"])):
        raise broken_rules([f"number does not match pattern {NUMBER_RULE.pattern!r}"])
    if body.get("integration") not in ("WHATSAPP-BAILEYS", "WHATSAPP-BUSINESS", "EVOLUTION"):
        raise bad_request("Invalid integration")
    if body["integration"] != "WHATSAPP-BAILEYS":
        raise bad_request("the simulator plays WHATSAPP-BAILEYS only")
    instance = Instance(name=body["instanceName"], token=body.get("token") or new_uuid().upper())
    instance.number = body.get("number")
    instance.settings = {name: bool(body.get(name, False)) for name in SETTINGS_BOOLEANS}
    instance.settings |= {"msgCall": body.get("msgCall") or "", "wavoipToken": body.get("wavoipToken") or ""}
    wanted = body.get("webhook")
    if wanted:
        instance.webhook = _webhook_at_creation(wanted)
    call.engine.world.instances[instance.name] = instance
    named = {"instanceName": instance.name, "instanceId": instance.id}
    call.engine.webhooks.send(instance, "instance.create", named)
    answer = _created(instance)
    if body.get("qrcode"):
        linking.begin(call.engine, instance, instance.number)
        await call.engine.pause(CREATE_BLOCKS_SECONDS)
        answer["instance"]["status"] = instance.state
        answer["qrcode"] = linking.codes_of(instance)
    call.engine.show(type="instances")
    return 201, answer


def _webhook_at_creation(wanted: Json) -> Webhook:
    """Event names are not checked here, and the hook is on whatever `enabled` says."""
    if "events" not in wanted:
        raise bad_request(UNDEFINED_LENGTH)
    return Webhook(
        url=_checked_url(wanted.get("url")),
        headers=wanted.get("headers"),
        enabled=True,
        events=list(wanted["events"]) or list(EVENTS),
        by_events=bool(wanted.get("byEvents", False)),
        base64=bool(wanted.get("base64", False)),
    )


def _checked_url(url: Any) -> str:
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise bad_request('Invalid "url" property')
    return url


def _created(instance: Instance) -> Json:
    hook = instance.webhook
    webhook: Json = {}
    if hook is not None:
        webhook = {"webhookUrl": hook.url, "webhookByEvents": hook.by_events, "webhookBase64": hook.base64}
        if hook.headers is not None:
            webhook["webhookHeaders"] = hook.headers
    return {
        "instance": {
            "instanceName": instance.name,
            "instanceId": instance.id,
            "integration": "WHATSAPP-BAILEYS",
            "webhookWaBusiness": None,
            "accessTokenWaBusiness": "",
            "status": instance.state,
        },
        "hash": instance.token,
        "webhook": webhook,
        "websocket": {},
        "rabbitmq": {},
        "nats": {},
        "sqs": {},
        "settings": instance.settings,
    }


async def connect(call: Call) -> Answer:
    instance = call.instance
    if instance.state == "open":
        return 200, {"instance": {"instanceName": instance.name, "state": "open"}}
    if instance.state == "close":
        linking.begin(call.engine, instance, call.query.get("number"))
        await call.engine.pause(CONNECT_BLOCKS_SECONDS)
    return 200, linking.codes_of(instance)


async def connection_state(call: Call) -> Answer:
    return 200, {"instance": {"instanceName": call.name, "state": call.instance.state}}


async def fetch_instances(call: Call) -> Answer:
    chosen = list(call.engine.world.instances.values())
    if call.key != call.engine.options.api_key:
        chosen = [one for one in chosen if one.token == call.key]
    if name := call.query.get("instanceName"):
        chosen = [one for one in chosen if one.name == name]
        if not chosen:
            raise ContractError(404, [f'Instance "{name}" not found'])
    if instance_id := call.query.get("instanceId"):
        chosen = [one for one in chosen if one.id == instance_id]
        if not chosen:
            raise ContractError(404, [f'Instance "{instance_id}" not found'])
    if number := call.query.get("number"):
        chosen = [one for one in chosen if one.number == number]
    return 200, [_listed(call, one) for one in chosen]


def _listed(call: Call, instance: Instance) -> Json:
    chats = {row.chat for row in instance.rows.values()}
    return {
        "id": instance.id,
        "name": instance.name,
        # The copy in the engine's database: it stays "open" through an outage.
        "connectionStatus": instance.recorded_state,
        "ownerJid": instance.owner_jid,
        "profileName": instance.profile_name,
        "profilePicUrl": linking.owner_picture(call.engine, instance),
        "integration": "WHATSAPP-BAILEYS",
        "number": instance.number,
        "businessId": None,
        "token": instance.token,
        "clientName": CLIENT_NAME,
        "disconnectionReasonCode": instance.reason_code,
        "disconnectionObject": instance.reason_object,
        "disconnectionAt": iso(instance.reason_at) if instance.reason_at else None,
        "createdAt": iso(instance.created_at),
        "updatedAt": iso(instance.updated_at),
        "Chatwoot": None,
        "Proxy": None,
        "Rabbitmq": None,
        "Nats": None,
        "Sqs": None,
        "Websocket": None,
        "Setting": {"id": row_id(), **instance.settings, "instanceId": instance.id},
        "_count": {
            "Message": len(instance.rows),
            "Contact": len(instance.known_contacts),
            "Chat": len(chats),
        },
    }


async def restart(call: Call) -> Answer:
    instance = call.instance
    if instance.state == "close":
        return 200, {"error": True, "message": "[object Object]"}
    if instance.state == "open":
        linking.close(call.engine, instance, 428)
        return 200, {"instance": {"instanceName": instance.name, "state": "open"}}
    return 200, linking.codes_of(instance)


async def set_presence(call: Call) -> Answer:
    check_presence(call.body)
    return 201, {"presence": call.body["presence"]}


async def logout(call: Call) -> Answer:
    if call.instance.state == "close":
        raise bad_request(f'The "{call.name}" instance is not connected')
    linking.logout(call.engine, call.instance)
    return 200, {"status": "SUCCESS", "error": False, "response": {"message": "Instance logged out"}}


async def delete(call: Call) -> Answer:
    call.engine.spawn(linking.remove(call.engine, call.instance))
    return 200, {"status": "SUCCESS", "error": False, "response": {"message": "Instance deleted"}}


async def set_webhook(call: Call) -> Answer:
    require(call.body, webhook=dict)
    wanted = call.body["webhook"]
    _check_webhook(wanted)
    url = _checked_url(wanted["url"]) if wanted["enabled"] else str(wanted["url"])
    if "events" not in wanted:
        raise ContractError(500, UNDEFINED_LENGTH)
    events = (list(wanted["events"]) or list(EVENTS)) if wanted["enabled"] else []
    hook = call.instance.webhook or Webhook(url, None, wanted["enabled"], events)
    hook.url, hook.enabled, hook.events = url, wanted["enabled"], events
    # Left out means kept: an old secret or an old switch survives.
    hook.headers = wanted.get("headers", hook.headers)
    hook.by_events = bool(wanted.get("byEvents", hook.by_events))
    hook.base64 = bool(wanted.get("base64", hook.base64))
    hook.updated_at = call.engine.now()
    call.instance.webhook = hook
    call.engine.is_changed.set()
    return 201, _webhook_row(call.instance, hook)


def _check_webhook(wanted: Json) -> None:
    complaints = [f'webhook requires property "{name}"' for name in ("enabled", "url") if name not in wanted]
    if "enabled" in wanted and not isinstance(wanted["enabled"], bool):
        complaints.append("webhook.enabled is not of a type(s) boolean")
    if "url" in wanted and not isinstance(wanted["url"], str):
        complaints.append("webhook.url is not of a type(s) string")
    for n, event in enumerate(wanted.get("events") or []):
        if event not in EVENTS:
            complaints.append(f"webhook.events[{n}] is not one of enum values: {','.join(EVENTS)}")
    if complaints:
        raise broken_rules(complaints)


def _webhook_row(instance: Instance, hook: Webhook) -> Json:
    return {
        "id": hook.id,
        "url": hook.url,
        "headers": hook.headers,
        "enabled": hook.enabled,
        "events": hook.events,
        "webhookByEvents": hook.by_events,
        "webhookBase64": hook.base64,
        "createdAt": iso(hook.created_at),
        "updatedAt": iso(hook.updated_at),
        "instanceId": instance.id,
    }


async def find_webhook(call: Call) -> Answer:
    hook = call.instance.webhook
    return 200, _webhook_row(call.instance, hook) if hook else None


async def set_settings(call: Call) -> Answer:
    require(call.body, **dict.fromkeys(SETTINGS_BOOLEANS, bool))
    known = (*SETTINGS_BOOLEANS, "msgCall", "wavoipToken")
    call.instance.settings |= {name: value for name, value in call.body.items() if name in known}
    call.engine.is_changed.set()
    return 201, {"settings": {"instanceName": call.name, "settings": call.instance.settings}}


async def find_settings(call: Call) -> Answer:
    return 200, call.instance.settings
