"""A small HTTP/1.1 server on asyncio streams: it can also hang or reset on purpose, which no framework offers."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from hunfly_box.simulator.shapes import Json

# The real engine's limit for JSON bodies.
BODY_LIMIT = 136 * 1024 * 1024
HEAD_LIMIT = 64 * 1024
# Below the range that the kernel gives to outgoing connections, one of which could sit on our port.
FIRST_FREE_PORT, FREE_PORTS, PORT_TRIES = 20000, 12000, 50
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class ResetConnection(Exception):
    """The client gets a TCP reset instead of an answer."""


class NeverAnswer(Exception):
    """The client waits until it gives up."""


class BadRequest(Exception):
    """What arrived is not HTTP we can read."""


@dataclass
class Request:
    method: str
    path: str
    target: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
    stream: AsyncIterator[bytes] | None = None


Handler = Callable[[Request], Awaitable[Response]]


def json_response(status: int, value: Any) -> Response:
    return Response(status, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def require_loopback(host: str) -> None:
    address = "127.0.0.1" if host == "localhost" else host
    if not ipaddress.ip_address(address).is_loopback:
        raise ValueError(f"the simulator listens on loopback only, not on {host}")


class Server:
    def __init__(self, host: str, port: int, handler: Handler) -> None:
        require_loopback(host)
        self.host = host
        self.port = port
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        if self.port:
            await self._listen(self.port)
            return
        for _ in range(PORT_TRIES):
            with contextlib.suppress(OSError):
                await self._listen(FIRST_FREE_PORT + secrets.randbelow(FREE_PORTS))
                return
        raise OSError("no free port found")

    async def _listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, port, limit=HEAD_LIMIT)
        self.port = port

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            while await self._answer_one(reader, writer):
                pass
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            request = await read_request(reader)
        except BadRequest as error:
            await _write(writer, json_response(400, {"error": str(error)}), keep=False)
            return False
        if not _is_local(request):
            await _write(writer, json_response(403, {"error": "loopback only"}), keep=False)
            return False
        try:
            response = await self._handler(request)
        except ResetConnection:
            _reset(writer)
            return False
        except NeverAnswer:
            await reader.read()
            return False
        keep = request.headers.get("connection", "").lower() != "close" and response.stream is None
        await _write(writer, response, keep)
        return keep


def _is_local(request: Request) -> bool:
    """A web page elsewhere must not reach us through the visitor's browser: neither by DNS tricks nor by a form."""
    host = request.headers.get("host", "")
    if (urlsplit(f"//{host}").hostname or "") not in LOOPBACK_NAMES:
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == host


async def read_request(reader: asyncio.StreamReader) -> Request:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.LimitOverrunError as error:
        raise BadRequest("headers too large") from error
    try:
        method, target, _ = head[0].split(" ", 2)
    except ValueError as error:
        raise BadRequest("not an HTTP request line") from error
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await _read_body(reader, headers)
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(method.upper(), unquote(parts.path), target, query, headers, body)


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        parts: list[bytes] = []
        while size := int((await reader.readline()).split(b";")[0], 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
            if sum(map(len, parts)) > BODY_LIMIT:
                raise BadRequest("body too large")
        await reader.readline()
        return b"".join(parts)
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY_LIMIT:
        raise BadRequest("body too large")
    return await reader.readexactly(int(length))


async def _write(writer: asyncio.StreamWriter, response: Response, keep: bool) -> None:
    status = HTTPStatus(response.status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Type: {response.content_type}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if response.stream is None:
        lines.append(f"Content-Length: {len(response.body)}")
    lines.append(f"Connection: {'keep-alive' if keep else 'close'}")
    writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)
    await writer.drain()
    if response.stream is not None:
        async for piece in response.stream:
            writer.write(piece)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None:
        # Lingering for zero seconds makes close() send RST instead of FIN.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport = writer.transport
    transport.abort()


def multipart_fields(request: Request) -> tuple[Json, dict[str, tuple[str, str, bytes]]]:
    """Ordinary fields, and files as (name, type, bytes)."""
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('" ')
    fields: Json = {}
    files: dict[str, tuple[str, str, bytes]] = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        marks = {}
        for mark in headers.get("content-disposition", "").split(";"):
            label, _, value = mark.strip().partition("=")
            marks[label] = value.strip('"')
        if "filename" in marks:
            kind = headers.get("content-type", "application/octet-stream")
            files[marks["name"]] = (marks["filename"], kind, content)
        else:
            fields[marks["name"]] = content.decode("utf-8", "replace")
    return fields, files
