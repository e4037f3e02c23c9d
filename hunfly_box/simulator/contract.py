"""The engine's HTTP side: which route is which, its guards in their order, and faults on either side of the deed."""

from __future__ import annotations

import json
import time
from urllib.parse import unquote

from hunfly_box.simulator import engine as heart
from hunfly_box.simulator import routes_chat as chat
from hunfly_box.simulator import routes_group as group
from hunfly_box.simulator import routes_instance as instances
from hunfly_box.simulator import routes_message as messages
from hunfly_box.simulator.contract_call import Call, ContractHandler
from hunfly_box.simulator.contract_errors import ContractError, MalformedJson
from hunfly_box.simulator.engine import Engine
from hunfly_box.simulator.http_server import (
    NeverAnswer,
    Request,
    ResetConnection,
    Response,
    json_response,
    multipart_fields,
)
from hunfly_box.simulator.shapes import Json

CREATE = "instance/create"
FETCH = "instance/fetchInstances"

ROUTES: dict[tuple[str, str], ContractHandler] = {
    ("POST", CREATE): instances.create,
    ("GET", FETCH): instances.fetch_instances,
    ("GET", "instance/connect"): instances.connect,
    ("GET", "instance/connectionState"): instances.connection_state,
    ("POST", "instance/restart"): instances.restart,
    ("POST", "instance/setPresence"): instances.set_presence,
    ("DELETE", "instance/logout"): instances.logout,
    ("DELETE", "instance/delete"): instances.delete,
    ("POST", "webhook/set"): instances.set_webhook,
    ("GET", "webhook/find"): instances.find_webhook,
    ("POST", "settings/set"): instances.set_settings,
    ("GET", "settings/find"): instances.find_settings,
    ("POST", "message/sendText"): messages.send_text,
    ("POST", "message/sendMedia"): messages.send_media,
    ("POST", "message/sendPtv"): messages.send_ptv,
    ("POST", "message/sendWhatsAppAudio"): messages.send_voice,
    ("POST", "message/sendSticker"): messages.send_sticker,
    ("POST", "message/sendLocation"): messages.send_location,
    ("POST", "message/sendContact"): messages.send_contact,
    ("POST", "message/sendReaction"): messages.send_reaction,
    ("POST", "message/sendPoll"): messages.send_poll,
    ("POST", "message/sendList"): messages.send_list,
    ("POST", "message/sendButtons"): messages.send_buttons,
    ("POST", "message/sendTemplate"): messages.send_template,
    ("POST", "chat/whatsappNumbers"): chat.whatsapp_numbers,
    ("POST", "chat/markMessageAsRead"): chat.mark_read,
    ("POST", "chat/sendPresence"): chat.send_presence,
    ("POST", "chat/findMessages"): chat.find_messages,
    ("POST", "chat/findChats"): chat.find_chats,
    ("GET", "chat/findChatByRemoteJid"): chat.find_chat,
    ("POST", "chat/findContacts"): chat.find_contacts,
    ("POST", "chat/findStatusMessage"): chat.find_statuses,
    ("POST", "chat/fetchProfilePictureUrl"): chat.profile_picture,
    ("POST", "chat/fetchProfile"): chat.profile,
    ("POST", "chat/getBase64FromMediaMessage"): chat.media_base64,
    ("POST", "chat/archiveChat"): chat.archive,
    ("POST", "chat/markChatUnread"): chat.mark_unread,
    ("POST", "chat/updateBlockStatus"): chat.block,
    ("POST", "chat/updateMessage"): messages.update_message,
    ("DELETE", "chat/deleteMessageForEveryone"): messages.delete_message,
    ("GET", "group/fetchAllGroups"): group.all_groups,
    ("GET", "group/findGroupInfos"): group.group_infos,
    ("GET", "group/participants"): group.group_participants,
}

WELCOME = {
    "status": 200,
    "message": "Welcome to the Evolution API, it is working!",
    "version": "2.3.7",
    "clientName": instances.CLIENT_NAME,
    "documentation": "https://doc.evolution-api.com",
    "whatsappWebVersion": "2.3000.0",
}


