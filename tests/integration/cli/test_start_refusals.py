"""What `demo` and `serve` say when they cannot start: two plain lines, exit code 1, nothing begun and nothing damaged."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from hunfly_box.embedded.supervisor import EmbeddedServers
from tests.integration.cli.test_verbs import Done, call, process

NEVER_STARTED = "Starting Postgres"
# Nothing listens there: the start ends after the reset.
NOWHERE = "postgresql://hb_app:x@127.0.0.1:1/none"


@pytest.fixture
def three_ports() -> Iterator[tuple[int, list[socket.socket]]]:
    """The first of three ports in a row, each held by a socket that the test may let go."""
    for first in range(21_000, 29_000, 3):
        held = [socket.socket() for _ in range(3)]
        try:
            for offset, one in enumerate(held):
                one.bind(("127.0.0.1", first + offset))
        except OSError:
            for one in held:
                one.close()
            continue
        yield first, held
        for one in held:
            one.close()
        return
    raise AssertionError("no free ports")


def refused(done: Done) -> str:
    assert done.returncode == 1
    assert NEVER_STARTED not in done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("hunfly-box: ")
    return done.stderr


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_each_of_the_three_ports_is_asked_for_before_anything_starts(
    three_ports: tuple[int, list[socket.socket]], tmp_path: Path, taken: int
) -> None:
    first, held = three_ports
    for one in held[:taken] + held[taken + 1 :]:
        one.close()
    held[taken].listen()
    said = refused(call({"HUNFLY_BIND": f"127.0.0.1:{first}", "HUNFLY_DATA_DIR": str(tmp_path / "data")}, "demo"))
    assert f"127.0.0.1:{first + taken} cannot be used" in said
    assert "HUNFLY_BIND=127.0.0.1:" in said
    assert not (tmp_path / "data").exists()


def test_a_last_port_leaves_no_room_for_the_phone_and_the_engine(tmp_path: Path) -> None:
    said = refused(call({"HUNFLY_BIND": "127.0.0.1:65534", "HUNFLY_DATA_DIR": str(tmp_path / "data")}, "demo"))
    assert "three ports in a row" in said


def test_a_port_kept_for_root_is_answered_with_one_that_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(_self: socket.socket, _address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", kept)
    said = refused(call({"HUNFLY_BIND": "127.0.0.1:80", "HUNFLY_DATA_DIR": str(tmp_path / "data")}, "serve"))
    assert "HUNFLY_BIND=127.0.0.1:8080" in said


def test_a_reset_takes_what_a_box_made_and_leaves_the_rest(
    three_ports: tuple[int, list[socket.socket]], tmp_path: Path
) -> None:
    (tmp_path / "version").write_text("0.1.0\n")
    (tmp_path / "simulator").mkdir()
    (tmp_path / "simulator" / "state.json").write_text("{}")
    (tmp_path / "media").mkdir()
    (tmp_path / "holiday.jpg").write_text("mine")
    (first, held), nowhere = three_ports, {"HUNFLY_DATABASE_URL": NOWHERE, "HUNFLY_REDIS_URL": "redis://127.0.0.1:1"}
    for one in held:
        one.close()
    call(nowhere | {"HUNFLY_BIND": f"127.0.0.1:{first}", "HUNFLY_DATA_DIR": str(tmp_path)}, "demo", "--reset")
    assert (tmp_path / "holiday.jpg").read_text() == "mine"
    assert not (tmp_path / "simulator").exists()
    assert not (tmp_path / "media").exists()


def test_a_reset_of_a_folder_that_no_box_made_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_text("mine")
    said = refused(call({"HUNFLY_DATA_DIR": str(tmp_path)}, "demo", "--reset"))
    assert "does not look like a box's data folder" in said
    assert [one.name for one in tmp_path.iterdir()] == ["holiday.jpg"]


def test_usage_names_the_command_as_it_is_typed() -> None:
    assert process({}, "nonsense").stderr.startswith("Usage: hunfly-box ")


def test_a_demonstration_of_another_version_is_told_to_begin_anew(three_ports: tuple[int, list[socket.socket]]) -> None:
    first, held = three_ports
    for one in held:
        one.close()
    # Short on purpose: the sockets' paths may not be longer than 107 characters.
    with tempfile.TemporaryDirectory(prefix="hbv-") as folder:
        Path(folder).chmod(0o755)
        environment = {"HUNFLY_DATA_DIR": f"{folder}/d", "HUNFLY_BIND": f"127.0.0.1:{first}"}
        assert call(environment, "migrate").returncode == 0
        with EmbeddedServers(Path(folder) / "d") as servers:
            url = make_url(servers.start().database_superuser_url)
            with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as admin:
                admin.execute("DROP POLICY agent_view ON app.messages")
        done = process(environment, "demo")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "make demo RESET=1" in done.stderr
