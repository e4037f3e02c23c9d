"""What the inbox announces. Ids only; screens read the rows again under their own rights."""

from uuid import UUID

from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import TenantTransaction


def message_changed(tx: TenantTransaction, message_id: UUID, conversation_id: UUID) -> None:
    tx.announce(Changed(tx.tenant_id, "message", message_id, conversation_id))


def conversation_changed(tx: TenantTransaction, conversation_id: UUID) -> None:
    tx.announce(Changed(tx.tenant_id, "conversation", conversation_id, conversation_id))


def label_changed(tx: TenantTransaction, label_id: UUID) -> None:
    tx.announce(Changed(tx.tenant_id, "label", label_id))
