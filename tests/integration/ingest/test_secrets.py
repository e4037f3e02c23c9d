"""What proves a sender, what is kept of a delivery, and that nothing secret is written anywhere."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from hunfly_box.ingest import proof, receiver
from hunfly_box.ingest.receiver import PATH
from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.paths import DataFolder
from tests.conftest import Box
from tests.integration.ingest.conftest import Read
from tests.integration.ingest.harness import SECRETS, Ingest, add_channel, bearer, open_ingest, run, signature, upsert

pytestmark = pytest.mark.services

CHAT = "5511966660000@s.whatsapp.net"
CANARY = "c4n4ry-of-the-engine"
# Every key of the engine's that opens something, and a file in the body itself.
PLANTED = {
    "apikey": CANARY,
    "mediaKey": {str(n): byte for n, byte in enumerate(CANARY.encode())},
    "messageSecret": [*CANARY.encode()],
    "base64": "iVBORw0KGgo" + CANARY,
    "appStateSyncKeyShare": {"keys": [{"keyData": {"keyData": CANARY}}]},
    "token": CANARY,
    "hash": CANARY,
}


def body_for(instance: str, text: str = "oi") -> bytes:
    return json.dumps(upsert(instance, CHAT, new_id().hex, text)).encode()


def test_the_bytes_as_they_came_are_signed_and_not_what_they_mean(box: Box, instance: str) -> None:
    """A receiver that parsed and wrote the body anew before it checked would fail here."""
    meant = upsert(instance, CHAT, "RAW", "ação 👍")
    spellings = [
        json.dumps(meant, ensure_ascii=True).encode(),
        json.dumps(meant, ensure_ascii=False).encode(),
        json.dumps(meant, indent=2).encode(),
        json.dumps(meant, separators=(",", ":"), sort_keys=True).encode(),
        b" " + json.dumps(meant).encode() + b"\r\n",
    ]

    async def scenario(ingest: Ingest) -> None:
        for shown in spellings:
            for signed in spellings:
                expected = 200 if shown == signed else 401
                assert (await ingest.post(shown, signature(signed))).status == expected

    run(box.resources, scenario)


def test_while_secrets_rotate_nobody_is_refused_and_afterwards_the_old_one_is(box: Box) -> None:
    """Deliveries by both secrets go on while the row is changed under the running receiver."""
    old, new = {**SECRETS, "hmac": "old"}, {**SECRETS, "hmac": "new"}
    channel = add_channel(box.resources, box.cast.tenant_a, "turning", old)
    until = time.time() + 1.5

    def write(secrets: dict[str, Any]) -> None:
        place = f"channels.secrets/{box.cast.tenant_a}/{channel}"
        with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
            sealed = box.resources.sealer.seal(json.dumps(secrets).encode(), place)
            tx.execute("UPDATE app.channels SET secrets = :sealed WHERE id = :id", id=channel, sealed=sealed)

    async def scenario(ingest: Ingest) -> None:
        async def post(secret: str) -> int:
            body = body_for("turning")
            return (await ingest.post(body, signature(body, secret))).status

        assert await asyncio.gather(*[post("old") for _ in range(25)]) == [200] * 25
        await asyncio.to_thread(write, {**new, "previous": {**old, "until": until}})
        both = [post(secret) for _ in range(25) for secret in ("old", "new")]
        assert await asyncio.gather(*both) == [200] * 50
        await asyncio.sleep(max(0.0, until - time.time()) + 0.1)
        assert await asyncio.gather(post("old"), post("new")) == [401, 200]

    run(box.resources, scenario)


def test_the_old_secret_ends_at_its_time_without_anybody_writing(box: Box) -> None:
    old = {**SECRETS, "hmac": "of-yesterday"}
    with_end = {**SECRETS, "hmac": "of-today", "previous": {**old, "until": time.time() + 1.0}}
    add_channel(box.resources, box.cast.tenant_a, "ending", with_end)

    async def scenario(ingest: Ingest) -> None:
        body = body_for("ending")
        assert (await ingest.post(body, signature(body, "of-yesterday"))).status == 200
        await asyncio.sleep(1.1)
        body = body_for("ending")
        assert (await ingest.post(body, signature(body, "of-yesterday"))).status == 401
        assert (await ingest.post(body, signature(body, "of-today"))).status == 200

    run(box.resources, scenario)


def test_secrets_moved_from_one_channel_to_another_open_neither(box: Box) -> None:
    """Sealed for their row: who can write the table still cannot make one channel trust another's sender."""
    of_a = add_channel(box.resources, box.cast.tenant_a, "swapped-a", {**SECRETS, "hmac": "of-a"})
    of_b = add_channel(box.resources, box.cast.tenant_b, "swapped-b", {**SECRETS, "hmac": "of-b"})
    with box.servers.admin(box.database_name) as admin:
        admin.execute(
            "UPDATE app.channels c SET secrets = o.secrets FROM app.channels o"
            " WHERE c.id = ANY(%s) AND o.id = ANY(%s) AND c.id <> o.id",
            ([of_a, of_b], [of_a, of_b]),
        )

    async def scenario(ingest: Ingest) -> None:
        for instance in ("swapped-a", "swapped-b"):
            body = body_for(instance)
            for secret in ("of-a", "of-b"):
                # Not "no": the engine would give up. "Later", until somebody puts the row right.
                assert (await ingest.post(body, signature(body, secret))).status == 503
        assert ingest.stored == []

    run(box.resources, scenario)
    with box.servers.admin(box.database_name) as admin:
        admin.execute("DELETE FROM app.channels WHERE id = ANY(%s)", ([of_a, of_b],))


