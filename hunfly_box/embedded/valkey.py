"""One Valkey: password over a unix socket, every write in an append-only file, nothing evicted."""

import subprocess
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from urllib.parse import quote

import redis

from hunfly_box.embedded import data_folder, processes
from hunfly_box.embedded.programs import Programs
from hunfly_box.embedded.server_user import ServerUser
from hunfly_box.kit.paths import OWNER_ONLY_DIR, DataFolder

SETTINGS = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
requirepass "{password}"
dir .
appendonly yes
appendfsync everysec
save ""
maxmemory 64mb
maxmemory-policy noeviction
loglevel warning
"""


class Valkey:
    name = "valkey"
    family: tuple[str, ...] = ("valkey-server",)
    # Twice the polite one: without a leader, the first of the row is left out.
    stop_signals: tuple[Signals, ...] = (SIGTERM, SIGTERM, SIGKILL)

    def __init__(self, folder: DataFolder, programs: Programs, user: ServerUser, sockets: Path) -> None:
        self.directory = folder.valkey
        self.log = folder.logs / "valkey.log"
        self._programs = programs
        self._user = user
        self._socket = sockets / "valkey.sock"
        self._password = data_folder.secret(folder, "valkey.password")

    @property
    def url(self) -> str:
        return f"unix://:{self._password}@{quote(str(self._socket))}?db=0"

    def leader(self) -> int | None:
        """None: a lone process, or one with a short-lived child that rewrites the log."""
        return None

    def prepare(self) -> None:
        self.directory.mkdir(mode=OWNER_ONLY_DIR, exist_ok=True)
        self._user.takes_over(self.directory)

    def launch(self) -> subprocess.Popen[bytes]:
        # By stdin: neither the command line nor a second file shows the password.
        settings = SETTINGS.format(socket=self._socket, password=self._password)
        return processes.spawn([self._programs.valkey, "-"], self.directory, self._user, self.log, settings)

    def is_ready(self, pid: int) -> bool:
        """It says who it is: an older server on the same socket does not count."""
        client = redis.Redis(unix_socket_path=str(self._socket), password=self._password, socket_timeout=2)
        try:
            return bool(client.info("server")["process_id"] == pid)
        except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError):
            return False
        finally:
            client.close()
