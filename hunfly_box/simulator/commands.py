"""Everything a test, or a person at a terminal, can tell the simulated world to do. `control` serves these by HTTP.

| command            | fields                                                                          |
|--------------------|---------------------------------------------------------------------------------|
| add_contact        | name, number?, lid?, addressing? (pn, lid), online?, reads?, id?                |
| change_contact     | contact, and any of the fields above                                            |
| add_group          | subject, members: [contact], addressing? (lid, pn), jid?, instance? (is told)   |
| rename_group       | instance, group, author, subject                                                |
| change_members     | instance, group, author, members, action? (add remove promote demote)           |
| not_on_whatsapp    | numbers: [digits]                                                               |
| scan               | instance, number?, name?, history? (messages): holds the phone before the code  |
| receive            | instance, contact, kind, fields of the kind, group?, quoted?, at?, message_id?  |
| own_phone          | instance, contact, kind, fields: the shop's owner types on the phone itself     |
| edit, revoke       | instance, message, (text): the customer's own message                           |
| react              | instance, contact, message, emoji ("" takes it back)                            |
| typing             | instance, contact, state (composing, recording, paused, available…), group?    |
| open_chat          | instance, contact, shown (true, false): the phone's screen                      |
| play               | instance, message: the customer listens to a voice note                         |
| status             | instance, message, status: sends that receipt, whatever came before             |
| call               | instance, contact, fields of the event                                          |
| close              | instance, code (401 402 403 406 final; others reconnect)                        |
| replaced           | instance, rounds?                                                               |
| storm              | instance, seconds: `connecting` 3.5 times a second                              |
| dead_socket        | instance, is_dead: says open, and every send answers Connection Closed          |
| emit               | instance, event, data: any webhook, through the number's queue                  |
| fault              | action (slow fail timeout reset refuse license error_as_success not_json),      |
|                    | path?, instance?, number?, after?, times?, status?, message?, seconds?          |
| clear_faults       |                                                                                 |
| webhook_fault      | action (drop duplicate reorder delay), event?, instance?, times?, chance?,      |
|                    | copies?, seconds?                                                               |
| clear_webhook_faults |                                                                               |
| die, revive        | mode? (hang, reset); dying forgets waiting webhooks                             |
| forget             | empties the lists of sends, calls and webhook attempts                          |
| sent               | instance?, path?, id?, text?: what really left                                  |
| calls              | path?, instance?: every request, with its outcome                               |
| deliveries         | event?, instance?: every webhook attempt                                        |
| messages           | instance, chat: what the customer's phone shows                                 |
| instances, contacts, groups |                                                                        |
| is_idle            | whether nothing is on its way                                                   |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hunfly_box.simulator import content as contents
from hunfly_box.simulator import jids, linking, traffic, views
from hunfly_box.simulator.engine import Engine
from hunfly_box.simulator.faults import Fault
from hunfly_box.simulator.model import Contact, Instance, Row, World
from hunfly_box.simulator.shapes import Json, new_uuid
from hunfly_box.simulator.webhooks import WebhookFault

DEFAULT_OWNER = "5511999990000"

Command = Callable[..., Any]
COMMANDS: dict[str, Command] = {}


def command(function: Command) -> Command:
    COMMANDS[function.__name__] = function
    return function


class Unknown(LookupError):
    """No such contact, number or message in this world."""


def instance_of(world: World, name: str) -> Instance:
    if name not in world.instances:
        raise Unknown(f"no instance {name!r}")
    return world.instances[name]


def contact_of(world: World, wanted: str) -> Contact:
    """By id, by number or by jid."""
    found = world.contacts.get(wanted) or world.contact_by_jid(jids.create_jid(wanted))
    if found is None:
        raise Unknown(f"no contact {wanted!r}")
    return found


def row_of(instance: Instance, key_id: str) -> Row:
    if key_id not in instance.rows:
        raise Unknown(f"no message {key_id!r} at {instance.name}")
    return instance.rows[key_id]


@command
def add_contact(engine: Engine, name: str, **fields: Any) -> Json:
    contact = engine.world.add_contact(name, **fields)
    engine.show(type="contacts")
    return views.contact(contact)


@command
def change_contact(engine: Engine, contact: str, **fields: Any) -> Json:
    found = contact_of(engine.world, contact)
    for field, value in fields.items():
        if not hasattr(found, field):
            raise ValueError(f"a contact has no {field}")
        setattr(found, field, value)
    engine.show(type="contacts")
    return views.contact(found)


@command
def change_picture(engine: Engine, instance: str, contact: str) -> None:
    """They put another portrait of themselves on their phone."""
    found, person = instance_of(engine.world, instance), contact_of(engine.world, contact)
    person.picture += 1
    entry = {"remoteJid": person.live_jid, "profilePicUrl": engine.world.picture_url(person), "instanceId": found.id}
    engine.webhooks.queue(found, "contacts.update", [entry])


@command
def not_on_whatsapp(engine: Engine, numbers: list[str]) -> None:
    engine.world.not_on_whatsapp.update(numbers)


@command
async def scan(engine: Engine, instance: str, number: str | None = None, name: str = "Loja", history: int = 0) -> Json:
    found = instance_of(engine.world, instance)
    await linking.scan(engine, found, number or found.number or DEFAULT_OWNER, name, history)
    return views.instance(found)


@command
def receive(
    engine: Engine,
    instance: str,
    contact: str,
    kind: str = "text",
    group: str | None = None,
    quoted: str | None = None,
    at: float | None = None,
    message_id: str | None = None,
    **fields: Any,
) -> str:
    found = instance_of(engine.world, instance)
    row = traffic.receive(
        engine,
        found,
        contact_of(engine.world, contact),
        contents.build(kind, **fields),
        group=engine.world.groups[group] if group else None,
        quoted=row_of(found, quoted) if quoted else None,
        at=at,
        message_id=message_id,
    )
    return row.key_id


@command
def own_phone(engine: Engine, instance: str, contact: str, kind: str = "text", **fields: Any) -> str:
    found = instance_of(engine.world, instance)
    content = contents.build(kind, **fields)
    return traffic.sent_on_phone(engine, found, contact_of(engine.world, contact), content).key_id


@command
def edit(engine: Engine, instance: str, message: str, text: str) -> None:
    found = instance_of(engine.world, instance)
    traffic.edit(engine, found, row_of(found, message), text)


@command
def revoke(engine: Engine, instance: str, message: str) -> None:
    found = instance_of(engine.world, instance)
    traffic.revoke(engine, found, row_of(found, message))


@command
def react(engine: Engine, instance: str, contact: str, message: str, emoji: str) -> None:
    found = instance_of(engine.world, instance)
    traffic.react(engine, found, contact_of(engine.world, contact), row_of(found, message), emoji)


@command
def typing(engine: Engine, instance: str, contact: str, state: str, group: str | None = None) -> None:
    found = instance_of(engine.world, instance)
    traffic.presence(engine, found, contact_of(engine.world, contact), state, group)


@command
def open_chat(engine: Engine, instance: str, contact: str, shown: bool = True) -> None:
    found, person = instance_of(engine.world, instance), contact_of(engine.world, contact)
    traffic.open_chat(engine, found, person, person.id, shown)


@command
def play(engine: Engine, instance: str, message: str) -> None:
    found = instance_of(engine.world, instance)
    row = row_of(found, message)
    if row.from_me and row.message_type in ("audioMessage", "ptvMessage") and row.status != "PLAYED":
        traffic.set_status(engine, found, row, "PLAYED")


@command
def status(engine: Engine, instance: str, message: str, status: str) -> None:
    found = instance_of(engine.world, instance)
    traffic.set_status(engine, found, row_of(found, message), status)


@command
def call(engine: Engine, instance: str, contact: str, **fields: Any) -> None:
    traffic.call(engine, instance_of(engine.world, instance), contact_of(engine.world, contact), **fields)


@command
def close(engine: Engine, instance: str, code: int) -> None:
    linking.close(engine, instance_of(engine.world, instance), code)


@command
def replaced(engine: Engine, instance: str, rounds: int = 3) -> None:
    engine.spawn(linking.replaced(engine, instance_of(engine.world, instance), rounds))


@command
def storm(engine: Engine, instance: str, seconds: float = 10) -> None:
    engine.spawn(linking.storm(engine, instance_of(engine.world, instance), seconds))


@command
def dead_socket(engine: Engine, instance: str, is_dead: bool = True) -> None:
    found = instance_of(engine.world, instance)
    found.dead_socket = is_dead
    if not is_dead and found.state == "open":
        linking.open_now(engine, found)


@command
def emit(engine: Engine, instance: str, event: str, data: Any) -> None:
    engine.webhooks.queue(instance_of(engine.world, instance), event, data)


@command
def fault(engine: Engine, action: str, **fields: Any) -> str:
    made = Fault(id=new_uuid(), action=action, **fields)
    engine.faults.rules[made.id] = made
    return made.id


@command
def clear_faults(engine: Engine) -> None:
    engine.faults.rules.clear()


@command
def webhook_fault(engine: Engine, action: str, **fields: Any) -> str:
    if action not in ("drop", "duplicate", "reorder", "delay"):
        raise ValueError(f"unknown webhook fault {action!r}")
    made = WebhookFault(id=new_uuid(), action=action, **fields)
    engine.webhooks.faults[made.id] = made
    return made.id


@command
def clear_webhook_faults(engine: Engine) -> None:
    engine.webhooks.faults.clear()


@command
def die(engine: Engine, mode: str = "hang") -> None:
    """The process is gone: its numbers lose their sockets, its webhooks their retries."""
    if mode not in ("hang", "reset"):
        raise ValueError(f"unknown way to die {mode!r}")
    engine.dead = mode
    engine.webhooks.forget()
    for found in engine.world.instances.values():
        if found.state != "close":
            linking.set_state(engine, found, "close")


@command
def revive(engine: Engine) -> None:
    """A start after a crash: what the database calls open connects again and hears what it missed."""
    engine.dead = None
    for found in engine.world.instances.values():
        if found.recorded_state == "open":
            linking.begin(engine, found)


@command
def forget(engine: Engine) -> None:
    engine.world.sent.clear()
    engine.calls.clear()
    engine.webhooks.attempts.clear()


@command
def is_idle(engine: Engine) -> bool:
    return engine.is_idle
