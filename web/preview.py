"""Shows the pages with sample data, without database or servers: `python web/preview.py [port]`.

For work on templates, styles and browser code. It answers the calls of the inbox from memory, plays a live stream,
and can be told to misbehave: a text with "falha" is refused, `POST /dev/*` makes things happen.
"""

import json
import queue
import re
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT.parent), str(ROOT)]

import preview_data as sample  # noqa: E402

from hunfly_box.kit.rich_text import is_plain  # noqa: E402
from hunfly_box.kit.templates import Templates, Viewer  # noqa: E402

TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
PAGE = 50

templates = Templates()
conversations = [sample.conversation(index) for index in range(120)]
threads: dict[str, list[dict[str, Any]]] = {item["id"]: [item["last_message"]] for item in conversations}
threads[conversations[0]["id"]] = sample.every_type(conversations[0])
answered: dict[str, dict[str, Any]] = {}
streams: list["queue.Queue[tuple[str, dict[str, Any]]]"] = []


def version() -> int:
    return time.time_ns() // 1000


def find(identifier: str) -> dict[str, Any]:
    return next(item for item in conversations if item["id"] == identifier)


def publish(name: str, data: dict[str, Any]) -> None:
    for stream in streams:
        stream.put((name, data))


def publish_message(message: dict[str, Any]) -> None:
    data = dict(message)
    if message["type"] != "text" or not is_plain(message["text"] or "") or message["quoted"] or message["reactions"]:
        data["html"] = templates.macro("_chat.html", "bubble", Viewer(), message)
    publish("message", data)


def add_message(identifier: str, message: dict[str, Any]) -> None:
    conversation = find(identifier)
    message["version"] = conversation["version"] = version()
    threads[identifier].append(message)
    conversation["last_message"] = message
    if message["direction"] == "in":
        conversation["inbound_count"] += 1
    publish_message(message)
    publish("conversation", conversation)


def listed(query: dict[str, str]) -> list[dict[str, Any]]:
    status = query.get("status", "open")
    rows = [item for item in conversations if status in ("any", item["status"])]
    if query.get("tab") == "mine":
        rows = [item for item in rows if item["assignee"] and item["assignee"]["id"] == sample.ME["id"]]
    if query.get("tab") == "none":
        rows = [item for item in rows if not item["assignee"]]
    if words := query.get("q", "").lower():
        rows = [item for item in rows if words in item["contact"]["name"].lower()]
    if channel := query.get("channel"):
        rows = [item for item in rows if item["channel_id"] == channel]
    return sorted(rows, key=lambda item: str(item["last_message"]["sent_at"]), reverse=True)


def list_context(query: dict[str, str]) -> dict[str, Any]:
    rows = listed(query)
    start = int(query.get("cursor") or 0)
    following = start + PAGE if len(rows) > start + PAGE else None
    counts = {tab: len(listed({**query, "tab": tab})) for tab in ("mine", "none", "all")}
    return {
        "conversations": rows[start : start + PAGE],
        "next_cursor": str(following) if following else None,
        "seen": {item["id"]: item["inbound_count"] - (index % 4 == 0) * 2 for index, item in enumerate(conversations)},
        "drafts": {conversations[3]["id"]: "Ainda estou vendo com a"},
        "counts": counts,
        "filters": {
            "status": query.get("status", "open"),
            "tab": query.get("tab", "all"),
            "channel": query.get("channel"),
            "label": query.get("label"),
            "q": query.get("q"),
        },
        "channels": sample.CHANNELS,
        "labels": sample.LABELS,
        "users": sample.USERS,
        "cursor": str(version()),
        "limits": {"media_bytes": 16 * 1024 * 1024, "document_bytes": 100 * 1024 * 1024},
        "conversation": None,
    }


def pane_context(identifier: str) -> dict[str, Any]:
    conversation = find(identifier)
    contact = conversation["contact"]
    messages = threads[identifier]
    return {
        "conversation": conversation,
        "messages": messages[-60:],
        "has_more": len(messages) > 60,
        "pane_seen": conversation["inbound_count"] - 2,
        "draft": None,
        "channel": next(item for item in sample.CHANNELS if item["id"] == conversation["channel_id"]),
        "contact": {
            **contact,
            "identities": [{"kind": "phone", "value": contact["phone"]}],
            "attributes": {"Cidade": "Belo Horizonte", "Cliente desde": "mar. 2025"},
            "labels": [],
        },
        "notes": [item for item in messages if item["type"] == "note"],
        "media": [item for item in messages if item["type"] == "image" and item["media"]["state"] == "ready"],
        "rounds": [{"opened_at": sample.at(9000), "resolved_at": sample.at(8000), "by": "Camila Prado"}],
        "channels": sample.CHANNELS,
        "labels": sample.LABELS,
        "users": sample.USERS,
        "cursor": str(version()),
    }


FRAME: dict[str, Any] = {
    "me": sample.ME,
    "tenant": {"id": sample.new_id(8), "name": "Ateliê Doce Encanto", "slug": "doce"},
    "csrf": "sample",
    "theme": "light",
    "page": "inbox",
    "may": ["inbox", "channels", "journal"],
    "preferences": {"sound": "soft", "desktop": False, "private": False, "single_keys": True},
}


