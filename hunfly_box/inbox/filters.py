"""Which conversations a list shows."""

from typing import Any
from uuid import UUID

from msgspec import Struct

from hunfly_box.kit.errors import FieldError, Invalid

STATUSES = ("open", "snoozed", "resolved")
LABELLED = """AND EXISTS (SELECT 1 FROM app.conversation_labels vl
  WHERE vl.tenant_id = v.tenant_id AND vl.conversation_id = v.id AND vl.label_id = :label)"""


class Filter(Struct, frozen=True, kw_only=True):
    """None asks for any. `assignee` is "me", "none" or a person's id."""

    status: str | None = None
    assignee: UUID | str | None = None
    channel: UUID | None = None
    label: UUID | None = None


def parse(
    *, status: str | None = None, assignee: str | None = None, channel: str | None = None, label: str | None = None
) -> Filter:
    """Empty parameters are as good as missing ones. Raises Invalid, which names the parameter at fault."""
    if status and status not in STATUSES:
        raise _wrong("status", f"One of {', '.join(STATUSES)}.")
    person = assignee if assignee in ("me", "none") else _id("assignee", assignee)
    return Filter(status=status or None, assignee=person, channel=_id("channel", channel), label=_id("label", label))


def conditions(wanted: Filter, user_id: UUID | None) -> tuple[str, dict[str, Any]]:
    """Conditions on app.conversations v, each beginning with AND, and their values."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    if wanted.status:
        parts.append("AND v.status = :status")
        values["status"] = wanted.status
    if wanted.assignee == "none":
        parts.append("AND v.assignee_id IS NULL")
    elif wanted.assignee is not None:
        parts.append("AND v.assignee_id = :assignee")
        values["assignee"] = user_id if wanted.assignee == "me" else wanted.assignee
    if wanted.channel:
        parts.append("AND v.channel_id = :channel")
        values["channel"] = wanted.channel
    if wanted.label:
        parts.append(LABELLED)
        values["label"] = wanted.label
    return " ".join(parts), values


def _id(name: str, value: str | None) -> UUID | None:
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError as error:
        raise _wrong(name, "Not an id.") from error


def _wrong(field: str, detail: str) -> Invalid:
    return Invalid(f"{field}: {detail}", errors=(FieldError(field, "value", detail),))
