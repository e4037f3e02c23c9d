"""One Postgres: created, checked, launched. Scram over a unix socket, no TCP."""

import contextlib
import shutil
import subprocess
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT, Signals
from urllib.parse import quote, urlencode

import psycopg

from hunfly_box.embedded import data_folder, processes
from hunfly_box.embedded.errors import StartError
from hunfly_box.embedded.programs import Programs
from hunfly_box.embedded.server_user import ServerUser
from hunfly_box.kit.paths import OWNER_ONLY_DIR, OWNER_ONLY_FILE, DataFolder

DATABASE = "hunfly"
SUPERUSER = "postgres"

# Part of the socket's name only: nothing listens on TCP.
PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"

# A small box: about 11 MB at rest. wal_level=minimal rules out base backups; dumps are the backup.
SETTINGS = {
    "shared_buffers": "32MB",
    "max_connections": "60",
    "work_mem": "2MB",
    "maintenance_work_mem": "16MB",
    "io_method": "sync",
    "jit": "off",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_worker_processes": "2",
    "max_logical_replication_workers": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "autovacuum_max_workers": "1",
    "autovacuum_worker_slots": "2",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    # A failed statement may quote a customer's words; the caller learns of it, the log need not.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

INITDB_OPTIONS = [
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--data-checksums",
    "--encoding=UTF8",
    # The builtin provider sorts the same whatever glibc the machine is upgraded to.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
]

# The working directory of whoever asks. The server may enter it although a folder above is closed to it.
OWN_DIRECTORY = "/proc/self/cwd"

# In the server's pid file: the first line is its pid, the eighth its state.
STATE_LINE = 7


class Postgres:
    name = "postgres"
    family: tuple[str, ...] = ("postgres",)
    # Fast shutdown, then immediate, then none of its choice.
    stop_signals: tuple[Signals, ...] = (SIGINT, SIGQUIT, SIGKILL)

    def __init__(self, folder: DataFolder, programs: Programs, user: ServerUser, sockets: Path) -> None:
        self.directory = folder.postgres
        self.log = folder.logs / "postgres.log"
        self._programs = programs
        self._user = user
        self._sockets = sockets
        self._password = data_folder.secret(folder, "postgres.password")
        self._half_made = folder.root / "postgres.new"
        self._pid_file = self.directory / "postmaster.pid"

    @property
    def url(self) -> str:
        return self._url(DATABASE)

    def leader(self) -> int | None:
        """The postmaster by its own account; it may be long dead, and its pid somebody else's."""
        first = self._pid_file_lines()[:1]
        return int(first[0]) if first and first[0].isdecimal() else None

    def prepare(self) -> None:
        processes.stop_orphans(self._half_made, ("initdb", "postgres"), None, (SIGINT, SIGKILL))
        shutil.rmtree(self._half_made, ignore_errors=True)
        if not self.directory.exists():
            self._initialise()
        self._user.takes_over(self.directory)
        # Nobody works in the folder (checked), so these are leftovers, and their pid may be anybody's by now.
        for leftover in (self._pid_file, self._sockets / f"{SOCKET}.lock", self._sockets / SOCKET):
            leftover.unlink(missing_ok=True)

    def launch(self) -> subprocess.Popen[bytes]:
        settings = SETTINGS | {"unix_socket_directories": str(self._sockets), "port": str(PORT)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [self._programs.postgres, "-D", self._path_for_server(self.directory), *options]
        return processes.spawn(command, self.directory, self._user, self.log)

    def is_ready(self, pid: int) -> bool:
        lines = self._pid_file_lines()
        return lines[:1] == [str(pid)] and len(lines) > STATE_LINE and lines[STATE_LINE].strip() == "ready"

    def create_database(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _pid_file_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _url(self, database: str) -> str:
        place = urlencode({"host": str(self._sockets), "port": PORT}, quote_via=quote, safe="/")
        return f"postgresql://{SUPERUSER}:{self._password}@/{database}?{place}"

    def _initialise(self) -> None:
        """In a folder beside it, renamed when whole: a kill leaves nothing that looks like a database."""
        self._half_made.mkdir(mode=OWNER_ONLY_DIR)
        self._user.owns(self._half_made)
        password_file = self._sockets / "initdb.password"
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=OWNER_ONLY_FILE)
        try:
            password_file.write_text(self._password)
            self._user.owns(password_file)
            where = self._path_for_server(self._half_made)
            command: list[str | Path] = [
                self._programs.initdb,
                "-D",
                where,
                f"--pwfile={password_file}",
                *INITDB_OPTIONS,
            ]
            done = processes.spawn(command, self._half_made, self._user, self.log).wait()
        finally:
            password_file.unlink()
        if done != 0:
            raise StartError(f"The database could not be created: {processes.last_lines(self.log)}", f"See {self.log}.")
        self._half_made.rename(self.directory)

    def _path_for_server(self, directory: Path) -> str:
        return str(directory) if self._user.can_enter(directory) else OWN_DIRECTORY


def refuse_other_major(folder: DataFolder, programs: Programs) -> None:
    with contextlib.suppress(FileNotFoundError):
        major = (folder.postgres / "PG_VERSION").read_text(encoding="utf-8").strip()
        if major != programs.postgres_major:
            raise StartError(
                f"{folder.postgres} holds a database of PostgreSQL {major}; "
                f"this program brings PostgreSQL {programs.postgres_major}. Nothing was changed.",
                "Start the version of Hunfly Box that made it, or " + data_folder.OTHER_FOLDER + ".",
            )
