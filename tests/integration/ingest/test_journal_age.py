"""The journal of the box forgets by age and by size: what was used first, what waits for somebody last."""

import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.job_queue import NOBODY
from hunfly_box.worker import purge, trim_journal
from tests.conftest import Box

pytestmark = pytest.mark.services

DAY = 24 * 3600.0
# Small enough to be stored as it is; the rest is what a row costs besides.
BODY, ROW = 1600, 1804
PUT = """
INSERT INTO app.journal (tenant_id, id, channel_id, event, state, body)
SELECT app.tenant_id(), id, :channel, 'messages.upsert', :state, decode(repeat(md5(id::text), :size / 16), 'hex')
FROM unnest(CAST(:ids AS uuid[])) id
"""
KEPT = "SELECT id FROM app.journal ORDER BY id"


def moment_id(age_seconds: float, n: int = 0) -> UUID:
    """As `new_id` would have made it then."""
    milliseconds = int((time.time() - age_seconds) * 1000)
    return UUID(int=(milliseconds << 80) | 7 << 76 | 2 << 62 | n)


def put(box: Box, tenant: UUID, state: str, ids: list[UUID], size: int = 64) -> list[UUID]:
    with box.resources.database.transaction(Scope.system(tenant)) as tx:
        tx.execute(PUT, channel=new_id(), state=state, ids=ids, size=size)
    return ids


def kept(box: Box) -> list[UUID]:
    found: list[UUID] = []
    for tenant in (box.cast.tenant_a, box.cast.tenant_b):
        with box.resources.database.transaction(Scope.system(tenant)) as tx:
            found += tx.scalars(KEPT)
    return sorted(found)


@pytest.fixture(autouse=True)
def empty_journal(box: Box) -> Iterator[None]:
    yield
    for tenant in (box.cast.tenant_a, box.cast.tenant_b):
        with box.resources.database.transaction(Scope.system(tenant)) as tx:
            tx.execute("DELETE FROM app.journal")


def trim(box: Box, most_bytes: int) -> int:
    return trim_journal(box.resources, time.monotonic() + 20, most_bytes)


def test_used_entries_are_kept_for_a_week_and_waiting_ones_for_a_month(box: Box) -> None:
    ages = {"done": (6.9, 7.1), "ignored": (6.8, 8.0), "discarded": (1.0, 29.0), "parked": (29.9, 30.1)}
    young = []
    for state, (younger, older) in ages.items():
        young += put(box, box.cast.tenant_a, state, [moment_id(younger * DAY)])
        put(box, box.cast.tenant_b, state, [moment_id(older * DAY)])
    purge(box.resources, NOBODY, NOBODY)
    assert kept(box) == sorted(young)


def test_over_its_bytes_the_oldest_used_entries_of_the_box_go_first_and_waiting_ones_last(box: Box) -> None:
    waiting = put(box, box.cast.tenant_a, "parked", [moment_id(3 * DAY, n) for n in range(20)], BODY)
    used = [moment_id(2 * DAY - n) for n in range(200)]
    put(box, box.cast.tenant_a, "done", used[0::2], BODY)
    put(box, box.cast.tenant_b, "done", used[1::2], BODY)
    assert trim(box, 221 * ROW) == 0
    assert trim(box, 100 * ROW) == 120
    assert kept(box) == waiting + used[-80:]
    assert trim(box, 10 * ROW) == 90
    assert kept(box) == waiting[-10:]


def test_a_journal_too_large_to_be_read_whole_is_judged_by_a_part(box: Box) -> None:
    count = 6000
    used = put(box, box.cast.tenant_b, "done", [moment_id(DAY - n) for n in range(count)], BODY)
    trim(box, count * ROW // 2)
    left = kept(box)
    assert left == used[-len(left) :]
    assert count * 0.42 < len(left) < count * 0.58
