"""The one statement of the ingest path, its parameters, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from hunfly_box.ingest.gathering import Gathered, to_json
from hunfly_box.ingest.literals import NULL, Array, quoted

TYPES = (
    *("uuid[]", "uuid[]", "uuid[]", "uuid[]", "jsonb"),
    *("integer[]", "integer[]", "integer[]", "uuid[]", "text[]", "text[]", "text[]", "double precision[]", "jsonb[]"),
    *("jsonb", "integer[]", "text[]", "text[]"),
    *("integer[]", "uuid[]", "text[]", "text[]", "text[]", "integer[]", "integer[]", "bytea"),
    *("integer[]", "integer[]", "uuid[]"),
)
NAMES = (
    *(
        "summary",
        "id",
        "tenant_id",
        "channel_id",
        "contact_id",
        "status",
        "snoozed_until",
        "assignee_id",
        "assignee_name",
    ),
    *(
        "waiting_since",
        "last_message_id",
        "inbound_count",
        "inbound_answered",
        "version",
        "contact_name",
        "contact_phone",
    ),
    *("is_group", "avatar_sha256", "is_blocked", "contact_identity", "labels"),
)
# The summary comes as text, to be read once and typed; ids too, because they go into frames and not into comparisons.
AS_TEXT = {"summary", "id", "tenant_id", "channel_id", "contact_id", "assignee_id", "last_message_id"}
COLUMNS = ", ".join(f"{name}::text" if name in AS_TEXT else name for name in NAMES)
CALL = f"SELECT {COLUMNS} FROM app.ingest({', '.join(f'${n}::{type_}' for n, type_ in enumerate(TYPES, 1))})"
PREPARED = b"ingest"
PREPARE = f"PREPARE {PREPARED.decode()} AS {CALL}"

# A line of `changes`: what, tenant, id, and what else that kind needs.
Change = list[Any]


class Summary(Struct):
    version: int
    failed: dict[str, str]
    changes: list[Change]
    inserted: list[str] | None = None
    missing: list[int] | None = None
    missing_events: list[int] | None = None
    conversations: list[str | None] | None = None
    people: list[str | None] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    summary: Summary
    # The touched conversations of watched tenants, by column name.
    conversations: list[dict[str, Any]]


_decode = msgspec.json.Decoder(Summary).decode


def parameters(batch: Gathered, heard: Sequence[int], watched: Sequence[UUID]) -> list[str | bytes | None]:
    channels = Array(batch.channels)
    wrote = [c for c in heard if c in batch.wrote]
    return [
        batch.tenants.literal() or "{}",
        channels.literal() or "{}",
        batch.conversations.literal() or "{}",
        batch.people.literal() or "{}",
        to_json(list(batch.wanted.values())) if batch.wanted else None,
        *(column.literal() for column in batch.m),
        to_json(batch.events) if batch.events else None,
        *(column.literal() for column in batch.s),
        *_journal(batch),
        "{" + ",".join(map(str, heard)) + "}" if heard else None,
        "{" + ",".join(map(str, wrote)) + "}",
        "{" + ",".join(map(str, watched)) + "}" if watched else None,
    ]


def _journal(batch: Gathered) -> list[str | bytes | None]:
    """Bodies go as one block with offsets: nothing in them has to be escaped."""
    if not batch.journalled:
        return [None] * 8
    channel, id_, event, state, reason, start, length = (Array() for _ in range(7))
    offset = 1
    for part in batch.journalled:
        one = part.received
        channel.append(str(batch.channels[part.channel.id]))
        id_.append(one.journal_id)
        event.append(quoted(one.delivery.kind or ""))
        state.append(one.state)
        reason.append(quoted(one.reason) if one.reason else NULL)
        start.append(str(offset))
        length.append(str(len(one.body)))
        offset += len(one.body)
    columns = (channel, id_, event, state, reason, start, length)
    return [*(column.literal() for column in columns), b"".join(part.received.body for part in batch.journalled)]


def answer_of(rows: Sequence[Sequence[Any]]) -> Answer:
    summary = _decode(rows[0][0])
    return Answer(summary, [dict(zip(NAMES, row, strict=True)) for row in rows[1:]])
