"""What a screen missed since its cursor, read under its own rights. Overlaps, so that nothing falls between."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.channels.objects import channels
from hunfly_box.inbox import live_frames, live_showing, objects
from hunfly_box.inbox.live_frames import Variant
from hunfly_box.kit.database import TenantTransaction

MICROSECONDS = 1_000_000
# A transaction gets its version before it commits; none runs longer than this.
OVERLAP_US = 20 * MICROSECONDS
# The log is kept for an hour.
OLDEST_US = 55 * 60 * MICROSECONDS
FUTURE_US = 5 * MICROSECONDS
# Beyond, loading the page anew is quicker for both.
MOST_REPLAYED = 500

SINCE = """
SELECT kind, entity_id, max(conversation_id::text)::uuid AS conversation_id, max(version) AS version
FROM app.live_versions
WHERE tenant_id = app.tenant_id() AND version > :after GROUP BY kind, entity_id ORDER BY max(version) LIMIT :most
"""


@dataclass(frozen=True, slots=True)
class _Line:
    kind: str
    entity_id: UUID
    conversation_id: UUID | None
    version: int


def replay(resources: Resources, viewer: Viewer, variant: Variant, since: str | None, hello: dict[str, Any]) -> bytes:
    """hello, then what changed; or hello and `reset`, when the cursor is of no use."""
    with resources.database.transaction(viewer.scope()) as tx:
        now: int = tx.scalar("SELECT app.now_us()")
        greeting = {**hello, "cursor": str(now)}
        if not since:
            return live_frames.plain_frame("hello", greeting, now)
        # Without an id: a stream that is cut before its replay ends must come back with the cursor it came with.
        body = live_frames.plain_frame("hello", greeting)
        cursor = _cursor(since)
        if cursor is None:
            return body + _reset("unknown", now)
        if cursor > now + FUTURE_US:
            return body + _reset("future", now)
        if cursor < now - OLDEST_US:
            return body + _reset("too_old", now)
        lines = tx.all(_Line, SINCE, after=cursor - OVERLAP_US, most=MOST_REPLAYED + 1)
        if len(lines) > MOST_REPLAYED:
            return body + _reset("too_many", now)
        return body + b"".join(_frames(resources, tx, variant, lines)) + b"id: %d\n\n" % now


def _cursor(since: str) -> int | None:
    return int(since) if since.isascii() and since.isdigit() and len(since) <= 18 else None


def _reset(reason: str, now: int) -> bytes:
    return live_frames.plain_frame("reset", {"reason": reason, "cursor": str(now)}, now)


def _frames(resources: Resources, tx: TenantTransaction, variant: Variant, lines: list[_Line]) -> Iterator[bytes]:
    def ids(kind: str) -> list[UUID]:
        return [line.entity_id for line in lines if line.kind == kind]

    limit = resources.settings.sends_per_minute
    messages = {UUID(message.id): message for message in objects.messages(tx, ids("message"))}
    conversations = {UUID(one.id): one for one in objects.conversations(tx, ids("conversation"))}
    numbers = {one.id: one for one in channels(tx, ids("channel"), sends_per_minute=limit)} if ids("channel") else {}
    for line in lines:
        if line.entity_id in messages:
            message = messages[line.entity_id]
            # The cursor is the line's, not the row's: a row that changed just now would skip the lines behind it.
            yield live_showing.frames_for(resources, message, variant, line.version)
            if message.direction == "out" and message.status is not None:
                yield live_frames.status_frame(message, line.version)
        elif line.entity_id in conversations:
            yield live_frames.conversation_frame(conversations[line.entity_id], line.version)
        elif line.entity_id in numbers:
            yield live_frames.plain_frame("channel", numbers[line.entity_id], line.version)
        elif line.kind == "conversation":
            into = line.conversation_id if line.conversation_id != line.entity_id else None
            yield live_frames.gone_frame(line.entity_id, line.version, str(into) if into else None)


def seconds_ago(seconds: float) -> int:
    """A cursor by this machine's clock, for catching up after the other processes were not heard."""
    return int((time.time() - seconds) * MICROSECONDS)
