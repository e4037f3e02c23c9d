"""The grey lines in a thread that tell what our own people did."""

import json
from uuid import UUID

from hunfly_box.inbox import events
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.i18n import translate
from hunfly_box.kit.ids import new_id

INSERT = """
INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, author_name,
                          text, payload, sent_at)
SELECT v.tenant_id, :id, v.id, v.channel_id, 'out', 'system', 'system', '', :text, CAST(:payload AS jsonb),
       app.said_at(v.id)
FROM app.conversations v WHERE v.tenant_id = app.tenant_id() AND v.id = :conversation_id
"""
LOCALE = "SELECT locale FROM app.tenants WHERE id = app.tenant_id()"
NAME = "SELECT name FROM app.memberships WHERE tenant_id = app.tenant_id() AND user_id = :user_id"


def tell(tx: TenantTransaction, conversation_id: UUID, sentence: str, *, icon: str, **names: str) -> None:
    """`sentence` is marked pt-BR text, written down in the tenant's language: everybody reads the same."""
    message_id = new_id()
    tx.execute(
        INSERT,
        id=message_id,
        conversation_id=conversation_id,
        text=translate(str(tx.scalar(LOCALE)), sentence) % names,
        payload=json.dumps({"icon": icon}),
    )
    events.message_changed(tx, message_id, conversation_id)


def name_of(tx: TenantTransaction, user_id: UUID | None) -> str:
    """Empty for the system."""
    return str(tx.scalar(NAME, user_id=user_id) or "") if user_id else ""
