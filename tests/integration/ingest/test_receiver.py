"""The receiver's table of answers, row by row."""

import json
import time

import pytest

from hunfly_box.ingest import receiver
from hunfly_box.ingest.receiver import PATH
from hunfly_box.kit.ids import new_id
from tests.conftest import Box
from tests.integration.ingest.conftest import Read
from tests.integration.ingest.harness import SECRETS, Ingest, add_channel, bearer, run, signature, upsert

pytestmark = pytest.mark.services

HEADER = (b"x-box", b"header-secret")


def body_for(instance: str) -> bytes:
    return json.dumps(upsert(instance, "5511977770000@s.whatsapp.net", new_id().hex, "oi")).encode()


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ("signature", 200),
        ("prefixed signature", 200),
        ("header and token", 200),
        ("header alone", 401),
        ("token alone", 401),
        ("nothing", 401),
        ("wrong signature beside header and token", 401),
        ("upper-case signature", 401),
        ("two signatures", 401),
        ("token of another app", 401),
        ("token 31 minutes old", 401),
        ("token 29 minutes old", 200),
        ("token without algorithm", 401),
        ("token by another key", 401),
    ],
)
def test_credentials_decide(box: Box, instance: str, credentials: str, expected: int) -> None:
    body = body_for(instance)
    signed = signature(body)
    headers = {
        "signature": [signed],
        "prefixed signature": [(signed[0], b"sha256=" + signed[1])],
        "header and token": [HEADER, bearer()],
        "header alone": [HEADER],
        "token alone": [bearer()],
        "nothing": [],
        "wrong signature beside header and token": [(signed[0], b"0" * 64), HEADER, bearer()],
        "upper-case signature": [(signed[0], signed[1].upper())],
        "two signatures": [signed, signed],
        "token of another app": [HEADER, bearer(app="other")],
        "token 31 minutes old": [HEADER, bearer(iat=int(time.time()) - 31 * 60)],
        "token 29 minutes old": [HEADER, bearer(iat=int(time.time()) - 29 * 60)],
        "token without algorithm": [HEADER, (b"authorization", b"Bearer eyJhbGciOiJub25lIn0.e30.")],
        "token by another key": [HEADER, bearer("other-key")],
    }[credentials]

    async def scenario(ingest: Ingest) -> None:
        answer = await ingest.post(body, *headers)
        assert answer.status == expected
        assert answer.body == (b'{"accepted":true}' if expected == 200 else b'{"accepted":false}')

    run(box.resources, scenario)


def test_an_unknown_route_and_a_wrong_secret_answer_alike(box: Box, instance: str) -> None:
    body = body_for(instance)

    async def scenario(ingest: Ingest) -> None:
        wrong = await ingest.post(body, (b"x-webhook-signature", b"0" * 64))
        unknown_instance = await ingest.post(body_for("nobody"), signature(body_for("nobody")))
        unknown_route = await ingest.post(body, signature(body), path=f"{PATH}/0123456789abcdef")
        assert wrong == unknown_instance == unknown_route
        assert wrong.status == 401

    run(box.resources, scenario)


def test_a_route_key_names_the_channel_also_with_the_events_name_behind_it(box: Box, read: Read) -> None:
    add_channel(box.resources, box.cast.tenant_a, "by-route", route_key="route-of-this-channel")
    body = body_for("by-route")

    async def scenario(ingest: Ingest) -> None:
        for path in (f"{PATH}/route-of-this-channel", f"{PATH}/route-of-this-channel/messages-upsert"):
            assert (await ingest.post(body, signature(body), path=path)).status == 200

    run(box.resources, scenario)


def test_both_secrets_are_good_while_they_rotate(box: Box, read: Read) -> None:
    previous = {**SECRETS, "hmac": "old-secret"}
    add_channel(box.resources, box.cast.tenant_a, "rotating", {**SECRETS, "hmac": "new-secret", "previous": previous})
    body = body_for("rotating")

    async def scenario(ingest: Ingest) -> None:
        assert (await ingest.post(body, signature(body, "old-secret"))).status == 200
        assert (await ingest.post(body, signature(body, "new-secret"))).status == 200
        assert (await ingest.post(body, signature(body, "older-secret"))).status == 401

    run(box.resources, scenario)


