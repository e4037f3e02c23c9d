"""Conversations outlive a restart: one JSON file, replaced whole, and the media beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

from hunfly_box.simulator.engine import Engine
from hunfly_box.simulator.model import Contact, Group, Instance, Media, Row, Webhook, World
from hunfly_box.simulator.shapes import Json, packed, unpacked, wire
from hunfly_box.simulator.webhooks import Event

LOG = logging.getLogger(__name__)

FILE = "world.json"
# Events of a demonstration that was ended while nobody took them. The real engine runs on while its receiver is down.
EVENTS_FILE = "events.json"
FORMAT = 1
SAVE_EVERY_SECONDS = 1.0
# A demo needs the recent talk, not all of it.
ROWS_KEPT_PER_NUMBER = 1000
UNSAVED = ("waiting", "rows", "webhook", "dead_socket", "subscribed", "blocked")


def load(folder: Path) -> World | None:
    path = folder / FILE
    if not path.is_file():
        return None
    saved = json.loads(path.read_text("utf-8"))
    if saved.get("format") != FORMAT:
        raise ValueError(f"{path} was written by another version; delete it to start anew")
    world = World(not_on_whatsapp=set(saved["not_on_whatsapp"]))
    world.contacts = {one["id"]: Contact(**one) for one in saved["contacts"]}
    world.groups = {one["jid"]: Group(**one) for one in saved["groups"]}
    for one in saved["instances"]:
        instance = _instance(one, folder)
        world.instances[instance.name] = instance
    return world


def _instance(saved: Json, folder: Path) -> Instance:
    rows, hook, blocked = saved.pop("rows"), saved.pop("webhook"), saved.pop("blocked")
    instance = Instance(**saved)
    instance.webhook = Webhook(**hook) if hook else None
    instance.blocked = set(blocked)
    for one in rows:
        media = one.pop("media")
        row = Row(**unpacked(one))
        if media is not None:
            data = (folder / "media" / media.pop("file")).read_bytes()
            row.media = Media(data=data, **media)
        instance.rows[row.key_id] = row
    # The socket did not survive; a start connects again what was linked.
    instance.state = "close"
    return instance


def save(engine: Engine, folder: Path) -> None:
    world = engine.world
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "media").mkdir(mode=0o700, exist_ok=True)
    content = {
        "format": FORMAT,
        "not_on_whatsapp": sorted(world.not_on_whatsapp),
        "contacts": [dataclasses.asdict(one) for one in world.contacts.values()],
        "groups": [dataclasses.asdict(one) for one in world.groups.values()],
        "instances": [_saved_instance(one, folder) for one in world.instances.values()],
    }
    draft = folder / f"{FILE}.new"
    # Numbers' tokens and webhook secrets stand in it.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / FILE)


def save_undelivered(engine: Engine, folder: Path) -> None:
    events = [
        {"instance": one.instance.name, "name": one.name, "data": wire(one.data), "before": one.before, "at": one.at}
        for one in engine.webhooks.undelivered
    ]
    (folder / EVENTS_FILE).write_text(json.dumps(events, ensure_ascii=False), "utf-8")


def send_undelivered(engine: Engine, folder: Path) -> None:
    path = folder / EVENTS_FILE
    if not path.is_file():
        return
    saved = json.loads(path.read_text("utf-8"))
    path.unlink()
    for one in saved:
        instance = engine.world.instances.get(one.pop("instance"))
        if instance is not None:
            engine.webhooks.send_again(Event(instance, **one))


def _saved_instance(instance: Instance, folder: Path) -> Json:
    fields = dataclasses.fields(instance)
    saved: Json = {field.name: getattr(instance, field.name) for field in fields if field.name not in UNSAVED}
    saved["webhook"] = dataclasses.asdict(instance.webhook) if instance.webhook else None
    saved["blocked"] = sorted(instance.blocked)
    newest = list(instance.rows.values())[-ROWS_KEPT_PER_NUMBER:]
    saved["rows"] = [_saved_row(row, folder) for row in newest]
    return saved


def _saved_row(row: Row, folder: Path) -> Json:
    saved: Json = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    media = saved.pop("media")
    saved = dict(packed(saved))
    saved["media"] = _saved_media(media, folder) if media else None
    return saved


def _saved_media(media: Media, folder: Path) -> Json:
    name = hashlib.sha256(media.data).hexdigest()
    path = folder / "media" / name
    if not path.exists():
        path.write_bytes(media.data)
    saved: dict[str, Any] = {
        field.name: getattr(media, field.name) for field in dataclasses.fields(media) if field.name != "data"
    }
    return saved | {"file": name}


async def keep(engine: Engine, folder: Path) -> None:
    """Saves a moment after each change, many changes at once."""
    while True:
        await engine.is_changed.wait()
        await engine.pause_really(SAVE_EVERY_SECONDS)
        engine.is_changed.clear()
        try:
            save(engine, folder)
        except OSError as error:
            # A full disk must not end the play; the next change tries again.
            LOG.warning("conversations could not be saved: %s", error)
