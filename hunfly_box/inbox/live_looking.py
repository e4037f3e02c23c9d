"""What other processes committed and could not tell, because they died or Redis did: found in the log of changes."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.inbox.live_replay import MICROSECONDS, OVERLAP_US
from hunfly_box.kit.announcing import Changed, ChangeKind

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
# What is younger may still be told by who wrote it.
SETTLE_US = MICROSECONDS
# The first look reaches back to before anybody knew that there are others.
FIRST_REACH_US = int((LOOK_SECONDS + 2) * MICROSECONDS)
# More than one statement ever writes with one version, or a full answer could not be continued.
AT_ONCE = 2_000
# Below, tidying up costs more than it saves.
MOST_REMEMBERED = 2_000

HERE = """
SELECT app.now_us() - :settle AS looked_to,
       CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS xid) AS text) AS oldest_open
"""
CHANGED_SINCE = """
SELECT * FROM app.changed_since(CAST(:tenants AS uuid[]), :looked_to, :look_to, CAST(:oldest_open AS xid), :most)
"""

Show = Callable[[Sequence[Changed]], bool]


@dataclass(frozen=True, slots=True)
class Look:
    """How far the log was read, and the oldest transaction that might still have written behind that."""

    looked_to: int
    oldest_open: str


@dataclass(frozen=True, slots=True)
class _Line:
    tenant_id: UUID
    kind: ChangeKind
    entity_id: UUID
    conversation_id: UUID | None
    version: int

    @property
    def change(self) -> Changed:
        return Changed(self.tenant_id, self.kind, self.entity_id, self.conversation_id)


async def watch(
    resources: Resources, threads: Executor, show: Show, others_write: Callable[[], bool], seconds: float
) -> None:
    """For ever. A process that is alone looks for nothing and remembers nothing."""
    hub, last = resources.hub, None
    while True:
        await asyncio.sleep(seconds)
        if not others_write():
            hub.shown = last = None
            continue
        hub.shown = hub.shown or {}
        try:
            last = await asyncio.get_running_loop().run_in_executor(threads, look, resources, show, last)
        except Exception as error:  # noqa: BLE001 - the next look begins where the last one ended
            log.info("it could not be looked for what others wrote: %s", type(error).__name__)
            continue
        if len(hub.shown) > MOST_REMEMBERED:
            oldest = last.looked_to - OVERLAP_US
            hub.shown = {id_: version for id_, version in list(hub.shown.items()) if version > oldest}


def look(resources: Resources, show: Show, last: Look | None) -> Look:
    """In the live thread, behind what is being shown already. One question for all tenants, however quiet they are."""
    hub = resources.hub
    with resources.database.fenced() as tx:
        here = tx.one(Look, HERE, settle=SETTLE_US)
        last = last or Look(here.looked_to - FIRST_REACH_US, here.oldest_open)
        lines = tx.all(
            _Line,
            CHANGED_SINCE,
            tenants=list(hub.streams),
            looked_to=last.looked_to,
            look_to=here.looked_to,
            oldest_open=last.oldest_open,
            most=AT_ONCE,
        )
    shown = hub.shown or {}
    untold = list(dict.fromkeys(line.change for line in lines if shown.get(str(line.entity_id), 0) < line.version))
    if untold:
        log.info("%d changes of other processes had not been told", len(untold))
        if not show(untold):
            return last
    if len(lines) == AT_ONCE:
        return Look(lines[-1].version - 1, last.oldest_open)
    return here
