"""What the simulated world is made of: customers, groups, connected numbers and the engine's own rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hunfly_box.simulator import jids
from hunfly_box.simulator.shapes import Json, new_uuid, row_id

STATUSES = ("ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED", "DELETED")

SETTINGS_BOOLEANS = (
    "rejectCall",
    "groupsIgnore",
    "alwaysOnline",
    "readMessages",
    "readStatus",
    "syncFullHistory",
)


@dataclass
class Contact:
    """A customer with a phone. `addressing` is the face WhatsApp shows: the number, or the privacy id (LID)."""

    id: str
    name: str
    number: str | None = None
    lid: str | None = None
    addressing: str = "pn"
    online: bool = True
    reads: bool = False
    picture: int = 0  # none, the first, the second …

    @property
    def pn_jid(self) -> str | None:
        return self.number + jids.PERSON if self.number else None

    @property
    def lid_jid(self) -> str | None:
        return self.lid + jids.PRIVATE if self.lid else None

    @property
    def live_jid(self) -> str:
        """What messages.upsert carries: the engine swaps a LID for the number when it knows both."""
        return self.pn_jid or self.lid_jid or ""

    @property
    def raw_jid(self) -> str:
        """What WhatsApp itself uses, and every event but messages.upsert repeats."""
        return self.lid_jid or self.live_jid

    @property
    def stored_jid(self) -> str:
        return (self.lid_jid if self.addressing == "lid" else self.pn_jid) or self.live_jid

    def answers_to(self, jid: str) -> bool:
        if jids.is_private(jid):
            return jid == self.lid_jid
        return self.number is not None and self.number in jids.spellings(jids.digits_of(jid))


@dataclass
class Group:
    jid: str
    subject: str
    members: list[str]
    addressing: str = "lid"
    description: str = ""
    created: int = field(default_factory=lambda: int(time.time()))


@dataclass
class Media:
    data: bytes
    mimetype: str
    filename: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: int | None = None


@dataclass
class Row:
    """A message in the engine's own table; the phone reads the same row."""

    chat: str
    key: Json
    message: Json
    message_type: str
    timestamp: int
    push_name: str
    source: str
    status: str
    context: Json | None = None
    context_shown: bool = False
    id: str = field(default_factory=row_id)
    updates: list[str] = field(default_factory=list)
    author: str | None = None
    media: Media | None = None
    edited: bool = False
    deleted: bool = False
    history: bool = False
    seen_by_engine: bool = True
    reactions: dict[str, str] = field(default_factory=dict)
    read_by_business: bool = False

    @property
    def key_id(self) -> str:
        return str(self.key["id"])

    @property
    def from_me(self) -> bool:
        return bool(self.key["fromMe"])


@dataclass
class Webhook:
    url: str
    headers: Json | None
    enabled: bool
    events: list[str]
    by_events: bool = False
    base64: bool = False
    id: str = field(default_factory=row_id)
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)


@dataclass
class Instance:
    name: str
    token: str
    id: str = field(default_factory=new_uuid)
    number: str | None = None
    settings: Json = field(default_factory=dict)
    webhook: Webhook | None = None
    state: str = "close"
    recorded_state: str = "close"
    owner_jid: str | None = None
    profile_name: str | None = None
    reason_code: int | None = None
    reason_object: str | None = None
    reason_at: float | None = None
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    qr_count: int = 0
    # Each linking is a round of its own: codes of an earlier one must not appear again.
    qr_round: int = 0
    qr_code: str | None = None
    qr_base64: str | None = None
    pairing_code: str | None = None
    pairing_number: str | None = None
    # The base64 switch is read once per connection: changing it does nothing until the next one.
    base64_in_use: bool = False
    dead_socket: bool = False
    subscribed: set[str] = field(default_factory=set)
    rows: dict[str, Row] = field(default_factory=dict)
    known_contacts: dict[str, Json] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    # What happened while the number was not connected; WhatsApp hands it over at the next connection.
    waiting: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_connected(self) -> bool:
        return self.state == "open" and not self.dead_socket


@dataclass
class Sent:
    """One message that really left, as a test counts it."""

    n: int
    at: float
    instance: str
    path: str
    number: str
    jid: str
    id: str
    message_type: str
    text: str | None
    body: Json


@dataclass
class World:
    contacts: dict[str, Contact] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    not_on_whatsapp: set[str] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)
    # The simulator's own address, so that a demo never asks WhatsApp's servers for a picture.
    pictures_at: str = ""

    def picture_url(self, contact: Contact | None) -> str | None:
        """Signed and short-lived in the real world, hence the query."""
        if contact is None or not contact.picture:
            return None
        number = f"-{contact.picture}" if contact.picture > 1 else ""
        return f"{self.pictures_at}/store/pictures/{contact.number or contact.lid}{number}.jpg?oe=0"

    def contact_by_jid(self, jid: str) -> Contact | None:
        return next((one for one in self.contacts.values() if one.answers_to(jid)), None)

    def chat_title(self, chat: str) -> str:
        if chat in self.groups:
            return self.groups[chat].subject
        return self.contacts[chat].name

    def add_contact(self, name: str, **fields: Any) -> Contact:
        contact = Contact(id=fields.pop("id", None) or row_id(), name=name, **fields)
        if contact.number is None and contact.lid is None:
            raise ValueError("a contact needs a number or a LID")
        self.contacts[contact.id] = contact
        return contact
