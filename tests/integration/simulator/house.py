"""A simulator with a receiver behind it, and the comparison of shapes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3

from hunfly_box import simulator

RECORDED = Path(__file__).parents[2] / "fixtures" / "evolution"
OWNER = "5511999990000"
MARIA = "5511888880000"
MARIA_LID = "222333444555666"
GROUP = "120363000000000001@g.us"
SECRETS = {"X-Appliance-Secret": "s3cr3t", "jwt_key": "jwt-secret-0123456789-0123456789"}


@dataclass
class Hook:
    """A webhook receiver; `answers` decides the status by event."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    answers: Callable[[dict[str, Any]], int] = lambda body: 200
    url: str = ""

    def events(self, name: str) -> list[dict[str, Any]]:
        return [one["body"] for one in self.requests if one["body"]["event"] == name]

    def wait_for(self, name: str, count: int = 1, seconds: float = 5) -> list[dict[str, Any]]:
        until = time.monotonic() + seconds
        while len(found := self.events(name)) < count:
            assert time.monotonic() < until, f"{count} × {name} awaited, seen {self.seen()}"
            time.sleep(0.005)
        return found

    def seen(self) -> list[str]:
        return [one["body"]["event"] for one in self.requests]


def start_hook() -> tuple[Hook, ThreadingHTTPServer]:
    hook = Hook()

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(raw)
            hook.requests.append(
                {"path": self.path, "headers": self.headers.items(), "body": body, "at": time.monotonic()}
            )
            self.send_response(hook.answers(body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    hook.url = f"http://127.0.0.1:{server.server_port}/hook"
    return hook, server


class House:
    """The recorded cast: number `bai2`, Maria Cliente with her LID, the test group."""

    def __init__(self, sim: simulator.Simulator, hook: Hook) -> None:
        self.sim = sim
        self.hook = hook
        self.name = "bai2"
        self._http = urllib3.PoolManager(retries=False)

    def close(self) -> None:
        self._http.clear()

    def people(self, lid: bool = False) -> None:
        fields = {"lid": MARIA_LID} if lid else {}
        self.maria = self.sim.add_contact("Maria Cliente", number=MARIA, picture=True, **fields)
        self.sim.command("add_group", subject="Test group", members=[self.maria], jid=GROUP)

    def link(self, **webhook: Any) -> None:
        self.sim.create_instance(self.name, webhook={"url": self.hook.url, "headers": SECRETS, **webhook})
        self.sim.scan(self.name, number=OWNER, name="Appliance Test")

    def told(self, event: str | None = None) -> list[dict[str, Any]]:
        """What the engine sent, in the order it made it: on their way webhooks overtake each other, of one kind too."""
        bodies = (json.loads(one.body) for one in self.sim.deliveries(attempt="1"))
        return [body for body in bodies if event in (None, body["event"])]

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        headers = {"apikey": self.sim.api_key if key is None else key}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        answer = self._http.request(method, self.sim.url + path, body=data, headers=headers, timeout=20)
        return answer.status, json.loads(answer.data)

    def send_text(self, text: str, number: str = MARIA, **more: Any) -> tuple[int, Any]:
        body = {"number": number, "text": text, **more}
        return self.call("POST", f"/message/sendText/{self.name}", body)


def shape(value: Any) -> Any:
    """Keys and types. Bytes as index objects and longs are types of their own; null may stand for anything."""
    if isinstance(value, dict):
        if set(value) == {"low", "high", "unsigned"}:
            return "long"
        if len(value) > 3 and all(key.isdigit() for key in value):
            return "bytes"
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return None if value is None else type(value).__name__


def differences(recorded: Any, ours: Any, path: str = "") -> list[str]:
    if recorded is None or ours is None or recorded == ours:
        return []
    if isinstance(recorded, dict) and isinstance(ours, dict):
        found = [f"{path}.{key} only recorded" for key in recorded.keys() - ours.keys()]
        found += [f"{path}.{key} only ours" for key in ours.keys() - recorded.keys()]
        for key in recorded.keys() & ours.keys():
            found += differences(recorded[key], ours[key], f"{path}.{key}")
        return found
    if isinstance(recorded, list) and isinstance(ours, list):
        if recorded and ours:
            return differences(recorded[0], ours[0], f"{path}[]")
        return []
    return [f"{path}: recorded {recorded}, ours {ours}"]


def recorded(folder: str, name: str) -> Any:
    return json.loads((RECORDED / folder / name).read_text("utf-8"))
