"""One person under two addresses: the engine hides a customer's privacy id behind the number, or the other way round.

Its webhooks then tell only one of the two; what it has stored of the same messages still names both.
"""

import json
from contextlib import closing
from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import connecting
from hunfly_box.channels import queries as channels
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import Scope, TenantTransaction
from hunfly_box.kit.work import GiveUp, RetryLater, WorkKind
from hunfly_box.providers.messenger import Messenger, ProviderError, Refused
from hunfly_box.providers.port import Address, IncomingMessage

# An engine that does not answer is asked again much later: two conversations are a nuisance, no loss.
RETRY_SECONDS = 600.0
MESSAGES_READ = 50

KNOWN = """
SELECT i.kind, i.value, i.address FROM app.contact_identities i
WHERE i.tenant_id = app.tenant_id() AND i.contact_id = :id AND i.kind IN ('phone', 'lid')
"""
LINK = "SELECT app.link_addresses(app.tenant_id(), CAST(:addresses AS jsonb))"
# Of everybody whom these addresses are about, before they become one.
CONVERSATIONS = """
SELECT DISTINCT v.id FROM jsonb_to_recordset(CAST(:addresses AS jsonb)) AS a(kind text, value text)
JOIN app.contact_identities i ON i.tenant_id = app.tenant_id() AND i.kind = a.kind AND i.value = a.value
JOIN app.conversations v ON v.tenant_id = i.tenant_id AND v.contact_id = i.contact_id
"""


def pair(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
    """Raises RetryLater and GiveUp."""
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        known = [Address(row["kind"], row["value"], row["address"]) for row in _known(tx, payload["contact_id"])]
        line = channels.line(tx, UUID(payload["channel_id"]))
    if len({address.kind for address in known}) != 1:
        return
    _, messenger = connecting.messenger_of(resources, tenant_id, line)
    with closing(messenger):
        others = [other for address in known for other in _others(messenger, address)]
    if not others:
        return
    told = json.dumps([{"kind": one.kind, "value": one.value, "address": one.raw} for one in (*known, *others)])
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        conversations = tx.scalars(CONVERSATIONS, addresses=told)
        tx.scalar(LINK, addresses=told)
        for conversation_id in conversations:
            tx.announce(Changed(tenant_id, "conversation", conversation_id, conversation_id))


def _known(tx: TenantTransaction, contact_id: str) -> list[dict[str, Any]]:
    return tx.all(dict[str, Any], KNOWN, id=contact_id)


def _others(messenger: Messenger, address: Address) -> list[Address]:
    """The first other address that a stored message gives this person."""
    try:
        stored = messenger.find_messages(0.0, address.raw, limit=MESSAGES_READ)
    except Refused as refusal:
        raise GiveUp(str(refusal)) from refusal
    except ProviderError as error:
        raise RetryLater(str(error), after_seconds=RETRY_SECONDS) from error
    for event in stored:
        if not isinstance(event, IncomingMessage) or event.chat.kind == "group":
            continue
        person = {(one.kind, one.value): one for one in (event.chat, *event.alt_addresses)}
        if person.pop((address.kind, address.value), None) and person:
            return list(person.values())
    return []


WORK = {"contacts.pair": WorkKind(pair, lease_seconds=120, max_attempts=4, asks_provider=True)}