Query = dict[str, str]


def frame(query: Query) -> dict[str, Any]:
    return {**FRAME, "theme": query.get("theme", "light")}


class Preview(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        viewer = Viewer(locale=query.get("locale", "pt_BR"))
        for pattern, answer in PAGES.items():
            if found := re.fullmatch(pattern, url.path):
                answer(self, viewer, query, *found.groups())
                return
        self.send_json({"code": "not_found", "detail": url.path}, 404)

    def static(self, _viewer: Viewer, _query: Query, name: str) -> None:
        self.send_file(templates.static_dir / name)

    def login(self, viewer: Viewer, query: Query) -> None:
        context = {**frame(query), "page": "", "error": query.get("error"), "email": query.get("email")}
        self.send_page(templates.page("access/login.html", viewer, **context, next="/inbox"))

    def inbox(self, viewer: Viewer, query: Query) -> None:
        self.send_page(templates.page("inbox/index.html", viewer, **frame(query), **list_context(query)))

    def conversation(self, viewer: Viewer, query: Query, identifier: str) -> None:
        pane = pane_context(identifier)
        if self.headers.get("X-Pane"):
            self.send_page(templates.page("inbox/pane.html", viewer, **frame(query), **pane))
        else:
            context = {**frame(query), **list_context(query), **pane}
            self.send_page(templates.page("inbox/index.html", viewer, **context))

    def rows(self, viewer: Viewer, query: Query) -> None:
        self.send_page(templates.page("inbox/rows.html", viewer, **list_context(query)))

    def some_rows(self, viewer: Viewer, query: Query) -> None:
        wanted = [find(item) for item in query["ids"].split(",")]
        context = {**list_context({}), "conversations": wanted, "next_cursor": None, "counts": None}
        self.send_page(templates.page("inbox/rows.html", viewer, **context))

    def older(self, viewer: Viewer, query: Query, identifier: str) -> None:
        messages = threads[identifier]
        position = next(index for index, item in enumerate(messages) if item["id"] == query["before"])
        start = max(0, position - int(query["n"]))
        html = templates.page("inbox/messages.html", viewer, messages=messages[start:position])
        self.send_page(html, {"X-More": "1"} if start else {})

    def changes(self, viewer: Viewer, query: Query, identifier: str) -> None:
        news = [item for item in threads[identifier] if item["version"] > int(query["since"])]
        self.send_page(templates.page("inbox/messages.html", viewer, messages=news))

    def counts(self, _viewer: Viewer, query: Query) -> None:
        self.send_json(list_context(query)["counts"])

    def found(self, _viewer: Viewer, _query: Query) -> None:
        self.send_json({"items": [item["contact"] | {"id": item["id"]} for item in conversations[:20]]})

    def live(self, _viewer: Viewer, _query: Query) -> None:
        self.stream()

    def do_POST(self) -> None:
        body = self.body()
        path = self.path
        if found := re.fullmatch(r"/api/v1/conversations/([0-9a-f-]{36})/messages", path):
            self.receive_message(found[1], body)
        elif path == "/api/v1/media":
            self.send_json({"id": sample.new_id(6), "mime": "image/png", "name": "x.png", "size": 1}, 201)
        elif path == "/ui/numbers":
            self.send_json(
                {"phone": body["phone"], "on_whatsapp": not body["phone"].endswith("0000"), "conversation_id": None}
            )
        elif path == "/api/v1/messages":
            self.send_json({**conversations[1]["last_message"]}, 201)
        elif found := re.fullmatch(r"/api/v1/messages/([0-9a-f-]{36})/deliveries", path):
            self.change_message(found[1], status="queued")
        elif path.startswith("/dev/"):
            self.make_happen(path.removeprefix("/dev/"), body)
        else:
            self.send_json(None, 204)

    def do_PATCH(self) -> None:
        body = self.body()
        if found := re.fullmatch(r"/api/v1/conversations/([0-9a-f-]{36})", self.path):
            conversation = find(found[1])
            if "assignee_id" in body:
                chosen = [user for user in sample.USERS if user["id"] == body["assignee_id"]]
                conversation["assignee"] = chosen[0] if chosen else None
            if "labels" in body:
                conversation["labels"] = [item for item in sample.LABELS if item["id"] in body["labels"]]
            if "status" in body:
                conversation["status"] = body["status"]
            conversation["version"] = version()
            publish("conversation", conversation)
            self.send_json(conversation)
        elif found := re.fullmatch(r"/api/v1/messages/([0-9a-f-]{36})", self.path):
            self.change_message(found[1], text=body["text"], edited_at=sample.at(0))
        else:
            self.send_json({})

    def do_PUT(self) -> None:
        body = self.body()
        if found := re.fullmatch(r"/api/v1/messages/([0-9a-f-]{36})/reaction", self.path):
            self.change_message(found[1], reactions=[{"emoji": body["emoji"], "by": "us"}])
        else:
            self.send_json(None, 204)

    def do_DELETE(self) -> None:
        if found := re.fullmatch(r"/api/v1/messages/([0-9a-f-]{36})", self.path):
            self.change_message(found[1], deleted_at=sample.at(0))
        elif found := re.fullmatch(r"/api/v1/messages/([0-9a-f-]{36})/reaction", self.path):
            self.change_message(found[1], reactions=[])
        else:
            self.send_json(None, 204)

    def receive_message(self, identifier: str, body: dict[str, Any]) -> None:
        key = self.headers["Idempotency-Key"]
        if "falha" in (body.get("text") or ""):
            self.send_json({"code": "validation", "detail": "O servidor recusou."}, 422)
            return
        if key not in answered:
            fields = {"type": body["type"], "text": body.get("text"), "status": "queued", "cid": key}
            if body.get("quoted_id"):
                source = next(item for item in threads[identifier] if item["id"] == body["quoted_id"])
                fields["quoted"] = {
                    "id": source["id"],
                    "text": source["text"],
                    "author": source["author"]["name"],
                    "type": source["type"],
                }
            if body.get("media_id"):
                fields["media"] = sample.media("image/png", "/static/img/map.svg", width=640, height=480)
            message = sample.message(find(identifier), "out", 0, **fields)
            message["sent_at"] = datetime.now(UTC).isoformat()
            if message["type"] == "note":
                message["status"] = None
            answered[key] = message
            add_message(identifier, message)
            if message["status"]:
                threading.Thread(target=self.climb, args=(message,), daemon=True).start()
        self.send_json(answered[key], 201)

    @staticmethod
    def climb(message: dict[str, Any]) -> None:
        for status in ("sending", "sent", "delivered", "read"):
            time.sleep(0.4)
            message.update(status=status, version=version())
            names = ("id", "conversation_id", "provider_id", "status", "version")
            publish("message.status", {name: message[name] for name in names})

    def change_message(self, identifier: str, **fields: Any) -> None:
        for messages in threads.values():
            for message in messages:
                if message["id"] == identifier:
                    message.update(version=version(), **fields)
                    publish("message", {**message, "html": templates.macro("_chat.html", "bubble", Viewer(), message)})
                    self.send_json(message)
                    return
        self.send_json({"code": "not_found"}, 404)

    def make_happen(self, what: str, body: dict[str, Any]) -> None:
        target = conversations[body.get("conversation", 0)]
        if what == "incoming":
            for number in range(body.get("count", 1)):
                message = sample.message(target, "in", 0, text=body.get("text", f"Mensagem {number}"))
                sent_at = datetime.now(UTC) - timedelta(seconds=body.get("seconds_ago", 0))
                message["sent_at"] = sent_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                add_message(target["id"], message)
        elif what == "fill":
            many = [
                sample.message(target, "in" if n % 3 else "out", 9000 - n, text=f"Linha {n}")
                for n in range(body["count"])
            ]
            threads[target["id"]] = many
        elif what == "event":
            publish(body["name"], body["data"])
        elif what == "cut":
            for stream in streams:
                stream.put(("cut", {}))
        self.send_json(None, 204)

    def stream(self) -> None:
        mine: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        streams.append(mine)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            self.say("hello", {"version": "0", "build": templates.build, "cursor": "0"})
            while True:
                try:
                    name, data = mine.get(timeout=15)
                except queue.Empty:
                    name, data = "ping", {}
                if name == "cut":
                    return
                self.say(name, data)
        except OSError:
            return
        finally:
            streams.remove(mine)
            self.close_connection = True

    def say(self, name: str, data: dict[str, Any]) -> None:
        text = f"id: {version()}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
        self.wfile.write(text.encode())
        self.wfile.flush()

    def body(self) -> dict[str, Any]:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not raw or "json" not in self.headers.get("Content-Type", ""):
            return {}
        return dict(json.loads(raw))

    def send_file(self, file: Path) -> None:
        if not file.is_file():
            self.send_json({"code": "not_found"}, 404)
            return
        self.send_bytes(file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"), 200, {})

    def send_page(self, html: str, headers: dict[str, str] | None = None) -> None:
        policy = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        self.send_bytes(html.encode(), "text/html; charset=utf-8", 200, {**policy, **(headers or {})})

    def send_json(self, data: Any, status: int = 200) -> None:
        body = b"" if status == 204 else json.dumps(data).encode()
        self.send_bytes(body, "application/json", status, {})

    def send_bytes(self, body: bytes, kind: str, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


ID = "([0-9a-f-]{36})"
PAGES = {
    "/static/(.+)": Preview.static,
    "/login": Preview.login,
    "/live": Preview.live,
    "/|/inbox": Preview.inbox,
    "/inbox/list": Preview.rows,
    "/inbox/rows": Preview.some_rows,
    f"/inbox/{ID}": Preview.conversation,
    f"/inbox/{ID}/older": Preview.older,
    f"/inbox/{ID}/changes": Preview.changes,
    "/ui/counts": Preview.counts,
    "/ui/conversations/find": Preview.found,
}


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8770
    print(f"http://127.0.0.1:{port}/inbox")  # noqa: T201
    ThreadingHTTPServer(("127.0.0.1", port), Preview).serve_forever()
