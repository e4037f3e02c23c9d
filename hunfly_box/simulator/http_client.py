"""The road out: one HTTP/1.1 request over asyncio, with the header order of the real engine kept."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

Headers = list[tuple[str, str]]

# Below the keep-alive of common servers, so that a kept connection is rarely a dead one.
IDLE_SECONDS = 3.0


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float = 0.0

    @property
    def is_stale(self) -> bool:
        idle = time.monotonic() - self.used_at
        return idle > IDLE_SECONDS or self.reader.at_eof() or self.writer.is_closing()


class Client:
    def __init__(self) -> None:
        self._idle: dict[tuple[str, str, int], list[Connection]] = {}

    async def request(self, method: str, url: str, headers: Headers, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(url)
        place = (parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.rsplit("@", 1)[-1]
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {host if name == 'Host' else value}" for name, value in headers]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        connection = self._reuse(place)
        if connection is not None:
            with contextlib.suppress(OSError, EOFError):
                return await self._exchange(place, connection, head + body)
        return await self._exchange(place, await _open(place), head + body)

    def close(self) -> None:
        for connections in self._idle.values():
            for connection in connections:
                connection.writer.close()
        self._idle.clear()

    def _reuse(self, place: tuple[str, str, int]) -> Connection | None:
        kept = self._idle.get(place, [])
        while kept:
            connection = kept.pop()
            if not connection.is_stale:
                return connection
            connection.writer.close()
        return None

    async def _exchange(self, place: tuple[str, str, int], connection: Connection, request: bytes) -> tuple[int, bytes]:
        try:
            connection.writer.write(request)
            await connection.writer.drain()
            status, body, may_stay = await _read_answer(connection.reader)
        except BaseException:
            connection.writer.close()
            raise
        if may_stay:
            connection.used_at = time.monotonic()
            self._idle.setdefault(place, []).append(connection)
        else:
            connection.writer.close()
        return status, body


async def _open(place: tuple[str, str, int]) -> Connection:
    scheme, host, port = place
    secure = ssl.create_default_context() if scheme == "https" else None
    reader, writer = await asyncio.open_connection(host, port, ssl=secure)
    return Connection(reader, writer)


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    may_stay = headers.get("connection", "").lower() != "close"
    if status in (204, 304):
        return status, b"", may_stay
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return status, await _read_chunks(reader), may_stay
    if "content-length" in headers:
        return status, await reader.readexactly(int(headers["content-length"])), may_stay
    return status, await reader.read(), False


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        parts.append(await reader.readexactly(size))
        await reader.readline()
        if size == 0:
            return b"".join(parts)
