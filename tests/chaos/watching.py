"""A program on the live stream: reconnects with its last cursor, drops what it has by (kind, id, version)."""

import contextlib
import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3

from tests.chaos.world import Shop

RECONNECT_SECONDS = 0.25
READ_SECONDS = 20.0


@dataclass
class Watcher:
    """`held` is what a screen would show; `statuses` every status of a message in the order it was believed."""

    url: str
    shop: Shop
    rest_url: str = ""
    reconnect_seconds: float = RECONNECT_SECONDS
    cursor: str = ""
    held: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, list[str]] = field(default_factory=dict)
    appeared: dict[str, int] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    connections: int = 0
    dropped: int = 0
    resets: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def start(self) -> None:
        self._stopping = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(2)
        self._thread.join(READ_SECONDS + 5)
        assert not self.errors, self.errors

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read()
            except (OSError, http.client.HTTPException):
                pass
            except Exception as error:  # noqa: BLE001  the test's thread must hear why
                self.errors.append(f"{type(error).__name__}: {error}")
                return
            self._stopping.wait(self.reconnect_seconds)

    def _read(self) -> None:
        split = urlsplit(self.url)
        connection = self._connection = http.client.HTTPConnection(
            split.hostname or "", split.port, timeout=READ_SECONDS
        )
        try:
            connection.request(
                "GET", f"/live?since={self.cursor}" if self.cursor else "/live", headers=self.shop.headers
            )
            answer = connection.getresponse()
            if answer.status != 200:
                if answer.status in (401, 403, 404):
                    raise AssertionError(f"the stream answered {answer.status}")
                return
            self.connections += 1
            waiting = b""
            while not self._stopping.is_set():
                piece = answer.read1(65536)
                if not piece:
                    return
                waiting += piece
                # A frame that was cut is no frame.
                *frames, waiting = waiting.split(b"\n\n")
                for frame in frames:
                    self._take(frame)
        finally:
            connection.close()

    def _take(self, frame: bytes) -> None:
        name, data, cursor = "message", "", ""
        for line in frame.decode().split("\n"):
            field_name, _, value = line.partition(": ")
            if field_name == "event":
                name = value
            elif field_name == "data":
                data = value
            elif field_name == "id":
                cursor = value
        if data:
            self._apply(name, json.loads(data))
        if cursor:
            self.cursor = cursor

    def _apply(self, name: str, data: dict[str, Any]) -> None:
        if name == "reset":
            self.resets.append(data["reason"])
            self.read_everything()
            self.cursor = data["cursor"]
        elif name == "message.status":
            self._status(data)
        elif name in ("message", "conversation", "channel"):
            self._object(name, data)
        elif name == "conversation.gone":
            self.held.pop(("conversation", data["id"]), None)

    def _object(self, kind: str, data: dict[str, Any]) -> None:
        held = self.held.get((kind, data["id"]))
        if held is not None and held["version"] >= data["version"]:
            self.dropped += 1
            return
        if kind == "message":
            if held is None:
                self.appeared[data["id"]] = self.appeared.get(data["id"], 0) + 1
                self.heard[data["id"]] = time.monotonic()
            self.seen.add(data["text"] or "")
            self._climb(data["id"], data["status"])
        self.held[(kind, data["id"])] = data

    def _status(self, data: dict[str, Any]) -> None:
        held = self.held.get(("message", data["id"]))
        if held is None or held["version"] >= data["version"]:
            self.dropped += 1
            return
        self._climb(data["id"], data["status"])
        known = {name: data[name] for name in ("status", "provider_id", "version", "error")}
        self.held[("message", data["id"])] = {**held, **known}

    def _climb(self, message_id: str, status: str | None) -> None:
        if status is not None:
            climbed = self.statuses.setdefault(message_id, [])
            if not climbed or climbed[-1] != status:
                climbed.append(status)

    def read_everything(self) -> None:
        """What a program does when its cursor is of no use: reads everything again."""
        base = self.rest_url or self.url
        for conversation in _pages(base, self.shop, "/api/v1/conversations"):
            self._object("conversation", conversation)
            for message in _pages(base, self.shop, f"/api/v1/conversations/{conversation['id']}/messages"):
                self._object("message", message)


def _pages(base: str, shop: Shop, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        query = f"?limit=200&cursor={cursor}" if cursor else "?limit=200"
        answer = urllib3.request("GET", base + path + query, headers=shop.headers, retries=False, timeout=10)
        if answer.status != 200:
            raise OSError(f"{path} answered {answer.status}")
        page = answer.json()
        found += page["items"]
        cursor = page["next"]
        if not cursor:
            return found
