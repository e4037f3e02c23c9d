"""The ingest path in one process without a network: webhooks go in as ASGI calls, rows are read back as the tenant."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.ingest.batch import Batcher
from hunfly_box.ingest.connection import IngestConnection
from hunfly_box.ingest.receiver import PATH, Receiver
from hunfly_box.ingest.routes import Channel, Routes
from hunfly_box.ingest.spill import Spill
from hunfly_box.ingest.spill_file import SpillFile
from hunfly_box.ingest.storing import Stored, Storer
from hunfly_box.kit.database import Database, Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.paths import DataFolder
from hunfly_box.kit.redis import connect_async

SECRETS = {
    "hmac": "hmac-secret",
    "header_name": "X-Box",
    "header_value": "header-secret",
    "jwt_key": "jwt-secret",
    "api_key": "k",
}


def add_channel(
    resources: Resources,
    tenant_id: UUID,
    instance: str,
    secrets: dict[str, Any] | None = None,
    route_key: str | None = None,
) -> UUID:
    channel_id = new_id()
    sealed = resources.sealer.seal(
        json.dumps(secrets or SECRETS).encode(), f"channels.secrets/{tenant_id}/{channel_id}"
    )
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        tx.execute(
            "INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets, state)"
            " VALUES (:tenant, :id, :name, 'evolution', :name, 'http://127.0.0.1:1', :route, :secrets, 'open')",
            tenant=tenant_id,
            id=channel_id,
            name=instance,
            route=route_key or new_id().hex,
            secrets=sealed,
        )
    return channel_id


def signature(body: bytes, secret: str = SECRETS["hmac"]) -> tuple[bytes, bytes]:
    return b"x-webhook-signature", hmac.digest(secret.encode(), body, "sha256").hex().encode()


def bearer(key: str = "jwt-secret", **claims: Any) -> tuple[bytes, bytes]:
    told = {"iat": int(time.time()), "exp": int(time.time()) + 600, "app": "evolution", "action": "webhook", **claims}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, told)
    ]
    signed = b".".join(parts)
    proof = base64.urlsafe_b64encode(hmac.digest(key.encode(), signed, "sha256")).rstrip(b"=")
    return b"authorization", b"Bearer " + signed + b"." + proof


@dataclass
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


@dataclass
class Ingest:
    """Everything between the socket and the tables. Use inside one event loop."""

    resources: Resources
    database: Database
    receiver: Receiver
    batcher: Batcher
    spill: Spill
    stored: list[Stored] = field(default_factory=list)
    typing: list[Any] = field(default_factory=list)

    async def close(self) -> None:
        await self.batcher.stop()
        await self.spill.close()
        self.database.close()

    async def post(self, body: bytes, *headers: tuple[bytes, bytes], path: str = PATH, method: str = "POST") -> Answer:
        sent: list[dict[str, Any]] = []
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return given.pop(0) if given else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(b"content-length", b"%d" % len(body)), *headers],
        }
        await self.receiver(scope, receive, send)
        return Answer(sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"])

    async def deliver(self, payload: Any) -> int:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return (await self.post(body, signature(body))).status

    async def deliver_all(self, payloads: Iterable[Any]) -> list[int]:
        return list(await asyncio.gather(*(self.deliver(payload) for payload in payloads)))


async def open_ingest(resources: Resources, *, url: str | None = None, redis_url: str | None = None) -> Ingest:
    database = Database(resources.logins.ingest, pool_size=1)
    routes = Routes(database, resources.sealer)
    routes.refresh()
    stored: list[Stored] = []
    typing: list[tuple[Channel, Any]] = []
    storer = Storer(IngestConnection(url or resources.logins.ingest), stored.append, lambda tenant_id: True)
    if url is None:
        await storer.connection.open()
    file = SpillFile(DataFolder(resources.settings.data_dir).spill)
    spill = Spill(connect_async(redis_url or resources.redis_url), file)
    batcher = Batcher(storer, spill)
    batcher.start()
    receiver = Receiver(routes, batcher, lambda channel, event: typing.append((channel, event)))
    return Ingest(resources, database, receiver, batcher, spill, stored, typing)


def run(resources: Resources, scenario: Any) -> Any:
    """Runs `scenario(ingest)` with a fresh path and closes it."""

    async def main() -> Any:
        ingest = await open_ingest(resources)
        try:
            return await scenario(ingest)
        finally:
            await ingest.close()

    return asyncio.run(main())


def upsert(
    instance: str, chat: str, id_: str, text: str, *, at: int = 1_790_000_000, name: str | None = "Maria", **more: Any
) -> dict[str, Any]:
    key = {"remoteJid": chat, "fromMe": more.pop("from_me", False), "id": id_, **more.pop("key", {})}
    return {
        "event": more.pop("event", "messages.upsert"),
        "instance": instance,
        "data": {
            "key": key,
            "pushName": name,
            "message": more.pop("message", {"conversation": text}),
            "messageType": "conversation",
            "messageTimestamp": at,
            **more,
        },
        "apikey": "NEVER-STORED",
    }


def status(instance: str, id_: str, word: str, chat: str = "5511999990001@s.whatsapp.net") -> dict[str, Any]:
    data = {"keyId": id_, "remoteJid": chat, "fromMe": True, "status": word, "messageId": "row"}
    return {"event": "messages.update", "instance": instance, "data": data}


def rows(resources: Resources, tenant_id: UUID, sql: str, **params: Any) -> list[dict[str, Any]]:
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        return tx.all(dict, sql, **params)
