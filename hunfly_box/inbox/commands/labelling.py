"""Labels: on conversations, and the tenant's list of them."""

from collections.abc import Sequence
from uuid import UUID

from hunfly_box.inbox import events, rows
from hunfly_box.inbox.outgoing import invalid
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import NotFound
from hunfly_box.kit.ids import new_id

NAME_LIMIT = 40
COLORS = range(6)

KNOWN = "SELECT id FROM app.labels WHERE tenant_id = app.tenant_id() AND id = ANY (:ids)"
REMOVE_OTHERS = """
DELETE FROM app.conversation_labels
WHERE tenant_id = app.tenant_id() AND conversation_id = :conversation_id AND NOT label_id = ANY (:ids)
"""
ADD = """
INSERT INTO app.conversation_labels (tenant_id, conversation_id, label_id)
SELECT app.tenant_id(), :conversation_id, label_id FROM unnest(CAST(:ids AS uuid[])) label_id
ON CONFLICT DO NOTHING
"""
CREATE = """
INSERT INTO app.labels (tenant_id, id, name, color) VALUES (app.tenant_id(), :id, :name, :color) ON CONFLICT DO NOTHING
"""
NAME_TAKEN = """
SELECT EXISTS (SELECT 1 FROM app.labels
               WHERE tenant_id = app.tenant_id() AND lower(name) = lower(:name) AND id <> :id)
"""
UPDATE = """
UPDATE app.labels SET name = coalesce(:name, name), color = coalesce(:color, color)
WHERE tenant_id = app.tenant_id() AND id = :id
"""
TOUCH_LABELLED = """
UPDATE app.conversations SET version = version
WHERE tenant_id = app.tenant_id() AND id IN (
  SELECT v.id FROM app.conversation_labels vl
  JOIN app.conversations v ON v.tenant_id = vl.tenant_id AND v.id = vl.conversation_id
  WHERE vl.tenant_id = app.tenant_id() AND vl.label_id = :id
  ORDER BY v.last_message_at DESC NULLS LAST LIMIT 200)
RETURNING id
"""
DELETE = "DELETE FROM app.labels WHERE tenant_id = app.tenant_id() AND id = :id"


def set_labels(tx: TenantTransaction, conversation_id: UUID, label_ids: Sequence[UUID]) -> None:
    """Exactly these, no others."""
    rows.lock_conversation(tx, conversation_id)
    wanted = list(dict.fromkeys(label_ids))
    if len(tx.scalars(KNOWN, ids=wanted)) != len(wanted):
        raise invalid("labels", "unknown", "There is no such label.")
    removed = tx.execute(REMOVE_OTHERS, conversation_id=conversation_id, ids=wanted)
    added = tx.execute(ADD, conversation_id=conversation_id, ids=wanted)
    if removed or added:
        rows.touch(tx, conversation_id)
        events.conversation_changed(tx, conversation_id)


def create_label(tx: TenantTransaction, *, name: str, color: int) -> UUID:
    label_id = new_id()
    if not tx.execute(CREATE, id=label_id, name=_name(name), color=_color(color)):
        raise _taken()
    events.label_changed(tx, label_id)
    return label_id


def update_label(tx: TenantTransaction, label_id: UUID, *, name: str | None, color: int | None) -> None:
    checked = None if name is None else _name(name)
    if checked is not None and tx.scalar(NAME_TAKEN, id=label_id, name=checked):
        raise _taken()
    if not tx.execute(UPDATE, id=label_id, name=checked, color=None if color is None else _color(color)):
        raise NotFound
    _show(tx, label_id)


def delete_label(tx: TenantTransaction, label_id: UUID) -> None:
    """It leaves every conversation and contact that has it."""
    _show(tx, label_id)
    if not tx.execute(DELETE, id=label_id):
        raise NotFound


def _show(tx: TenantTransaction, label_id: UUID) -> None:
    """The latest conversations that have it show it anew; others when they are loaded next."""
    events.label_changed(tx, label_id)
    with tx.as_system():
        conversation_ids = tx.scalars(TOUCH_LABELLED, id=label_id)
    for conversation_id in conversation_ids:
        events.conversation_changed(tx, conversation_id)


def _name(name: str) -> str:
    bare = " ".join(name.split())
    if not 0 < len(bare) <= NAME_LIMIT:
        raise invalid("name", "length", f"1 to {NAME_LIMIT} characters.")
    return bare


def _color(color: int) -> int:
    if color not in COLORS:
        raise invalid("color", "value", f"0 to {COLORS[-1]}.")
    return color


def _taken() -> Exception:
    return invalid("name", "taken", "There is a label of that name.")
