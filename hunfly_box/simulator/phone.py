"""The customer's phone: its page, its files, and the few calls the page makes. Served on loopback only."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from typing import Any

from hunfly_box.simulator import commands, control, traffic, views
from hunfly_box.simulator.engine import Engine, Screen
from hunfly_box.simulator.http_server import Request, Response, json_response
from hunfly_box.simulator.shapes import Json, new_uuid

PAGE = resources.files("hunfly_box.simulator") / "page"
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "svg": "image/svg+xml",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "ogg": "audio/ogg",
    "pdf": "application/pdf",
    "mp4": "video/mp4",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE_HEADERS = [
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
]
# Types a browser shows by itself; anything else is downloaded, so that a customer's HTML cannot run here.
SHOWN_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "audio/", "video/", "application/pdf")
HEARTBEAT_SECONDS = 15


async def answer(engine: Engine, request: Request) -> Response:
    path = request.path.removeprefix("/phone").strip("/")
    if path.startswith("api/"):
        return await _api(engine, request, path.removeprefix("api/"))
    return _file(path or "index.html")


def _file(path: str) -> Response:
    parts = path.split("/")
    if ".." in parts or path.rsplit(".", 1)[-1] not in TYPES:
        return json_response(404, {"error": "no such page"})
    found = PAGE.joinpath(*parts)
    if not found.is_file():
        return json_response(404, {"error": "no such page"})
    return Response(200, found.read_bytes(), TYPES[path.rsplit(".", 1)[-1]], list(SAFE_HEADERS))


async def _api(engine: Engine, request: Request, name: str) -> Response:
    try:
        if request.method == "GET":
            return _read(engine, request, name)
        if request.method != "POST" or name not in DEEDS:
            return json_response(404, {"error": "no such call"})
        # A form of another site cannot send this type without asking first.
        if not request.headers.get("content-type", "").startswith("application/json"):
            return json_response(415, {"error": "JSON only"})
        return json_response(200, {"result": await DEEDS[name](engine, request.json())})
    except LookupError as error:
        return json_response(404, {"error": str(error)})
    except (TypeError, ValueError) as error:
        return json_response(400, {"error": str(error)})


def _read(engine: Engine, request: Request, name: str) -> Response:
    query = request.query
    if name == "state":
        return json_response(200, state(engine))
    if name == "messages":
        return json_response(200, control.question(engine, "messages", query))
    if name == "media":
        return _media(engine, request)
    if name == "live":
        headers = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        return Response(200, b"", "text/event-stream", headers, stream=_live(engine))
    return json_response(404, {"error": "no such call"})


def state(engine: Engine) -> Json:
    world = engine.world
    last: dict[str, Json] = {}
    for instance in world.instances.values():
        for row in sorted(instance.rows.values(), key=lambda row: row.timestamp):
            if row.message_type not in views.HIDDEN:
                last[f"{instance.name}|{row.chat}"] = views.message(engine, instance, row)
    return {
        "contacts": [views.contact(one) for one in world.contacts.values()],
        "groups": [views.group(one) for one in world.groups.values()],
        "instances": [views.instance(one) for one in world.instances.values()],
        "last": last,
        "dead": engine.dead,
    }


def _media(engine: Engine, request: Request) -> Response:
    query = request.query
    row = commands.row_of(commands.instance_of(engine.world, query["instance"]), query["id"])
    if row.media is None or row.deleted:
        return json_response(404, {"error": "no media"})
    mimetype = row.media.mimetype
    headers = [("X-Content-Type-Options", "nosniff"), ("Content-Security-Policy", "sandbox")]
    if not mimetype.startswith(SHOWN_TYPES):
        headers.append(("Content-Disposition", "attachment"))
        mimetype = "application/octet-stream"
    return _part(request, row.media.data, mimetype, headers)


def _part(request: Request, data: bytes, mimetype: str, headers: list[tuple[str, str]]) -> Response:
    """Some browsers play sound and video only from servers that give parts."""
    headers = [*headers, ("Accept-Ranges", "bytes")]
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if wanted is None or int(wanted[1]) >= len(data):
        return Response(200, data, mimetype, headers)
    first, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
    headers.append(("Content-Range", f"bytes {first}-{last}/{len(data)}"))
    return Response(206, data[first : last + 1], mimetype, headers)


async def _live(engine: Engine) -> AsyncIterator[bytes]:
    screen_id, screen = new_uuid(), Screen()
    engine.screens[screen_id] = screen
    try:
        yield _event({"type": "hello", "screen": screen_id})
        while True:
            try:
                event = await asyncio.wait_for(screen.queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            for filled in _filled(engine, event):
                yield _event(filled)
    finally:
        engine.screens.pop(screen_id, None)
        for name, contact, chat in screen.shown:
            _show_chat(engine, name, contact, chat, is_shown=False)


def _filled(engine: Engine, event: Json) -> list[Json]:
    """Events carry ids; the page gets the thing itself, as it is now."""
    kind = event["type"]
    if kind == "message":
        instance = engine.world.instances.get(event["instance"])
        row = instance.rows.get(event["id"]) if instance else None
        if instance is None or row is None or row.message_type in views.HIDDEN:
            return []
        return [{"type": "message", "message": views.message(engine, instance, row)}]
    if kind in ("instances", "contacts"):
        return [{"type": "state"}]
    return [event] if kind == "typing" else []


def _event(event: Json) -> bytes:
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


def _show_chat(engine: Engine, name: str, contact: str, chat: str, *, is_shown: bool) -> None:
    instance, person = engine.world.instances.get(name), engine.world.contacts.get(contact)
    if instance is not None and person is not None:
        traffic.open_chat(engine, instance, person, chat, is_shown)


async def _look(engine: Engine, body: Json) -> None:
    """Which conversation this page shows now; none when it is hidden."""
    screen = engine.screens.get(body["screen"])
    if screen is None:
        return
    wanted = {(body["instance"], body["contact"], body["chat"])} if body.get("chat") else set()
    for name, contact, chat in screen.shown - wanted:
        _show_chat(engine, name, contact, chat, is_shown=False)
    for name, contact, chat in wanted - screen.shown:
        _show_chat(engine, name, contact, chat, is_shown=True)
    screen.shown.clear()
    screen.shown.update(wanted)


def _by_command(name: str) -> Callable[[Engine, Json], Awaitable[Any]]:
    async def deed(engine: Engine, body: Json) -> Any:
        return await control.run(engine, name, body)

    return deed


async def _delete(engine: Engine, body: Json) -> None:
    _own_message(engine, body)
    await control.run(engine, "revoke", body)


async def _edit(engine: Engine, body: Json) -> None:
    _own_message(engine, body)
    await control.run(engine, "edit", body)


def _own_message(engine: Engine, body: Json) -> None:
    if commands.row_of(commands.instance_of(engine.world, body["instance"]), body["message"]).from_me:
        raise ValueError("a phone changes its own messages only")


DEEDS: dict[str, Callable[[Engine, Json], Awaitable[Any]]] = {
    "send": _by_command("receive"),
    "react": _by_command("react"),
    "typing": _by_command("typing"),
    "play": _by_command("play"),
    "scan": _by_command("scan"),
    "add_contact": _by_command("add_contact"),
    "edit": _edit,
    "delete": _delete,
    "look": _look,
}
