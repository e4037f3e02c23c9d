"""kill -9 at every named point of a send: the customer gets it at most once, and nothing disappears."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hunfly_box.outbound import claiming, recording
from hunfly_box.outbound.claiming import Claim
from tests.integration.outbound.shop import Shop, eventually

ROOT = Path(__file__).parents[3]


class Processes:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.started: list[subprocess.Popen[str]] = []

    def start(self, crash: str = "", **environment: str) -> "subprocess.Popen[str]":
        known = {name: value for name, value in os.environ.items() if not name.startswith("HUNFLY_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.outbound.worker_process"],
            cwd=ROOT,
            env={**known, **self.shop.box.environment, **environment, "HUNFLY_CRASH": crash},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def stop(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
def processes(shop: Shop) -> Iterator[Processes]:
    made = Processes(shop)
    yield made
    made.stop()


def run_out_leases(shop: Shop) -> None:
    """A dead worker's lease lasts seconds; a test need not wait for them."""
    shop.execute(
        "UPDATE app.deliveries SET lease_until = now() - interval '1 second' WHERE state IN ('claimed', 'dispatching')"
    )


def two_minutes_pass(shop: Shop) -> None:
    shop.execute("UPDATE app.deliveries SET dispatched_at = dispatched_at - interval '2 minutes'")
    run_out_leases(shop)


@pytest.mark.parametrize(
    ("point", "times_sent", "ends"),
    [
        ("O1", 1, "sent"),
        ("O2", 1, "sent"),
        ("O3", 0, "unconfirmed"),
        ("O4", 1, "sent"),
        ("O5", 1, "sent"),
        ("O6", 1, "sent"),
    ],
)
def test_a_worker_killed_at_a_point_sends_once_at_most_and_loses_nothing(
    shop: Shop, processes: Processes, point: str, times_sent: int, ends: str
) -> None:
    doomed = processes.start(crash=point)
    maria = shop.customer()
    first = shop.write(maria, f"às {point}")
    assert doomed.wait(60) == -9
    if point == "O4":
        eventually(lambda: len(shop.sent_texts(maria)) == 1)
    run_out_leases(shop)
    processes.start()
    if ends == "unconfirmed":
        eventually(lambda: shop.message(first)["status"] == "sending", 15, lambda: shop.story(first))
        two_minutes_pass(shop)
    shop.wait_for_status(first, ends, seconds=20)
    second = shop.write(maria, "e depois")
    shop.wait_for_status(second, "sent", seconds=20)
    assert shop.sent_texts(maria) == [f"às {point}"] * times_sent + ["e depois"]


def test_a_worker_killed_after_a_refused_connection_sends_later(shop: Shop, processes: Processes) -> None:
    shop.execute("UPDATE app.channels SET engine_url = 'http://127.0.0.1:9' WHERE id = :id", id=shop.channel_id)
    doomed = processes.start(crash="O7")
    maria = shop.customer()
    message_id = shop.write(maria, "nunca saiu")
    assert doomed.wait(60) == -9
    shop.execute("UPDATE app.channels SET engine_url = :url, state = 'open'", url=shop.sim.url)
    # The worker died before it could say that nothing left: without proof a person decides.
    two_minutes_pass(shop)
    processes.start()
    shop.wait_for_status(message_id, "unconfirmed", seconds=20)
    assert shop.sent_texts(maria) == []


def test_the_lease_of_a_dead_worker_runs_out_by_itself(shop: Shop, processes: Processes) -> None:
    doomed = processes.start(crash="O5")
    maria = shop.customer()
    message_id = shop.write(maria, "sozinho")
    assert doomed.wait(60) == -9
    processes.start()
    shop.wait_for_status(message_id, "sent", seconds=30)
    assert shop.sent_texts(maria) == ["sozinho"]


def test_workers_killed_at_any_moment_send_everything_once(shop: Shop, processes: Processes) -> None:
    people = [shop.customer() for _ in range(5)]
    for _ in range(2):
        processes.start()
    ids = []
    for round_ in range(4):
        ids += [shop.write(person, f"{round_}") for person in people]
        time.sleep(0.15)
        if round_ in (1, 2):
            processes.started[round_].kill()
            processes.start()
    deadline = time.monotonic() + 60
    while any(shop.message(one)["status"] in ("queued", "sending") for one in ids):
        run_out_leases_of_the_dead(shop)
        assert time.monotonic() < deadline, [shop.story(one) for one in ids]
        time.sleep(0.5)
    for person in people:
        texts = shop.sent_texts(person)
        assert texts == sorted(texts, key=str)
        assert len(texts) == len(set(texts))
    unsure = [one for one in ids if shop.message(one)["status"] != "sent"]
    assert sum(len(shop.sent_texts(person)) for person in people) >= len(ids) - len(unsure)


def run_out_leases_of_the_dead(shop: Shop) -> None:
    shop.execute(
        "UPDATE app.deliveries SET dispatched_at = dispatched_at - interval '20 seconds'"
        " WHERE state = 'dispatching' AND dispatched_at < now() - interval '10 seconds'"
    )


def test_fencing_lets_a_sleeper_write_nothing(shop: Shop) -> None:
    maria = shop.customer()
    message_id = shop.write(maria, "devagar")
    database = shop.resources.database

    def take(owner: str) -> Claim:
        with database.transaction(shop.system) as tx:
            claim = claiming.take(tx, maria.conversation_id, owner)
        assert isinstance(claim, Claim)
        return claim

    sleeper = take("sleeper")
    run_out_leases(shop)
    successor = take("successor")
    with database.transaction(shop.system) as tx:
        assert not claiming.dispatch(tx, sleeper)
        claiming.extend(tx, sleeper)
        claiming.release(tx, sleeper, 0.0)
        assert not recording.failed(tx, sleeper, "x", "x")
        assert not recording.later(tx, sleeper, 1.0, "x", "x")
        assert not recording.unconfirmed(tx, sleeper)
    [delivery] = shop.deliveries(message_id)
    assert (delivery["state"], delivery["lease_owner"]) == ("claimed", "successor")
    with database.transaction(shop.system) as tx:
        assert claiming.dispatch(tx, successor)


def test_a_reply_that_kills_its_workers_fails_after_three_and_the_next_one_goes(
    shop: Shop, processes: Processes
) -> None:
    maria = shop.customer()
    deadly, next_one = shop.write(maria, "mortal"), shop.write(maria, "a seguinte")
    for _ in range(3):
        processes.start(crash="O2").wait(20)
        run_out_leases(shop)
    processes.start()
    assert shop.wait_for_status(deadly, "failed")["error_code"] == "outbound.poison"
    shop.wait_for_status(next_one, "sent")
    assert shop.sent_texts(maria) == ["a seguinte"]
