"""The ingest path's own connection, asynchronous, as hb_ingest; while it is away it is tried in the background."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from hunfly_box.ingest.statement import PREPARE, PREPARED, Answer, answer_of
from hunfly_box.ingest.wire import Rows, Wire
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
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._leftovers: set[asyncio.Task[Any]] = set()
        self._calls_until_replan = self._replan_after = FIRST_REPLAN
        self.is_closed = False

    @property
    def is_here(self) -> bool:
        return self._connection is not None

    async def open(self) -> None:
        """Raises psycopg.Error."""
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            client_encoding="utf8",
            connect_timeout=CONNECT_SECONDS,
            application_name="hunfly-box ingest",
            options=OPTIONS,
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.execute(PREPARE)
        except TimeoutError:
            await connection.close()
            raise psycopg.OperationalError("Postgres does not answer") from None
        self._wire = Wire(connection, PREPARED)
        self._connection = connection

    async def call(self, parameters: Sequence[Any]) -> Answer:
        """Raises Away, or psycopg.Error of the statement itself; then the connection is good still."""
        connection, wire = self._connection, self._wire
        if connection is None or wire is None:
            self.retry_in_background()
            raise Away
        try:
            rows = await self._asked(wire, parameters)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if isinstance(error, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
                raise
            log.warning("Postgres went away: %s", type(error).__name__)
            self._let_go(connection, wire)
            raise Away from error
        if rows is None:
            self._let_go(connection, wire)
            raise Away
        return answer_of(rows)

    async def _asked(self, wire: Wire, parameters: Sequence[Any]) -> Rows | None:
        """None: not in time."""
        impatience = asyncio.get_running_loop().call_later(self._patience_seconds, wire.give_up)
        try:
            if self._is_time_to_replan() and await wire.tell(b"DISCARD PLANS") is None:
                return None
            if not is_armed("I2"):
                return await wire.ask(parameters)
            # The one call is its own transaction; a test that dies between the rows and their COMMIT needs it in two.
            await wire.tell(b"BEGIN")
            rows = await wire.ask(parameters)
            crash_point("I2")
            await wire.tell(b"COMMIT")
            return rows
        finally:
            impatience.cancel()

    def _is_time_to_replan(self) -> bool:
        self._calls_until_replan -= 1
        if self._calls_until_replan > 0:
            return False
        self._calls_until_replan = self._replan_after = 2 * self._replan_after
        return True

    def _let_go(self, connection: "psycopg.AsyncConnection[Any]", wire: Wire) -> None:
        """What still runs may yet commit: it is left to end by itself, and its connection is used no more."""
        self._connection = self._wire = None
        self._on_lost()
        leftover = asyncio.ensure_future(_end(connection, wire))
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


async def _end(connection: "psycopg.AsyncConnection[Any]", wire: Wire) -> None:
    with contextlib.suppress(Exception):
        await wire.ended()
    with contextlib.suppress(Exception):
        await connection.close()
