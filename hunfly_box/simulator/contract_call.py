"""One call of a client on the contract side, and the checks that many routes share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from hunfly_box.simulator import jids
from hunfly_box.simulator.contract_errors import bad_request, broken_rules, connection_closed
from hunfly_box.simulator.engine import Engine
from hunfly_box.simulator.model import Contact, Group, Instance, Row
from hunfly_box.simulator.shapes import Json

# Shorter than any telephone number with its country: WhatsApp knows no such account.
SHORTEST_NUMBER = 10
PRESENCES = ("available", "unavailable", "composing", "recording", "paused")

UploadedFile = tuple[str, str, bytes]


@dataclass
class Call:
    engine: Engine
    path: str
    name: str
    body: Json
    query: dict[str, str]
    key: str
    file: UploadedFile | None = None
    found: Instance | None = None

    @property
    def instance(self) -> Instance:
        if self.found is None:
            raise LookupError("this route has no instance")
        return self.found


# A handler answers with the status and the body.
Answer = tuple[int, Any]
ContractHandler = Callable[[Call], Awaitable[Answer]]


def require(body: Json, **kinds: type | tuple[type, ...]) -> None:
    """The engine's schema check: what is missing, then what has the wrong type."""
    missing = [f'instance requires property "{name}"' for name in kinds if name not in body]
    names = {str: "string", dict: "object", list: "array", bool: "boolean"}
    wrong = []
    for name, kind in kinds.items():
        is_bool_for_number = isinstance(body.get(name), bool) and kind is not bool
        if name in body and (not isinstance(body[name], kind) or is_bool_for_number):
            first = kind[0] if isinstance(kind, tuple) else kind
            wrong.append(f"{name} is not of a type(s) {names.get(first, 'number')}")
    if missing or wrong:
        raise broken_rules(missing + wrong)


def check_presence(body: Json) -> None:
    if body.get("presence") not in PRESENCES:
        raise broken_rules([f"presence is not one of enum values: {','.join(PRESENCES)}"])


@dataclass
class Receiver:
    """Where a message goes: a customer, or a group."""

    jid: str
    contact: Contact | None = None
    group: Group | None = None

    @property
    def chat(self) -> str:
        if self.group is not None:
            return self.group.jid
        return self.contact.id if self.contact else self.jid


def look_up(engine: Engine, jid: str) -> Contact | None:
    """Who answers to this address. A plausible number that nobody mentioned yet exists too."""
    known = engine.world.contact_by_jid(jid)
    if known is not None or jids.is_private(jid):
        return known
    digits = jids.digits_of(jid)
    if len(digits) < SHORTEST_NUMBER or digits.startswith("0"):
        return None
    if set(jids.spellings(digits)) & engine.world.not_on_whatsapp:
        return None
    return Contact(id=digits, name=digits, number=digits)


def receiver(call: Call, number: str) -> Receiver:
    """Asks WhatsApp who that is, so it needs the connection."""
    jid = jids.create_jid(number)
    if not call.instance.is_connected:
        raise connection_closed()
    if jids.is_group(jid):
        if jid not in call.engine.world.groups:
            raise bad_request({"jid": jid, "exists": False, "number": number})
        return Receiver(jid, group=call.engine.world.groups[jid])
    contact = look_up(call.engine, jid)
    if contact is None:
        if jids.is_private(jid):
            return Receiver(jid)
        raise bad_request({"jid": jid, "exists": False, "number": number})
    call.engine.world.contacts.setdefault(contact.id, contact)
    return Receiver(jid if jids.is_private(jid) else contact.live_jid, contact=contact)


def row_by_key(call: Call, key: Json) -> Row | None:
    return call.instance.rows.get(str(key.get("id", "")))
