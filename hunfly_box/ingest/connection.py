"""The ingest path's own connection, asynchronous, as hb_ingest; while it is away it is tried in the background."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from hunfly_box.ingest.statement import CALL, Answer, answer_of
from hunfly_box.kit.crash import crash_point, is_armed

log = logging.getLogger(__name__)

CONNECT_SECONDS = 2
RETRY_SECONDS = 1.0
# A batch that takes longer goes to the spill as well; both ends are idempotent.
SLOW_SECONDS = 2.0
# Nobody waits for an answer of the drain or of a replay.
PATIENT_SECONDS = 30.0
# Plans are made once, perhaps while the tables are still empty. From a batch to the tables there is one good way,
# by index row for row; what reads a tenant whole would grow slower with every customer.
OPTIONS = (
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_mergejoin=off -c enable_hashjoin=off"
    " -c jit=off -c statement_timeout=30s -c lock_timeout=5s"
)
# Plans made while the tables were small choose badly among their indexes later. They are made anew after so many
# calls, then after twice as many, and so on: the planner sees how large the tables are by then.
FIRST_REPLAN = 16


class Away(Exception):
    """Postgres does not answer, or not in time."""


class IngestConnection:
    def __init__(
        self, url: str, patience_seconds: float = SLOW_SECONDS, on_lost: Callable[[], None] = lambda: None
    ) -> None:
        """`on_lost`: a call has ended without an answer, and nobody knows whether its rows are there."""
        self._patience_seconds = patience_seconds
        self._on_lost = on_lost
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._leftovers: set[asyncio.Task[Any]] = set()
        self._calls_until_replan = self._replan_after = FIRST_REPLAN
        self.is_closed = False

    @property
    def is_here(self) -> bool:
        return self._connection is not None

    async def open(self) -> None:
        """Raises psycopg.OperationalError."""
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            prepare_threshold=0,
            connect_timeout=CONNECT_SECONDS,
            application_name="hunfly-box ingest",
            options=OPTIONS,
        )
        self._connection = connection

    async def call(self, parameters: Sequence[Any]) -> Answer:
        """Raises Away, or psycopg.Error of the statement itself; then the connection is good still."""
        connection = self._connection
        if connection is None:
            self.retry_in_background()
            raise Away
        running = asyncio.ensure_future(_run(connection, parameters, replans=self._is_time_to_replan()))
        done, _ = await asyncio.wait({running}, timeout=self._patience_seconds)
        if not done:
            self._let_go(connection, running)
            raise Away
        try:
            return running.result()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if isinstance(error, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
                raise
            log.warning("Postgres went away: %s", type(error).__name__)
            self._let_go(connection, None)
            raise Away from error

    def _is_time_to_replan(self) -> bool:
        self._calls_until_replan -= 1
        if self._calls_until_replan > 0:
            return False
        self._calls_until_replan = self._replan_after = 2 * self._replan_after
        return True

    def _let_go(self, connection: "psycopg.AsyncConnection[Any]", running: "asyncio.Future[Answer] | None") -> None:
        """What still runs may yet commit: it is left to end by itself, and its connection is used no more."""
        self._connection = None
        self._on_lost()
        leftover = asyncio.ensure_future(_end(connection, running))
        self._leftovers.add(leftover)
        leftover.add_done_callback(self._leftovers.discard)
        self.retry_in_background()

    def retry_in_background(self) -> None:
        if self.is_closed or (self._connecting is not None and not self._connecting.done()):
            return
        self._connecting = asyncio.ensure_future(self._retry())

    async def _retry(self) -> None:
        while not self.is_closed and self._connection is None:
            try:
                await self.open()
            except psycopg.Error:
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        self.is_closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        for leftover in tuple(self._leftovers):
            leftover.cancel()
        if self._connection is not None:
            await self._connection.close()


async def _run(connection: "psycopg.AsyncConnection[Any]", parameters: Sequence[Any], *, replans: bool) -> Answer:
    if replans:
        await connection.execute("DISCARD PLANS")
    if is_armed("I2"):
        # The one call is its own transaction; a test that dies between the rows and their COMMIT needs it in two.
        async with connection.transaction():
            cursor = await connection.execute(CALL, parameters, binary=True)
            crash_point("I2")
            return answer_of(await cursor.fetchall())
    cursor = await connection.execute(CALL, parameters, binary=True)
    return answer_of(await cursor.fetchall())


async def _end(connection: "psycopg.AsyncConnection[Any]", running: "asyncio.Future[Answer] | None") -> None:
    if running is not None:
        with contextlib.suppress(Exception):
            await running
    with contextlib.suppress(Exception):
        await connection.close()
