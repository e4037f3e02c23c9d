"""As a process, with a memory on disk, and closed to everybody but this machine."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hunfly_box import simulator
from tests.integration.simulator.conftest import QUICK
from tests.integration.simulator.house import Hook, House
from tests.integration.simulator.test_recorded_webhooks import sample


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.10", "::"])  # noqa: S104
def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"), simulator.start(host=host):
        pass


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "127.0.0.1:1", "Origin": "https://evil.example"}]
)
def test_a_web_page_elsewhere_cannot_reach_it_through_a_browser(house: House, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(house.sim.url.rsplit(":", 1)[1]), timeout=5)
    connection.putrequest("GET", "/phone/api/state", skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()


def test_conversations_outlive_a_restart(hook: Hook, tmp_path: Path) -> None:
    with simulator.start(time_scale=QUICK, state_dir=tmp_path) as sim:
        house = House(sim, hook)
        house.people()
        house.link()
        house.sim.receive("bai2", house.maria, kind="image", media=sample("photo.jpg"), caption="foto")
        house.send_text("Recebido")
        sim.wait_idle()
        before = sim.messages("bai2", house.maria)
        house.close()
    hook.requests.clear()
    assert (tmp_path / "world.json").stat().st_mode & 0o077 == 0
    with simulator.start(time_scale=QUICK, state_dir=tmp_path) as sim:
        sim.wait_idle()
        assert sim.messages("bai2", house.maria) == before
        states = [one["data"]["state"] for one in hook.events("connection.update")]
        assert states == ["connecting", "open"]
        again = House(sim, hook)
        media = {"message": {"key": {"id": before[0]["id"]}}}
        assert again.call("POST", "/chat/getBase64FromMediaMessage/bai2", media)[0] == 201
        again.close()


def test_it_runs_as_a_process_and_stops_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hunfly_box.simulator", "--state-dir", str(tmp_path), "--sample"]
    environment = os.environ | {"HUNFLY_SIMULATOR_API_KEY": "secret-key"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        _, url, _, page = process.stdout.readline().split()
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
        connection.request("GET", "/instance/fetchInstances", headers={"apikey": "secret-key"})
        assert json.load(connection.getresponse()) == []
        connection.close()
        assert page == f"{url}/phone/"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert len(json.loads((tmp_path / "world.json").read_text())["contacts"]) == 6


def test_a_port_in_use_is_said_plainly(house: House) -> None:
    port = house.sim.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "hunfly_box.simulator", "--port", port]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1
    assert "address already in use" in result.stderr
    assert "Traceback" not in result.stderr
