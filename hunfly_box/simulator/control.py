"""The control API: `POST /sim/<command>` with a JSON object, or `GET /sim/<question>?…`. The table is in `commands`."""

from __future__ import annotations

import inspect
from typing import Any

from hunfly_box.simulator import contract, views
from hunfly_box.simulator.commands import COMMANDS, Command, Unknown, instance_of
from hunfly_box.simulator.commands_groups import GROUP_COMMANDS
from hunfly_box.simulator.engine import Engine
from hunfly_box.simulator.http_server import Request, Response, json_response
from hunfly_box.simulator.model import Sent
from hunfly_box.simulator.shapes import Json
from hunfly_box.simulator.webhooks import Attempt

TABLE: dict[str, Command] = {**COMMANDS, **GROUP_COMMANDS}


async def run(engine: Engine, name: str, fields: Json) -> Any:
    if name not in TABLE:
        raise Unknown(f"no command {name!r}; known: {', '.join(sorted(TABLE))}")
    result = TABLE[name](engine, **fields)
    return await result if inspect.isawaitable(result) else result


async def answer(engine: Engine, request: Request) -> Response:
    name = request.path.removeprefix("/sim/").strip("/")
    try:
        if request.method == "GET":
            return json_response(200, question(engine, name, request.query))
        return json_response(200, {"result": await run(engine, name, request.json())})
    except LookupError as error:
        return json_response(404, {"error": str(error)})
    except (TypeError, ValueError) as error:
        return json_response(400, {"error": str(error)})


def question(engine: Engine, name: str, query: Json) -> Any:
    world = engine.world
    if name == "sent":
        return [{**views.sent(one), "body": contract.shortened(one.body)} for one in sent(engine, **query)]
    if name == "calls":
        return [contract.call_as_json(one) for one in calls(engine, **query)]
    if name == "deliveries":
        return [views.attempt(one) for one in deliveries(engine, **query)]
    if name == "messages":
        return views.chat(engine, instance_of(world, query["instance"]), query["chat"])
    if name == "instances":
        return [views.instance(one) for one in world.instances.values()]
    if name == "contacts":
        return [views.contact(one) for one in world.contacts.values()]
    if name == "groups":
        return [views.group(one) for one in world.groups.values()]
    if name == "is_idle":
        return engine.is_idle
    raise Unknown(f"no question {name!r}")


def sent(engine: Engine, **wanted: str) -> list[Sent]:
    """Filters by any field of a send: instance, path, id, text, number, jid, message_type."""
    return [one for one in engine.world.sent if _has(one, wanted)]


def calls(engine: Engine, **wanted: str) -> list[Any]:
    return [one for one in engine.calls if _has(one, wanted)]


def deliveries(engine: Engine, **wanted: str) -> list[Attempt]:
    return [one for one in engine.webhooks.attempts if _has(one, wanted)]


def _has(one: object, wanted: Json) -> bool:
    return all(str(getattr(one, field)) == str(value) for field, value in wanted.items())
