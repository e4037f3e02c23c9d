"""One prepared statement of a driver's connection, asked through libpq: what the driver does around a statement costs
as much as the rest of a small batch.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

Rows = list[tuple[Any, ...]]


class Wire:
    """One question at a time. A question whose answer nobody waits for any more is still heard to its end."""

    def __init__(self, connection: "psycopg.AsyncConnection[Any]", statement: bytes) -> None:
        self._pgconn = connection.pgconn
        # libpq closes it on its own, and then cannot tell any more which it was.
        self._socket = connection.pgconn.socket
        self._statement = statement
        self._loads = Transformer(connection)
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Rows | None] = self._loop.create_future()
        self._ended: asyncio.Future[None] | None = None
        self._result: PGresult | None = None
        self._is_asking = False
        self._is_sending = False

    def ask(self, parameters: Sequence[str | bytes | None]) -> "asyncio.Future[Rows | None]":
        """Bytes go as they are, text as text. Raises psycopg.Error; so does the future, whose None means `give_up`."""
        values = [_as_sent(value) for value in parameters]
        formats = [Format.BINARY if type(value) is bytes else Format.TEXT for value in parameters]
        self._pgconn.send_query_prepared(self._statement, values, formats, Format.BINARY)
        return self._asked()

    def tell(self, command: bytes) -> "asyncio.Future[Rows | None]":
        self._pgconn.send_query(command)
        return self._asked()

    def _asked(self) -> "asyncio.Future[Rows | None]":
        self._answer = self._loop.create_future()
        self._result = None
        self._is_asking = True
        self._loop.add_reader(self._socket, self._readable)
        self._send()
        return self._answer

    def give_up(self) -> None:
        if not self._answer.done():
            self._answer.set_result(None)

    async def ended(self) -> None:
        """When nothing is under way any more."""
        if self._is_asking:
            self._ended = self._loop.create_future()
            await self._ended

    def _send(self) -> None:
        """What the socket does not take at once goes when it is ready for more."""
        try:
            is_sending = self._pgconn.flush() != 0
        except psycopg.Error as error:
            self._end(error)
            return
        if is_sending and not self._is_sending:
            self._loop.add_writer(self._socket, self._send)
        elif self._is_sending and not is_sending:
            self._loop.remove_writer(self._socket)
        self._is_sending = is_sending

    def _readable(self) -> None:
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._end(self._failure())
                    return
                self._result = result
        except psycopg.Error as error:
            self._end(error)

    def _failure(self) -> psycopg.Error | None:
        result = self._result
        if result is not None and result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            return None
        if result is None or self._pgconn.status == ConnStatus.BAD:
            return psycopg.OperationalError("the connection was closed")
        return psycopg.errors.error_from_result(result)

    def _end(self, error: psycopg.Error | None) -> None:
        self._is_asking = False
        self._loop.remove_reader(self._socket)
        if self._is_sending:
            self._is_sending = False
            self._loop.remove_writer(self._socket)
        result, self._result = self._result, None
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if self._answer.done():
            return
        if error is not None:
            self._answer.set_exception(error)
        elif result is not None:
            self._loads.set_pgresult(result)
            self._answer.set_result(self._loads.load_rows(0, result.ntuples, tuple))


def _as_sent(value: str | bytes | None) -> bytes | None:
    if type(value) is not str:
        return value  # type: ignore[return-value]
    sent = value.encode()
    if b"\0" in sent:
        # The text would end there, and the rest of the batch with it.
        raise psycopg.DataError("text cannot contain NUL")
    return sent