async def answer(engine: Engine, request: Request) -> Response:
    if engine.dead is not None:
        raise NeverAnswer if engine.dead == "hang" else ResetConnection
    if request.path == "/":
        return json_response(200, WELCOME)
    parts = request.path.strip("/").split("/")
    route, name = "/".join(parts[:2]), unquote(parts[2]) if len(parts) > 2 else ""
    handler = ROUTES.get((request.method, route))
    if handler is None or len(parts) > 3 or (not name and route not in (CREATE, FETCH)):
        return json_response(404, ContractError(404, [f"Cannot {request.method} {request.target}"]).body())
    note = heart.Call(time.time(), request.method, route, name, {}, None, "received")
    engine.calls.append(note)
    try:
        call = _read(engine, request, route, name)
        note.body = call.body
        note.instance = call.name
        _guard(call)
        _go_astray(call)
        response = await _carry_out(call, handler, note)
    except ContractError as error:
        note.outcome = "refused"
        response = json_response(error.status, error.body())
    note.status = response.status
    engine.show(type="call")
    return response


def _read(engine: Engine, request: Request, route: str, name: str) -> Call:
    file = None
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        body, files = multipart_fields(request)
        file = next(iter(files.values()), None)
    else:
        try:
            body = request.json()
        except ValueError as error:
            raise MalformedJson(400, f"Unexpected token in JSON: {error}") from error
    if not isinstance(body, dict):
        body = {}
    if route == CREATE:
        name = str(body.get("instanceName", ""))
    return Call(engine, route, name, body, request.query, request.headers.get("apikey", ""), file)


def _guard(call: Call) -> None:
    """Existence is told before the key is asked for, exactly as the engine leaks it."""
    known = call.engine.world.instances.get(call.name)
    if call.path == CREATE and known is not None:
        raise ContractError(403, [f'This name "{call.name}" is already in use.'])
    if call.path not in (CREATE, FETCH):
        if known is None:
            raise ContractError(404, [f'The "{call.name}" instance does not exist'])
        call.found = known
    if call.key == call.engine.options.api_key:
        return
    if not call.key and call.path in (CREATE, FETCH):
        raise ContractError(403, ["Missing global api key", "The global api key must be set"])
    if call.path != CREATE and call.key and call.key in _tokens_that_open(call):
        return
    raise ContractError(401, "Unauthorized")


def _tokens_that_open(call: Call) -> set[str]:
    instances_by_name = call.engine.world.instances
    if call.path == FETCH:
        return {one.token for one in instances_by_name.values()}
    return {call.instance.token}


def _go_astray(call: Call) -> None:
    """The real one's hole: the guards look at the path, the deed at `instanceName` in the query if it is there."""
    wanted = call.query.get("instanceName")
    if wanted is None or call.path in (CREATE, FETCH):
        return
    call.name, call.found = wanted, call.engine.world.instances.get(wanted)
    if call.found is None:
        raise ContractError(500, "Cannot read properties of undefined")


async def _carry_out(call: Call, handler: ContractHandler, note: heart.Call) -> Response:
    fault = call.engine.faults.take(call.path, call.name, call.body)
    if fault is not None and fault.action == "slow":
        await call.engine.pause(fault.seconds)
    elif fault is not None and not fault.after:
        note.outcome = f"{fault.action} before"
        return fault.spoiled_answer()
    status, body = await handler(call)
    note.outcome = "done"
    if fault is not None and fault.action != "slow":
        note.outcome = f"{fault.action} after"
        return fault.spoiled_answer()
    return json_response(status, body)


def call_as_json(call: heart.Call) -> Json:
    shown = {name: getattr(call, name) for name in ("at", "method", "path", "instance", "status", "outcome")}
    return shown | {"body": shortened(call.body)}


def shortened(value: object) -> object:
    """Files inside bodies are cut for reading; Python callers get them whole."""
    return json.loads(json.dumps(value), object_hook=_cut)


def _cut(found: Json) -> Json:
    limit = 512
    return {
        name: f"{part[:60]}… ({len(part)} characters)" if isinstance(part, str) and len(part) > limit else part
        for name, part in found.items()
    }
