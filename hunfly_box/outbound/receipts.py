"""Small courtesies to the customer: blue ticks and "typing". Nobody waits for them, and none is worth a retry storm."""

import logging
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import queries as channel_queries
from hunfly_box.channels.queries import Line
from hunfly_box.kit.database import Scope
from hunfly_box.outbound import composing
from hunfly_box.outbound.composing import ADDRESS_OF
from hunfly_box.providers.messenger import MessageKey, ProviderError

# The last one read marks all before it on the customer's phone; a few more help where one got lost.
MOST_MARKED = 10
TYPING_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chat:
    channel_id: UUID
    channel_state: str
    kind: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Received:
    provider_id: str
    author: str | None


def mark_read(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
    """Work `outbound.mark_read`. A failure is tried again; a number that is down is not waited for."""
    conversation_id = UUID(payload["conversation_id"])
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        chat = tx.maybe(Chat, CHAT, tenant_id=tenant_id, id=conversation_id)
        received = tx.all(
            Received, RECEIVED, tenant_id=tenant_id, id=conversation_id, upto=payload["message_id"], most=MOST_MARKED
        )
        line = channel_queries.line(tx, chat.channel_id) if chat is not None else None
    # Evolution says "done" for a LID and does nothing.
    if chat is None or line is None or chat.address is None or chat.kind == "lid" or chat.channel_state != "open":
        return
    keys = [
        MessageKey(one.provider_id, chat.address, False, one.author if chat.kind == "group" else None)
        for one in received
    ]
    if not keys:
        return
    with closing(composing.messenger(resources, tenant_id, line)) as messenger:
        messenger.mark_read(keys)


def show_typing(resources: Resources, tenant_id: UUID, conversation_id: UUID) -> None:
    """Job `outbound.typing`: best effort, once."""
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        chat = tx.maybe(Chat, CHAT, tenant_id=tenant_id, id=conversation_id)
        line: Line | None = channel_queries.line(tx, chat.channel_id) if chat is not None else None
    if chat is None or line is None or chat.address is None or chat.channel_state != "open":
        return
    try:
        with closing(composing.messenger(resources, tenant_id, line)) as messenger:
            messenger.typing(chat.address, "composing", TYPING_SECONDS)
    except ProviderError as error:
        log.debug("typing was not shown: %s", error)


CHAT = f"""
SELECT m.channel_id, c.state AS channel_state, i.kind, i.address
FROM app.conversations m
JOIN app.channels c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id
LEFT JOIN LATERAL ({ADDRESS_OF.format(contact="m.contact_id")}) i ON true
WHERE m.tenant_id = :tenant_id AND m.id = :id
"""
RECEIVED = f"""
SELECT m.provider_id, a.address AS author
FROM app.messages m
LEFT JOIN LATERAL ({ADDRESS_OF.format(contact="m.author_id")}) a ON m.author_kind = 'contact'
WHERE m.tenant_id = :tenant_id AND m.conversation_id = :id AND m.direction = 'in' AND m.provider_id IS NOT NULL
  AND m.sent_at <= (SELECT u.sent_at FROM app.messages u WHERE u.tenant_id = m.tenant_id AND u.id = :upto)
ORDER BY m.sent_at DESC, m.id DESC LIMIT :most
"""