def test_a_body_about_another_channel_is_parked_and_accepted(box: Box, instance: str, read: Read) -> None:
    add_channel(box.resources, box.cast.tenant_a, "own-route", route_key="own-route-key")
    body = body_for("somebody-else")

    async def scenario(ingest: Ingest) -> None:
        assert (await ingest.post(body, signature(body), path=f"{PATH}/own-route-key")).status == 200

    run(box.resources, scenario)
    (row,) = read("SELECT * FROM app.journal WHERE reason = 'auth_mismatch_body'")
    assert row["state"] == "parked"


@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        (b"{", "parked", "parse_error"),
        (b"\xff\xfe", "parked", "parse_error"),
        (b'{"event":"unheard.of","data":{}}', "parked", "unknown_event"),
        (b'{"event":"messages.upsert","data":' + b"[" * 500 + b"]" * 500 + b"}", "parked", "limit"),
    ],
)
def test_what_cannot_be_read_is_kept_for_replay(box: Box, read: Read, body: bytes, state: str, reason: str) -> None:
    key = new_id().hex
    channel = add_channel(box.resources, box.cast.tenant_a, key, route_key=key)

    async def scenario(ingest: Ingest) -> None:
        assert (await ingest.post(body, signature(body), path=f"{PATH}/{key}")).status == 200

    run(box.resources, scenario)
    (row,) = read("SELECT * FROM app.journal WHERE channel_id = :channel", channel=channel)
    assert (row["state"], row["reason"]) == (state, reason)


def test_a_body_over_32_mb_is_413_before_it_is_read(box: Box, instance: str) -> None:
    async def scenario(ingest: Ingest) -> None:
        announced = await ingest.post(b"", (b"content-length", str(receiver.MAX_BODY_BYTES + 1).encode()))
        assert announced.status == 200 or announced.status in (401, 413)
        asked = 0

        async def receive() -> dict[str, object]:
            nonlocal asked
            asked += 1
            return {"type": "http.request", "body": b"x" * 1024 * 1024, "more_body": True}

        sent: list[dict[str, object]] = []

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        await ingest.receiver({"method": "POST", "path": PATH, "headers": []}, receive, send)
        assert sent[0]["status"] == 413
        assert asked <= 33
        assert ingest.receiver.waiting_bytes == 0

    run(box.resources, scenario)


def test_too_much_waiting_and_closing_answer_503_with_a_time(box: Box, instance: str) -> None:
    body = body_for(instance)

    async def scenario(ingest: Ingest) -> None:
        ingest.receiver.waiting_bytes = receiver.MAX_WAITING_BYTES
        full = await ingest.post(body, signature(body))
        ingest.receiver.waiting_bytes = 0
        ingest.batcher.waiting_events = 5_000
        crowded = await ingest.post(body, signature(body))
        ingest.batcher.waiting_events = 0
        ingest.receiver.routes.is_loaded = False
        not_loaded = await ingest.post(body, signature(body))
        ingest.receiver.routes.is_loaded = True
        ingest.receiver.is_closing = True
        closing = await ingest.post(body, signature(body))
        for answer in (full, crowded, not_loaded, closing):
            assert answer.status == 503
            assert answer.headers[b"retry-after"] == b"5"

    run(box.resources, scenario)


def test_only_posts_are_answered(box: Box) -> None:
    async def scenario(ingest: Ingest) -> None:
        assert (await ingest.post(b"", method="GET")).status == 405

    run(box.resources, scenario)


def test_the_same_instance_in_two_tenants_is_told_apart_by_the_secret(box: Box) -> None:
    add_channel(box.resources, box.cast.tenant_a, "twin", {**SECRETS, "hmac": "of-a"})
    add_channel(box.resources, box.cast.tenant_b, "twin", {**SECRETS, "hmac": "of-b"})
    body = body_for("twin")

    async def scenario(ingest: Ingest) -> None:
        assert (await ingest.post(body, signature(body, "of-b"))).status == 200
        assert (await ingest.post(body, signature(body, "of-nobody"))).status == 401
        (stored,) = ingest.stored
        assert stored.batch.tenants == [str(box.cast.tenant_b)]

    run(box.resources, scenario)


def test_a_new_channel_is_known_at_its_first_delivery(box: Box) -> None:
    async def scenario(ingest: Ingest) -> None:
        add_channel(box.resources, box.cast.tenant_a, "just-made")
        assert await ingest.deliver(upsert("just-made", "5511977770001@s.whatsapp.net", "N1", "oi")) == 200

    run(box.resources, scenario)
