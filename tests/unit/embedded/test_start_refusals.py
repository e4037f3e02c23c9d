"""The messages of a start that cannot be, and the rules behind them."""

import os
from pathlib import Path

import pytest

from hunfly_box import VERSION
from hunfly_box.embedded import data_folder, programs, sockets
from hunfly_box.embedded.errors import StartError
from hunfly_box.embedded.server_user import ServerUser
from hunfly_box.kit.paths import DataFolder

MYSELF = ServerUser(os.geteuid(), os.getegid(), is_other=False)
STRANGER = ServerUser(64123, 64123, is_other=True)


def program(tmp_path: Path, complaint: str) -> Path:
    script = tmp_path / "postgres"
    script.write_text(f"#!/bin/sh\necho '{complaint}' >&2\nexit 127\n")
    script.chmod(0o755)
    return script


def test_a_missing_library_is_answered_with_the_exact_apt_line(tmp_path: Path) -> None:
    complaint = "postgres: error while loading shared libraries: libz.so.1: cannot open shared object file"
    with pytest.raises(StartError) as caught:
        programs._version(program(tmp_path, complaint))
    assert caught.value.message == "postgres needs the library libz.so.1, which is missing."
    assert caught.value.remedy == "Run: apt-get install -y zlib1g"


def test_a_c_library_too_old_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="glibc 2.28 or newer"):
        programs._version(program(tmp_path, "version `GLIBC_2.28 not found"))


def test_servers_inherit_nothing_that_would_steer_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDATA", "/elsewhere")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/bundle")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/own")
    environment = programs.child_environment()
    assert "PGDATA" not in environment
    assert environment["LD_LIBRARY_PATH"] == "/own"


@pytest.mark.parametrize("written", ["99.0", "0.1.1", "1.0.0-beta", "rubbish"])
def test_what_a_newer_program_wrote_is_not_touched(tmp_path: Path, written: str) -> None:
    (tmp_path / "version").write_text(written)
    with pytest.raises(StartError, match="newer than this program"):
        data_folder.prepare(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["version"]


@pytest.mark.parametrize("written", ["0.0.9", VERSION])
def test_what_an_older_program_wrote_is_taken_over(tmp_path: Path, written: str) -> None:
    (tmp_path / "version").write_text(written)
    folder = data_folder.prepare(tmp_path)
    assert folder.version.read_text() == VERSION + "\n"


def test_a_password_is_made_once(tmp_path: Path) -> None:
    folder = data_folder.prepare(tmp_path / "data")
    first = data_folder.secret(folder, "postgres.password")
    assert len(first) > 40
    assert data_folder.secret(folder, "postgres.password") == first
    assert (folder.keys / "postgres.password").stat().st_mode & 0o777 == 0o600


def test_a_user_needs_every_folder_above_to_be_open(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "open"
    inner.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    assert not STRANGER.can_enter(inner)
    assert MYSELF.can_enter(inner)
    assert STRANGER.can_enter(Path("/usr/bin"))
    assert STRANGER.can_read(Path("/etc/passwd"))
    assert not STRANGER.can_read(Path("/etc/nothing-of-that-name"))


@pytest.mark.parametrize("name", ["x" * 120, "with space", "with,comma", 'with"quote'])
def test_sockets_go_elsewhere_when_the_path_does_not_fit(tmp_path: Path, name: str) -> None:
    folder = DataFolder(tmp_path / name)
    place = sockets.choose(folder, MYSELF)
    try:
        assert place.stat().st_mode & 0o777 == 0o700
        assert len(os.fsencode(place / ".s.PGSQL.5432.lock")) <= 107
        assert sockets.choose(folder, MYSELF) == place
    finally:
        sockets.leave(place, folder)
    assert not place.exists()


def test_a_socket_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / ("x" * 120))
    place = sockets.choose(folder, MYSELF)
    try:
        place.chmod(0o777)
        with pytest.raises(StartError, match="belongs to somebody else"):
            sockets.choose(folder, MYSELF)
    finally:
        place.rmdir()


def test_the_lock_is_free_again_after_its_holder_lets_go(tmp_path: Path) -> None:
    folder = data_folder.prepare(tmp_path / "data")
    first, second = data_folder.Lock(folder), data_folder.Lock(folder)
    first.acquire()
    assert second.is_held_by_anyone()
    with pytest.raises(StartError, match=f"process {os.getpid()}"):
        second.acquire()
    first.release()
    assert not second.is_held_by_anyone()
    second.acquire()
    second.release()
