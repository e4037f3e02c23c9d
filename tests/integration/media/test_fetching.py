"""A file that cannot be brought in is said to be unavailable, and asked for again when a person wants that."""

from typing import Any
from uuid import UUID

import pytest

from hunfly_box.kit.database import Scope
from hunfly_box.kit.leases import LeaseKeeper
from hunfly_box.kit.work import MOST_DEATHS, WorkRunner
from hunfly_box.media import commands
from hunfly_box.media.fetching import MOST_ATTEMPTS
from hunfly_box.media.jobs import WORK
from tests.conftest import Box
from tests.integration.ingest.harness import Ingest, add_channel, run, upsert

pytestmark = pytest.mark.services

# Nobody listens where this channel's engine should be.
CHAT = "5511955550000@s.whatsapp.net"


def picture(box: Box, name: str) -> tuple[UUID, UUID, UUID]:
    """Its channel, the medium and the work row that fetches it."""
    channel = add_channel(box.resources, box.cast.tenant_a, name)
    image = {"imageMessage": {"mimetype": "image/png", "fileLength": {"low": 9, "high": 0}, "mediaKey": "S"}}

    async def scenario(ingest: Ingest) -> None:
        assert await ingest.deliver(upsert(name, CHAT, name, "", message=image)) == 200

    run(box.resources, scenario)
    (found,) = rows(box, "SELECT media_id FROM app.messages WHERE provider_id = :id", id=name)
    return channel, found["media_id"], work_of(box, found["media_id"])["id"]


def rows(box: Box, sql: str, **params: Any) -> list[dict[str, Any]]:
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        return tx.all(dict[str, Any], sql, **params)


def work_of(box: Box, media_id: UUID) -> dict[str, Any]:
    (found,) = rows(
        box,
        "SELECT * FROM app.work WHERE kind = 'media.fetch' AND dedup_key = :id AND state <> 'parked'",
        id=str(media_id),
    )
    return found


@pytest.mark.parametrize(
    "last_straw",
    [
        f"attempts = {MOST_ATTEMPTS - 1}",
        f"state = 'claimed', lease_until = now() - interval '1 second', crash_count = {MOST_DEATHS - 1}",
    ],
    ids=["tried often enough", "killed its workers"],
)
def test_a_file_given_up_is_said_to_be_unavailable_and_may_be_asked_for_again(box: Box, last_straw: str) -> None:
    tenant = box.cast.tenant_a
    channel, media_id, work_id = picture(box, f"picture-{len(last_straw)}")
    runner = WorkRunner(box.resources.database, box.resources, WORK, LeaseKeeper(), "me")
    assert rows(box, "SELECT state FROM app.media WHERE id = :id", id=media_id) == [{"state": "pending"}]
    with box.resources.database.transaction(Scope.system(tenant)) as tx:
        tx.execute(f"UPDATE app.work SET {last_straw} WHERE id = :id", id=work_id)
    runner.run(tenant, work_id)
    assert rows(box, "SELECT state FROM app.work WHERE id = :id", id=work_id) == [{"state": "parked"}]
    known = rows(box, "SELECT state, error FROM app.media WHERE id = :id", id=media_id)
    assert known == [{"state": "unavailable", "error": "media.expired"}]
    with box.resources.database.transaction(Scope.system(tenant)) as tx:
        commands.retry(tx, media_id)
    assert work_of(box, media_id)["payload"]["channel_id"] == str(channel)
