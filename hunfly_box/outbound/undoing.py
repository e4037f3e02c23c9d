"""An edit, a deletion or a reaction that did not happen: taken back on our screens, and said at its message."""

import json
from typing import Any, Literal, Protocol, get_args
from uuid import UUID

from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import TenantTransaction

# The provider said no; the number was away too long; or nobody knows, and it is not tried any more.
Reason = Literal["refused", "late", "unconfirmed"]
KINDS = ("edit", "delete", "reaction")
CODES = frozenset(f"message.{kind}_{reason}" for kind in KINDS for reason in get_args(Reason))


class Act(Protocol):
    """A delivery of a kind other than `send`. Its payload says what there was before."""

    @property
    def id(self) -> UUID: ...
    @property
    def message_id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def payload(self) -> dict[str, Any]: ...


def undo(tx: TenantTransaction, act: Act, conversation_id: UUID, reason: Reason) -> None:
    """What has been said since, from here or from the phone, stays."""
    if _is_handed_down(tx, act):
        return
    message = {"tenant_id": tx.tenant_id, "id": act.message_id}
    if act.kind == "edit":
        before = act.payload.get("previous_edited_at")
        told = {"text": act.payload.get("text"), "previous": act.payload.get("previous"), "edited_at": before}
        is_undone = tx.execute(UNDO_EDIT, **message, **told)
        if is_undone:
            tx.execute(DROP_REVISION, **message, previous=act.payload.get("previous"))
    elif act.kind == "delete":
        is_undone = tx.execute(UNDO_DELETE, **message)
    else:
        told = {"emoji": act.payload.get("emoji"), "previous": act.payload.get("previous") or ""}
        is_undone = tx.execute(UNDO_REACTION, **message, **told)
    if is_undone:
        tx.execute(SAY, **message, code=f"message.{act.kind}_{reason}")
    tx.announce(Changed(tx.tenant_id, "message", act.message_id, conversation_id))


def _is_handed_down(tx: TenantTransaction, act: Act) -> bool:
    """A later act of its kind is on its way: what there was before this one is what there was before that one."""
    before = {name: value for name, value in act.payload.items() if name.startswith("previous")}
    return bool(
        tx.execute(
            HAND_DOWN,
            tenant_id=tx.tenant_id,
            id=act.id,
            message_id=act.message_id,
            kind=act.kind,
            before=json.dumps(before),
        )
    )


HAND_DOWN = """
UPDATE app.deliveries SET payload = payload || CAST(:before AS jsonb)
WHERE tenant_id = :tenant_id AND id = (
  SELECT d.id FROM app.deliveries d
  WHERE d.tenant_id = :tenant_id AND d.message_id = :message_id AND d.kind = :kind AND d.id <> :id
    AND d.state IN ('queued', 'claimed', 'dispatching')
  ORDER BY d.created_at, d.id LIMIT 1)
"""
UNDO_EDIT = """
UPDATE app.messages SET text = :previous, edited_at = CAST(:edited_at AS timestamptz)
WHERE tenant_id = :tenant_id AND id = :id AND text = :text
"""
DROP_REVISION = """
DELETE FROM app.message_revisions WHERE tenant_id = :tenant_id AND id = (
  SELECT r.id FROM app.message_revisions r
  WHERE r.tenant_id = :tenant_id AND r.message_id = :id AND r.text IS NOT DISTINCT FROM :previous
  ORDER BY r.replaced_at DESC, r.id DESC LIMIT 1)
"""
UNDO_DELETE = """
UPDATE app.messages SET deleted_at = NULL WHERE tenant_id = :tenant_id AND id = :id AND deleted_at IS NOT NULL
"""
UNDO_REACTION = """
UPDATE app.reactions SET emoji = :previous
WHERE tenant_id = :tenant_id AND message_id = :id AND reactor = 'us' AND emoji = :emoji
"""
# What went wrong with the sending itself weighs more.
SAY = """
UPDATE app.messages SET
  error_code = CASE WHEN status IN ('failed', 'unconfirmed', 'waiting_channel') THEN error_code ELSE :code END,
  error_detail = CASE WHEN status IN ('failed', 'unconfirmed', 'waiting_channel') THEN error_detail END
WHERE tenant_id = :tenant_id AND id = :id
"""
