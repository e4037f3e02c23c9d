"""kill -9 of a receiving process at each step of a delivery, before senders that come again as the engine does."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.load import FINAL
from tests.conftest import Box
from tests.integration.kills.front import Front, front_of

pytestmark = [pytest.mark.chaos, pytest.mark.services, pytest.mark.timeout(600)]

# Accepted, read, proved, written but not committed, committed, about to be answered.
POINTS = ("R1", "R2", "R3", "I2", "I3", "I5")
ROUNDS = 3 if os.environ.get("HUNFLY_TEST_THOROUGH") else 1
SENDERS = 6
EACH = 4
KILLED_SECONDS = 20.0
RETRY_SECONDS = 0.05
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def front(box: Box) -> Iterator[Front]:
    with front_of(box, "points") as made:
        yield made


def insist(front: Front, ids: list[str], answered: list[str], refused: list[int]) -> None:
    """One sender: each delivery again and again until it is taken. A final answer would lose it at the engine."""
    connection = front.connect()
    until = time.monotonic() + PATIENCE_SECONDS
    for id_ in ids:
        while time.monotonic() < until:
            status = front.post(connection, front.text(id_)).status
            if status in (200, 202):
                answered.append(id_)
                break
            if status in FINAL:
                refused.append(status)
                return
            time.sleep(RETRY_SECONDS)
    connection.close()


@pytest.mark.parametrize("point", POINTS)
def test_a_delivery_survives_the_death_of_its_receiver_once(front: Front, point: str) -> None:
    for round_ in range(ROUNDS):
        # Another passage each round: the first of all, or in the middle of a crowd.
        nth = 1 + round_ % (SENDERS * EACH // 2)
        if front.process.is_running():
            front.process.kill()
        front.process.start(f"{point}:{nth}")
        front.process.wait_ready()
        ids = [f"{point}-{round_}-{n}" for n in range(SENDERS * EACH)]
        answered: list[str] = []
        refused: list[int] = []
        crowd = [
            threading.Thread(target=insist, args=(front, ids[n::SENDERS], answered, refused)) for n in range(SENDERS)
        ]
        for one in crowd:
            one.start()
        front.process.wait_killed(KILLED_SECONDS)
        front.process.start()
        for one in crowd:
            one.join()
        assert refused == []
        assert sorted(answered) == sorted(ids)
        stored = front.rows("SELECT provider_id FROM app.messages WHERE provider_id = ANY (:ids)", ids=ids)
        assert sorted(row["provider_id"] for row in stored) == sorted(ids)
    counted = front.rows(
        "SELECT inbound_count, (SELECT count(*) FROM app.messages m WHERE m.conversation_id = v.id AND direction = 'in')"
        " AS messages FROM app.conversations v"
    )
    assert [row["inbound_count"] for row in counted] == [row["messages"] for row in counted]
