"""A live stream without a network: what the handler sends is read as frames."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hunfly_box.access.commands.tokens import create_token
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox.live import Live
from tests.cast import Person
from tests.conftest import Box


def token(box: Box, person: Person) -> str:
    assert person.tenant_id is not None
    with box.resources.control.transaction() as tx:
        return create_token(tx, person.tenant_id, person.id)


@dataclass
class Client:
    """One open stream. `frames` grows as events come."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    raw: bytes = b""
    is_over: bool = False
    task: "asyncio.Task[None] | None" = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def frames(self) -> list[tuple[str, dict[str, Any], str | None]]:
        found = []
        for block in self.raw.decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
            if "event" in lines:
                found.append((lines["event"], json.loads(lines["data"]), lines.get("id")))
        return found

    def of(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data, _ in self.frames if name == event]

    async def until(self, seen: Callable[["Client"], bool], seconds: float = 5.0) -> None:
        for _ in range(int(seconds / 0.01)):
            if seen(self):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"not seen; the stream holds {[(name, data) for name, data, _ in self.frames]}")

    async def close(self) -> None:
        self.gone.set()
        if self.task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self.task


async def connect(live: Live, authorization: str | None, since: str | None = None, cookie: str | None = None) -> Client:
    client = Client()
    first = True

    async def receive() -> dict[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await client.gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            client.status = message["status"]
            client.headers = dict(message["headers"])
            return
        client.raw += message["body"]
        client.is_over = not message.get("more_body", False)

    headers = [(b"authorization", f"Bearer {authorization}".encode())] if authorization else []
    headers += [(b"cookie", cookie.encode())] if cookie else []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/live",
        "headers": headers,
        "query_string": f"since={since}".encode() if since else b"",
    }
    client.task = asyncio.get_running_loop().create_task(live(scope, receive, send))  # type: ignore[arg-type]
    await client.until(lambda one: one.status != 0)
    if client.status == 200:
        await client.until(lambda one: bool(one.of("hello")))
    return client


def run(resources: Resources, scenario: Callable[[Live], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        resources.hub.is_closing = False
        live = Live(resources, **options)
        live.start()
        try:
            await scenario(live)
        finally:
            await live.stop()
            resources.hub.show_soon = None
            resources.hub.streams.clear()

    asyncio.run(main())


def conversation_with_message(
    box: Box, tenant_id: UUID, text: str, assignee: UUID | None = None
) -> tuple[UUID, UUID, UUID]:
    """Channel, conversation, message; committed, not announced."""
    from hunfly_box.kit.database import Scope
    from hunfly_box.kit.ids import new_id

    channel, contact, conversation, message = new_id(), new_id(), new_id(), new_id()
    values = {
        "ch": channel,
        "k": contact,
        "v": conversation,
        "m": message,
        "text": text,
        "who": assignee,
        "key": channel.hex,
    }
    with box.resources.database.transaction(Scope.system(tenant_id)) as tx:
        for sql in (
            "INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets)"
            " VALUES (app.tenant_id(), :ch, 'n', 'evolution', :key, 'http://x', :key, 'x')",
            "INSERT INTO app.contacts (tenant_id, id, push_name) VALUES (app.tenant_id(), :k, 'Maria')",
            "INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id, assignee_id, last_message_id, last_message_at)"
            " VALUES (app.tenant_id(), :v, :ch, :k, :who, :m, now())",
            "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, author_id, text, sent_at)"
            " VALUES (app.tenant_id(), :m, :v, :ch, 'in', 'text', 'contact', :k, :text, now())",
        ):
            tx.execute(sql, **values)
    return channel, conversation, message
