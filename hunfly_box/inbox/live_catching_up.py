"""What was committed in the moment Postgres went away was announced by nobody: it is read again once it is back."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import live_replay

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# A row gets its version when its transaction begins.
EARLIER_SECONDS = 5.0
# Once it is back, and again: a statement that was left to itself may still commit, and the spill is drained meanwhile.
PAUSES = (0.0, 5.0, 10.0)

ReadAgain = Callable[[UUID, int], bool]


async def watch(resources: Resources, threads: Executor, read_again: ReadAgain) -> None:
    """For ever. Asks the database nothing while all is well."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        lost_at, resources.database.lost_at = resources.database.lost_at, None
        if lost_at is None:
            continue
        after = int((lost_at - EARLIER_SECONDS) * live_replay.MICROSECONDS)
        for pause in PAUSES:
            await asyncio.sleep(pause)
            while not await _all_read(resources, threads, read_again, after):
                await asyncio.sleep(LOOK_SECONDS)


async def _all_read(resources: Resources, threads: Executor, read_again: ReadAgain, after: int) -> bool:
    loop = asyncio.get_running_loop()
    try:
        for tenant_id in tuple(resources.hub.streams):
            if not await loop.run_in_executor(threads, read_again, tenant_id, after):
                return False
    except Exception as error:  # noqa: BLE001 - it is away still
        log.info("the streams cannot catch up yet: %s", type(error).__name__)
        return False
    return True