def test_a_stranger_costs_as_many_signatures_as_a_customer(
    box: Box, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes equally long tells nobody whether a channel exists or how near a guess was."""
    counted: list[int] = []
    whole = hmac.digest

    def digest(key: bytes, message: bytes, name: str) -> bytes:
        counted.append(len(message))
        return whole(key, message, name)

    async def scenario(ingest: Ingest) -> None:
        body = body_for(instance)
        right, wrong = signature(body), (b"x-webhook-signature", b"0" * 64)
        near = right[1][:-1] + (b"1" if right[1].endswith(b"0") else b"0")
        nobody = body_for("nobody" + "x" * (len(instance) - 6))
        monkeypatch.setattr(proof.hmac, "digest", digest)
        costs = {}
        for name, sent, header, path in (
            ("right", body, right, PATH),
            ("wrong", body, wrong, PATH),
            ("near", body, (right[0], near), PATH),
            ("unknown instance", nobody, wrong, PATH),
            ("unknown route", body, wrong, f"{PATH}/{'0' * 32}"),
        ):
            monkeypatch.setattr(type(ingest.receiver.routes), "seconds_to_next_read", 0.0)
            counted.clear()
            await ingest.post(sent, header, path=path)
            costs[name] = len(set(counted)), sum(counted) // (1 if name == "right" else 2)
        # Who is refused is looked at twice, the second time with the channels read anew.
        assert len(set(costs.values())) == 1, costs

    run(box.resources, scenario)


@pytest.mark.parametrize("kind", ["read", "unknown_event", "unreadable"])
def test_nothing_secret_is_kept_of_a_delivery_in_any_table(
    box: Box, kind: str, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    key = new_id().hex
    add_channel(box.resources, box.cast.tenant_a, key, route_key=key)
    media = {"imageMessage": {"caption": "foto", "mimetype": "image/png", **PLANTED}, **PLANTED}
    sent = {**upsert(key, CHAT, new_id().hex, "", message=media), **PLANTED, "date_time": "x", "server_url": "x"}
    sent["data"] |= PLANTED
    if kind == "unknown_event":
        sent["event"] = "unheard.of"
    body = json.dumps(sent).encode()
    if kind == "unreadable":
        body = body[:-2]

    async def scenario(ingest: Ingest) -> None:
        assert (await ingest.post(body, signature(body), path=f"{PATH}/{key}")).status == 200

    with caplog.at_level("DEBUG"):
        run(box.resources, scenario)
    kept = _everything_kept(box)
    assert "messages" in kept
    for table, text in kept.items():
        assert CANARY not in text, table
        if table != "media":
            # In hexadecimal, as bytea and as a list of numbers. The engine needs none of it to give the file out again.
            assert CANARY.encode().hex() not in text, table
            assert ", ".join(map(str, CANARY.encode())) not in text, table
    assert CANARY not in caplog.text


def _everything_kept(box: Box) -> dict[str, str]:
    with box.servers.admin(box.database_name) as admin:
        tables = [row[0] for row in admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'app'")]
        return {
            str(table): str(admin.execute(f"SELECT jsonb_agg(to_jsonb(t))::text FROM app.{table} t").fetchall())
            for table in tables
        }


def test_nothing_secret_waits_in_redis_or_on_the_disk_either(box: Box, instance: str) -> None:
    sent = {**upsert(instance, CHAT, "SPILL", "oi"), **PLANTED}

    async def main() -> None:
        ingest = await open_ingest(box.resources, url="postgresql://hb_ingest:x@127.0.0.1:1/nowhere")
        try:
            assert await ingest.deliver(sent) == 202
        finally:
            await ingest.close()

    asyncio.run(main())
    redis = box.resources.redis
    kept = b"".join(redis.dump(name) or b"" for name in redis.scan_iter("*"))
    assert kept
    for _, fields in redis.xrange("hb:{box}:spill"):
        kept += b"".join(fields.values())
    files = list(DataFolder(box.resources.settings.data_dir).spill.glob("*.spill"))
    assert files
    kept += b"".join(file.read_bytes() for file in files)
    assert CANARY.encode() not in kept
    redis.flushdb()


@pytest.mark.parametrize(
    "credentials",
    [
        "none",
        "a wrong signature",
        "another channel's signature",
        "another channel's header and token",
        "a digest without a key",
    ],
)
def test_of_an_unproven_delivery_nothing_is_kept(box: Box, instance: str, credentials: str, read: Read) -> None:
    add_channel(box.resources, box.cast.tenant_b, f"other-{instance}"[:80], {**SECRETS, "hmac": "b", "jwt_key": "b"})
    body = body_for(instance, "de um estranho")
    headers = {
        "none": [],
        "a wrong signature": [(b"x-webhook-signature", b"0" * 64)],
        "another channel's signature": [signature(body, "b")],
        "another channel's header and token": [(b"x-box", b"header-secret"), bearer("b")],
        "a digest without a key": [(b"x-webhook-signature", hashlib.sha256(body).hexdigest().encode())],
    }[credentials]
    before = read("SELECT count(*) AS n FROM app.journal")

    async def scenario(ingest: Ingest) -> None:
        assert (await ingest.post(body, *headers)).status == 401
        assert ingest.stored == []

    run(box.resources, scenario)
    assert read("SELECT count(*) AS n FROM app.journal") == before
    assert read("SELECT id FROM app.messages WHERE text = 'de um estranho'") == []


def test_three_companies_in_one_batch_and_one_bad_row_park_that_row_alone(box: Box, read: Read) -> None:
    third = _another_company(box)
    companies = {"batch-a": box.cast.tenant_a, "batch-b": box.cast.tenant_b, "batch-c": third}
    for name, tenant in companies.items():
        add_channel(box.resources, tenant, name)
    with box.servers.admin(box.database_name) as admin:
        admin.execute("ALTER TABLE app.messages ADD CONSTRAINT planted CHECK (provider_id <> 'BAD')")

    async def scenario(ingest: Ingest) -> None:
        sent = [
            upsert(name, CHAT, f"G{n}", f"{name} {n}", at=1_790_000_000 + n) for name in companies for n in range(5)
        ]
        sent.insert(7, upsert("batch-b", CHAT, "BAD", "esta não"))
        assert await ingest.deliver_all(sent) == [200] * 16
        assert max(len(stored.batch.tenants) for stored in ingest.stored) >= 2 or len(ingest.stored) >= 16

    try:
        run(box.resources, scenario)
    finally:
        with box.servers.admin(box.database_name) as admin:
            admin.execute("ALTER TABLE app.messages DROP CONSTRAINT planted")
    for name, tenant in companies.items():
        with box.resources.database.transaction(Scope.system(tenant)) as tx:
            texts = tx.scalars(
                "SELECT m.text FROM app.messages m JOIN app.channels c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id"
                " WHERE c.instance = :name ORDER BY m.sent_at",
                name=name,
            )
            parked = tx.scalars(
                "SELECT j.reason FROM app.journal j JOIN app.channels c ON c.tenant_id = j.tenant_id AND c.id = j.channel_id"
                " WHERE c.instance = :name AND j.state = 'parked'",
                name=name,
            )
        assert texts == [f"{name} {n}" for n in range(5)]
        assert parked == (["poison"] if name == "batch-b" else [])


def _another_company(box: Box) -> Any:
    tenant = new_id()
    with box.resources.control.transaction() as tx:
        tx.execute("INSERT INTO app.tenants (id, name, slug) VALUES (:id, 'Terceira', 'terceira')", id=tenant)
    return tenant


def test_a_body_that_comes_too_slowly_is_given_up_and_holds_nobody_else(
    box: Box, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "BODY_SECONDS", 0.3)

    async def scenario(ingest: Ingest) -> None:
        async def slow(*, is_silent: bool) -> int:
            sent: list[dict[str, Any]] = []

            async def receive() -> dict[str, Any]:
                await asyncio.sleep(60.0 if is_silent else 0.05)
                return {"type": "http.request", "body": b"{", "more_body": True}

            async def send(message: dict[str, Any]) -> None:
                sent.append(message)

            await ingest.receiver({"method": "POST", "path": PATH, "headers": []}, receive, send)
            return int(sent[0]["status"])

        crowd = asyncio.gather(*[slow(is_silent=n % 2 == 0) for n in range(200)])
        await asyncio.sleep(0.1)
        began = time.perf_counter()
        assert await ingest.deliver(upsert(instance, CHAT, "QUICK", "oi")) == 200
        assert time.perf_counter() - began < 1.0
        while not crowd.done():
            ingest.receiver.give_up_silent()
            await asyncio.sleep(0.1)
        assert set(await crowd) == {503}
        assert ingest.receiver.waiting_bytes == 0

    run(box.resources, scenario)
