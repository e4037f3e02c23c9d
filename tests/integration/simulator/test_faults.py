"""What a test can make go wrong, and what it can count afterwards."""

from __future__ import annotations

import time

import pytest
import urllib3

from hunfly_box import simulator
from hunfly_box.simulator import Retry
from tests.integration.simulator.conftest import QUICK
from tests.integration.simulator.house import MARIA, Hook, House


def test_a_failure_before_the_send_sends_nothing_and_after_it_sends(house: House) -> None:
    house.sim.fault("fail", times=1)
    assert house.send_text("first")[0] == 500
    house.sim.fault("fail", after=True, times=1)
    assert house.send_text("second")[0] == 500
    assert house.send_text("third")[0] == 201
    assert [one.text for one in house.sim.sent(instance="bai2")] == ["second", "third"]
    assert [one.outcome for one in house.sim.calls(path="message/sendText")] == ["fail before", "fail after", "done"]


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_is_a_timeout_or_a_reset(house: House, after: bool) -> None:
    pool = urllib3.PoolManager(retries=False)
    url, headers = f"{house.sim.url}/message/sendText/bai2", {"apikey": house.sim.api_key}
    body = {"number": MARIA, "text": "x"}
    house.sim.fault("timeout", after=after, times=1)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        pool.request("POST", url, json=body, headers=headers, timeout=0.3)
    house.sim.fault("reset", after=after, times=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        pool.request("POST", url, json=body, headers=headers, timeout=5)
    pool.clear()
    assert len(house.sim.sent()) == (2 if after else 0)


def test_a_fault_reaches_only_what_it_names(house: House) -> None:
    house.sim.fault("fail", path="message/sendMedia")
    house.sim.fault("refuse", number="5511000*")
    assert house.send_text("x")[0] == 201
    assert house.send_text("x", "5511000112233")[0] == 400
    house.sim.command("clear_faults")


def test_failures_in_disguise(house: House) -> None:
    house.sim.fault("error_as_success", times=1)
    status, body = house.send_text("x")
    assert (status, "key" in body) == (201, False)
    house.sim.fault("license", path="*", times=1)
    status, body = house.call("GET", "/instance/connectionState/bai2")
    assert (status, body["code"]) == (503, "LICENSE_REQUIRED")


def test_slow_answers_are_late_and_true(house: House) -> None:
    house.sim.fault("slow", seconds=0.5 / QUICK, times=1)
    before = time.monotonic()
    assert house.send_text("x")[0] == 201
    assert time.monotonic() - before >= 0.5


def test_a_failing_receiver_is_asked_ten_times_with_one_token(house: House) -> None:
    house.sim.wait_idle()
    scale = house.sim._running.options.time_scale = 0.003  # noqa: SLF001
    house.hook.answers = lambda body: 500 if body["event"] == "messages.upsert" else 200
    house.sim.receive("bai2", house.maria, "Olá!")
    house.sim.wait_idle(60)
    attempts = [one for one in house.hook.requests if one["body"]["event"] == "messages.upsert"]
    assert len(attempts) == 10
    assert len({dict(one["headers"])["Authorization"] for one in attempts}) == 1
    waits = [b["at"] - a["at"] for a, b in zip(attempts, attempts[1:], strict=False)]
    wanted = [5, 10, 20, 40, 80, 160, 300, 300, 300]
    for wait, seconds in zip(waits, wanted, strict=True):
        assert wait >= 0.79 * seconds * scale
        assert wait <= 1.21 * seconds * scale + 0.3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_some_refusals_are_final(house: House, status: int) -> None:
    house.sim.wait_idle()
    house.hook.answers = lambda body: status
    house.sim.receive("bai2", house.maria, "Olá!")
    house.sim.wait_idle()
    assert len(house.hook.events("messages.upsert")) == 1


def test_a_failing_edit_holds_up_everything_behind_it(house: House) -> None:
    asked = house.sim.receive("bai2", house.maria, "Olá!")
    house.sim.wait_idle()
    house.hook.answers = lambda body: 500 if body["event"] == "messages.edited" else 200
    house.sim.command("edit", instance="bai2", message=asked, text="Oi")
    house.sim.receive("bai2", house.maria, "depois")
    house.hook.wait_for("messages.edited", 3)
    assert len(house.hook.events("messages.upsert")) == 1
    house.send_text("x")
    house.hook.wait_for("send.message")
    house.hook.answers = lambda body: 200
    house.hook.wait_for("messages.upsert", 2)


def test_webhooks_can_be_dropped_doubled_and_shuffled(house: House) -> None:
    house.sim.wait_idle()
    house.sim.webhook_fault("drop", event="messages.upsert", times=1)
    house.sim.receive("bai2", house.maria, "lost")
    house.sim.wait_idle()
    assert house.hook.events("messages.upsert") == []
    house.sim.webhook_fault("duplicate", event="messages.upsert", copies=3, times=1)
    house.sim.receive("bai2", house.maria, "thrice")
    house.hook.wait_for("messages.upsert", 3)
    house.hook.requests.clear()
    house.sim.webhook_fault("reorder", event="messages.upsert", seconds=0.3)
    sent = [house.sim.receive("bai2", house.maria, str(n)) for n in range(20)]
    told = [one["data"]["key"]["id"] for one in house.hook.wait_for("messages.upsert", 20)]
    assert told != sent
    assert sorted(told) == sorted(sent)


def test_death_forgets_retries_and_a_new_life_brings_what_was_missed(house: House) -> None:
    house.sim.wait_idle()
    house.hook.answers = lambda body: 500
    house.sim.receive("bai2", house.maria, "forgotten")
    house.hook.wait_for("messages.upsert")
    house.sim.command("die", mode="reset")
    house.hook.answers = lambda body: 200
    house.sim.receive("bai2", house.maria, "meanwhile")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        house.send_text("x")
    house.hook.requests.clear()
    house.sim.command("revive")
    house.sim.wait_idle()
    texts = [one["data"]["message"]["conversation"] for one in house.hook.events("messages.upsert")]
    assert texts == ["meanwhile"]
    found = house.call("POST", "/chat/findMessages/bai2", {"where": {}})[1]["messages"]["records"]
    assert {one["message"]["conversation"] for one in found} == {"forgotten", "meanwhile"}


def test_a_storm_tells_connecting_over_and_over(house: House) -> None:
    house.sim.wait_idle()
    house.hook.requests.clear()
    house.sim.command("storm", instance="bai2", seconds=10)
    house.sim.wait_idle()
    states = [one["data"]["state"] for one in house.hook.events("connection.update")]
    assert sorted(states) == ["connecting"] * 35 + ["open"]


def test_ticks_climb_by_themselves_and_read_when_the_chat_is_open(house: House) -> None:
    _, sent = house.send_text("oi")
    house.sim.wait_idle()
    updates = [one["data"]["status"] for one in house.hook.events("messages.update")]
    assert sorted(updates) == ["DELIVERY_ACK", "SERVER_ACK"]
    house.sim.command("open_chat", instance="bai2", contact=house.maria)
    house.sim.wait_idle()
    assert house.hook.events("messages.update")[-1]["data"]["status"] == "READ"
    assert house.hook.events("messages.update")[-1]["data"]["keyId"] == sent["key"]["id"]


def test_the_control_api_serves_the_same_commands(house: House) -> None:
    def tell(name: str, /, **fields: object) -> tuple[int, dict]:
        return house.call("POST", f"/sim/{name}", fields)

    status, made = tell("add_contact", name="Zé", number="5511900001111")
    assert status == 200
    tell("receive", instance="bai2", contact=made["result"]["id"], text="oi")
    house.hook.wait_for("messages.upsert")
    house.send_text("olá", "5511900001111")
    sent = house.call("GET", "/sim/sent?instance=bai2")[1]
    assert [(one["text"], one["body"]["number"]) for one in sent] == [("olá", "5511900001111")]
    assert tell("nonsense")[0] == 404
    assert tell("fault", action="nonsense")[0] == 400
    assert tell("receive", instance="bai2", contact="nobody", text="x")[0] == 404


def test_fewer_attempts_can_be_asked_for(hook: Hook) -> None:
    retry = Retry(max_attempts=4, initial_seconds=1)
    with simulator.start(time_scale=QUICK, retry=retry) as sim:
        house = House(sim, hook)
        house.people()
        hook.answers = lambda body: 503
        house.link()
        sim.wait_idle()
        house.close()
        assert len(hook.events("instance.create")) == 4


def test_a_slow_receiver_gets_the_same_body_again(hook: Hook) -> None:
    with simulator.start(time_scale=QUICK, webhook_timeout_seconds=0.2) as sim:
        house = House(sim, hook)
        house.people()
        house.link()
        sim.wait_idle()
        slow = iter([1.0])
        hook.answers = lambda body: 200 if body["event"] != "messages.upsert" else time.sleep(next(slow, 0)) or 200
        sim.receive("bai2", house.maria, "Olá!", message_id="AC1")
        sim.wait_idle()
        house.close()
    first, second = hook.events("messages.upsert")
    assert first == second
