"""The supervisor: both servers of a box, one data folder, one owner at a time."""

import contextlib
import json
import logging
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from signal import SIGKILL, SIGQUIT, Signals
from types import TracebackType
from typing import Protocol, Self

from hunfly_box.embedded import data_folder, postgres, processes, programs, server_user, sockets
from hunfly_box.embedded.errors import StartError
from hunfly_box.embedded.valkey import Valkey
from hunfly_box.kit.paths import DataFolder, write_private

LOG = logging.getLogger("hunfly.embedded")

# Crash recovery of a large log may take long; a start that takes longer is broken.
START_LIMIT_SECONDS = 60.0
POLL_SECONDS = 0.02

# A dead server is noticed within this time; one that keeps dying is started less and less often.
WATCH_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Endpoints:
    database_superuser_url: str
    redis_url: str


class Server(Protocol):
    name: str
    family: tuple[str, ...]
    stop_signals: tuple[Signals, ...]
    directory: Path
    log: Path

    def leader(self) -> int | None: ...
    def prepare(self) -> None: ...
    def launch(self) -> subprocess.Popen[bytes]: ...
    def is_ready(self, pid: int) -> bool: ...


class EmbeddedServers:
    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock: data_folder.Lock | None = None
        self._servers: list[Server] = []
        self._sockets: Path | None = None
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._deaths: dict[str, int] = {}
        self._next_try: dict[str, float] = {}
        self._changing = threading.RLock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> Endpoints:
        """Returns when both answer. What an earlier, killed box left running on this folder is stopped first."""
        folder = data_folder.prepare(self._data_dir)
        lock = data_folder.Lock(folder)
        lock.acquire()
        self._lock = lock
        self._stopping.clear()
        try:
            return self._start(folder)
        except BaseException:
            self.stop()
            raise

    def _start(self, folder: DataFolder) -> Endpoints:
        endpoints_file(folder).unlink(missing_ok=True)
        user = server_user.choose(folder.postgres)
        found = programs.locate(user)
        postgres.refuse_other_major(folder, found)
        place = self._sockets = sockets.choose(folder, user)
        database = postgres.Postgres(folder, found, user, place)
        cache = Valkey(folder, found, user, place)
        self._servers = [database, cache]
        for server in self._servers:
            self._launch(server)
        for server in self._servers:
            self._wait_until_ready(server)
        database.create_database()
        endpoints = Endpoints(database.url, cache.url)
        write_private(endpoints_file(folder), json.dumps(asdict(endpoints)))
        self._watcher = threading.Thread(target=self._watch, name="embedded-servers", daemon=True)
        self._watcher.start()
        return endpoints

    def stop(self) -> None:
        """Signals both, then waits for both. Safe to call twice."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        with self._changing:
            for server in self._servers:
                child = self._children.get(server.name)
                if child is not None and child.poll() is None:
                    child.send_signal(server.stop_signals[0])
            for server in self._servers:
                if server.name in self._children:
                    processes.stop(self._children.pop(server.name), server.stop_signals)
                self._pid_file(server).unlink(missing_ok=True)
            self._servers = []
        if self._lock is not None:
            folder = DataFolder(self._data_dir)
            endpoints_file(folder).unlink(missing_ok=True)
            if self._sockets is not None:
                sockets.leave(self._sockets, folder)
            self._lock.release()
            self._lock = None

    def is_alive(self) -> bool:
        with self._changing:
            return bool(self._servers) and all(self._is_ready(server) for server in self._servers)

    def restart_dead(self) -> None:
        """Called by the watching thread all the time; anyone else may call it to hurry."""
        with self._changing:
            if self._stopping.is_set():
                return
            for server in self._servers:
                child = self._children.get(server.name)
                if child is None or child.poll() is not None:
                    self._restart(server, child)
                elif self._deaths.get(server.name) and server.is_ready(child.pid):
                    LOG.warning("%s answers again", server.name)
                    self._deaths[server.name] = 0

    def _restart(self, server: Server, dead: subprocess.Popen[bytes] | None) -> None:
        if time.monotonic() < self._next_try.get(server.name, 0.0):
            return
        deaths = self._deaths[server.name] = self._deaths.get(server.name, 0) + 1
        # At once the first time, then after 0.2, 0.4, 0.8 … seconds.
        pause = 0.0 if deaths == 1 else min(LONGEST_PAUSE_SECONDS, WATCH_SECONDS * 2.0 ** min(deaths, 10))
        self._next_try[server.name] = time.monotonic() + pause
        LOG.error("%s died (exit %s); starting it again", server.name, dead and dead.returncode)
        try:
            self._launch(server)
        except (StartError, OSError) as error:
            LOG.error("%s could not be started: %s", server.name, error)

    def _launch(self, server: Server) -> None:
        processes.stop_orphans(server.directory, server.family, server.leader(), server.stop_signals)
        server.prepare()
        child = server.launch()
        self._children[server.name] = child
        write_private(self._pid_file(server), f"{child.pid}\n")

    def _wait_until_ready(self, server: Server) -> None:
        give_up_at = time.monotonic() + START_LIMIT_SECONDS
        while not self._is_ready(server):
            returncode = self._children[server.name].poll()
            if returncode is not None or time.monotonic() > give_up_at:
                what = "does not answer" if returncode is None else f"ended at once (exit {returncode})"
                raise StartError(f"{server.name} {what}: {processes.last_lines(server.log)}", f"See {server.log}.")
            time.sleep(POLL_SECONDS)

    def _is_ready(self, server: Server) -> bool:
        child = self._children.get(server.name)
        return child is not None and child.poll() is None and server.is_ready(child.pid)

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            self.restart_dead()

    def _pid_file(self, server: Server) -> Path:
        return DataFolder(self._data_dir).run / f"{server.name}.pid"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def find_running(data_dir: Path) -> Endpoints | None:
    """The servers of a box that runs on this folder, for commands given beside it. None: nobody runs."""
    folder = DataFolder(data_dir)
    lock = data_folder.Lock(folder)
    give_up_at = time.monotonic() + START_LIMIT_SECONDS
    while lock.is_held_by_anyone():
        with contextlib.suppress(FileNotFoundError):
            return Endpoints(**json.loads(endpoints_file(folder).read_text(encoding="utf-8")))
        if time.monotonic() > give_up_at:
            raise StartError(f"The box on {data_dir} has not finished starting.", "See its log.")
        time.sleep(POLL_SECONDS)
    return None


def reset(data_dir: Path) -> None:
    """Empties the data folder for a new beginning; refuses while a box uses it."""
    folder = data_folder.prepare(data_dir)
    lock = data_folder.Lock(folder)
    lock.acquire()
    try:
        stop_leftovers(folder)
        data_folder.empty(folder)
    finally:
        lock.release()


def stop_leftovers(folder: DataFolder) -> None:
    """For the holder of the lock, before the folder goes: servers of a killed box would outlive it, unfindable."""
    for directory, family in ((folder.postgres, postgres.Postgres.family), (folder.valkey, Valkey.family)):
        processes.stop_orphans(directory, family, None, (SIGQUIT, SIGQUIT, SIGKILL))


def endpoints_file(folder: DataFolder) -> Path:
    return folder.run / "endpoints.json"
