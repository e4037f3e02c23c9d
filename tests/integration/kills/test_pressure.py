"""A receiving process under pressure: senders that drip, bursts of receipts; ordinary deliveries go on beside."""

import json
import os
import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from hunfly_box.kit.ids import new_id
from tests.conftest import Box
from tests.integration.ingest.harness import status
from tests.integration.kills.front import CHAT, Answer, Front, front_of, slowest
from tests.integration.kills.hostile import hostile_bodies

pytestmark = [pytest.mark.chaos, pytest.mark.services, pytest.mark.timeout(900)]

IS_THOROUGH = bool(os.environ.get("HUNFLY_TEST_THOROUGH"))
DRIPPING = 500 if IS_THOROUGH else 300
STATUSES = 3_000
HOSTILE = 4_000 if IS_THOROUGH else 2_000
MOST_GROWTH_MB = 50.0
# Other work shares the machine: what a delivery may take is a multiple of what it takes anyway, and never below this.
PATIENT_SECONDS = 2.0
TIMES_SLOWER = 20.0


@pytest.fixture(scope="module")
def front(box: Box) -> Iterator[Front]:
    with front_of(box, "pressure") as made:
        made.process.start()
        made.process.wait_ready()
        # Plans, caches and threads are there before anything is measured.
        assert {one.status for one in made.post_all(made.texts("warm", 300))} == {200}
        yield made
        assert made.process.stop() == 0


class Dripping:
    """Connections that send a byte now and then: of the head, of the body, or nothing after the head."""

    def __init__(self, front: Front, count: int) -> None:
        head = f"POST {front.path} HTTP/1.1\r\nHost: box\r\nContent-Length: 100000\r\n".encode()
        self.open: list[socket.socket] = []
        for n in range(count):
            one = socket.create_connection(("127.0.0.1", front.process.port), 10)
            one.sendall(head if n % 3 == 0 else head + b"\r\n")
            self.open.append(one)
        self.dripped = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()

    def _drip(self) -> None:
        while not self._stopping.wait(0.1):
            for n, one in enumerate(self.open):
                if n % 3 != 2:
                    one.sendall(b"X")
                    self.dripped += 1

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        for one in self.open:
            one.close()


def test_hundreds_of_senders_that_drip_hold_nobody_up(front: Front) -> None:
    usual = slowest(front.post_all(front.texts("before-drip", 200), threads=4))
    before = front.resident_mb()
    dripping = Dripping(front, DRIPPING)
    try:
        answers = front.post_all(front.texts("beside-drip", 600), threads=4)
        grown = front.resident_mb() - before
    finally:
        dripping.stop()
    assert dripping.dripped > DRIPPING
    assert {one.status for one in answers} == {200}
    assert slowest(answers) < max(PATIENT_SECONDS, TIMES_SLOWER * usual)
    assert grown < MOST_GROWTH_MB


def test_hostile_bodies_neither_end_nor_fill_nor_hold_up_the_process(front: Front) -> None:
    """Signed as they should be: an engine that was taken over knows the secret."""
    good = front.text("hostile", "olá")
    # What large bodies leave in the allocator's hands is there before growth is measured.
    front.post_all(hostile_bodies(good, 200, seed=1), threads=2)
    before = front.resident_mb()
    hostile: list[Answer] = []
    attack = threading.Thread(
        target=lambda: hostile.extend(front.post_all(hostile_bodies(good, HOSTILE, seed=2), threads=4))
    )
    attack.start()
    beside: list[Answer] = []
    while attack.is_alive():
        beside += front.post_all(front.texts(f"beside-hostile-{len(beside)}", 20), threads=2)
    attack.join()
    assert len(hostile) == HOSTILE
    # Parked, stored or asked to come back; never a broken connection, never an error of ours, never lost by a refusal.
    assert {one.status for one in hostile} <= {200, 503}
    assert {one.status for one in beside} == {200}
    assert slowest(beside) < PATIENT_SECONDS
    assert front.resident_mb() - before < MOST_GROWTH_MB
    assert front.process.is_running()
    read = front.rows("SELECT count(*) FROM app.messages WHERE provider_id LIKE 'beside-hostile-%'")
    assert read == [{"count": len(beside)}]


def test_a_burst_of_receipts_is_taken_whole(front: Front) -> None:
    """A campaign that is delivered and read at once: every receipt of its messages, in any order."""
    front.post_all([front.text("burst-hello")])
    (conversation,) = front.rows("SELECT conversation_id AS id FROM app.messages WHERE provider_id = 'burst-hello'")
    # Eight receipts for each of 375 messages.
    names = [f"BURST{n}" for n in range(300)]
    front.execute(
        "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, text, status,"
        " provider_id, sent_at) SELECT v.tenant_id, gen_random_uuid(), v.id, v.channel_id, 'out', 'text', 'user', 'oferta',"
        " 'sent', name, now() FROM app.conversations v, unnest(CAST(:names AS text[])) name WHERE v.id = :id",
        id=conversation["id"],
        names=names,
    )
    words = ("SERVER_ACK", "DELIVERY_ACK", "READ")
    # A part of them comes before what they speak of is known here.
    early = [f"EARLY{n}" for n in range(75)]
    told = [(name, words[n % 3]) for name in (*names, *early) for n in range(8)]
    random.Random(8).shuffle(told)
    bodies = [json.dumps(status("pressure", name, word, CHAT)).encode() for name, word in told]
    began = time.monotonic()
    answers = front.post_all(bodies, threads=16)
    assert len(answers) == STATUSES
    assert {one.status for one in answers} == {200}
    read = front.rows(
        "SELECT status, count(*) FROM app.messages WHERE provider_id = ANY (:names) GROUP BY 1", names=names
    )
    assert read == [{"status": "read", "count": 300}]
    front.post_all(
        [json.dumps({**json.loads(front.text(name)), "data": own(front, name)}).encode() for name in early], threads=4
    )
    read = front.rows(
        "SELECT status, count(*) FROM app.messages WHERE provider_id = ANY (:names) GROUP BY 1", names=early
    )
    assert read == [{"status": "read", "count": 75}]
    assert time.monotonic() - began < 60


def own(front: Front, id_: str) -> object:
    """The same as from our phone."""
    data = json.loads(front.text(id_, f"oferta {new_id().hex}"))["data"]
    data["key"]["fromMe"] = True
    return data
