"""The first message to a number: WhatsApp is asked whether it is there, then the conversation begins."""

from dataclasses import dataclass
from uuid import UUID

import phonenumbers

from hunfly_box.bootstrap import Resources
from hunfly_box.contacts import commands as contacts
from hunfly_box.inbox import outgoing
from hunfly_box.inbox.commands import replying, rounds
from hunfly_box.inbox.outgoing import Outgoing, invalid
from hunfly_box.kit.database import Scope, TenantTransaction
from hunfly_box.kit.errors import Conflict, Invalid
from hunfly_box.kit.ids import new_id
from hunfly_box.outbound import first_contact
from hunfly_box.providers.addresses import canonical_phone
from hunfly_box.providers.port import Address

# A number typed without its country code is of the product's home country.
HOME = "BR"

CHANNEL = "SELECT EXISTS (SELECT 1 FROM app.channels WHERE tenant_id = app.tenant_id() AND id = :id)"
KNOWN = """
SELECT i.contact_id, v.id AS conversation_id FROM app.contact_identities i
LEFT JOIN app.conversations v
  ON v.tenant_id = i.tenant_id AND v.contact_id = i.contact_id AND v.channel_id = :channel_id
WHERE i.tenant_id = app.tenant_id() AND i.kind = 'phone' AND i.value = :phone
"""
CONVERSATION = """
INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id, assignee_id)
VALUES (app.tenant_id(), :id, :channel_id, :contact_id, :assignee_id)
ON CONFLICT (tenant_id, contact_id, channel_id) DO NOTHING
"""
FIND = """
SELECT v.id, v.assignee_id FROM app.conversations v
WHERE v.tenant_id = app.tenant_id() AND v.channel_id = :channel_id AND v.contact_id = :contact_id
"""
VISIBLE = "SELECT EXISTS (SELECT 1 FROM app.conversations v WHERE v.tenant_id = app.tenant_id() AND v.id = :id)"


class NotOnWhatsApp(Invalid):
    code = "contact.not_on_whatsapp"
    title = "This number is not on WhatsApp"


class OfAColleague(Conflict):
    code = "inbox.conversation_assigned"
    title = "A colleague looks after the conversation with this number"


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a number before we ask; the conversation only as far as the person may see it."""

    contact_id: UUID
    conversation_id: UUID | None


@dataclass(frozen=True, slots=True)
class Found:
    """Where a number can be reached; no addresses when the conversation is already there."""

    phone: str
    is_on_whatsapp: bool
    addresses: tuple[Address, ...] = ()
    name: str | None = None
    conversation_id: UUID | None = None


def typed_phone(text: str, field: str = "to") -> str:
    """E.164, canonical. Raises Invalid."""
    try:
        parsed = phonenumbers.parse(text, HOME)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise invalid(field, "phone", "Not a telephone number.")
    return canonical_phone(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def look_up(resources: Resources, scope: Scope, channel_id: UUID, phone: str) -> Found:
    """Outside any transaction: it may ask the provider."""
    with resources.database.transaction(scope) as tx:
        if not tx.scalar(CHANNEL, id=channel_id):
            raise invalid("channel_id", "unknown", "There is no such channel.")
        known = tx.maybe(Known, KNOWN, phone=phone, channel_id=channel_id)
    if known is not None and known.conversation_id is not None:
        return Found(phone, True, conversation_id=known.conversation_id)
    check = first_contact.check_number(resources, scope.tenant_id, channel_id, phone)
    if not check.exists or check.address is None:
        return Found(phone, False)
    # By the number that was typed it must be found again, whatever WhatsApp calls it.
    typed = Address("phone", phone, check.address.raw)
    addresses = {(address.kind, address.value): address for address in (typed, check.address, check.lid) if address}
    return Found(phone, True, tuple(addresses.values()), check.name)


def start(
    tx: TenantTransaction, channel_id: UUID, found: Found, message: Outgoing, *, client_key: str | None = None
) -> UUID:
    """Returns the message's id."""
    outgoing.check(message)
    if message.type == "note" or message.quoted_id is not None:
        raise invalid("type", "value", "A conversation begins with something that is sent.")
    if not found.is_on_whatsapp:
        raise NotOnWhatsApp
    conversation_id = found.conversation_id or _conversation(tx, channel_id, found)
    return replying.reply(tx, conversation_id, message, client_key=client_key)


def _conversation(tx: TenantTransaction, channel_id: UUID, found: Found) -> UUID:
    contact_id = contacts.ensure(tx, found.addresses, push_name=found.name)
    conversation_id = new_id()
    if tx.execute(
        CONVERSATION, id=conversation_id, channel_id=channel_id, contact_id=contact_id, assignee_id=tx.scope.user_id
    ):
        rounds.open_round(tx, conversation_id)
        return conversation_id
    with tx.as_system():
        existing: UUID = tx.scalar(FIND, channel_id=channel_id, contact_id=contact_id)
    if not tx.scalar(VISIBLE, id=existing):
        raise OfAColleague
    return existing
