"""A box under test, from outside: its process, its folder, its servers."""

import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import redis

from hunfly_box.embedded import processes
from hunfly_box.kit.paths import DataFolder


@dataclass
class Box:
    process: subprocess.Popen[str]
    folder: DataFolder
    database_url: str = ""
    redis_url: str = ""

    def pid(self, server: str) -> int:
        return int((self.folder.run / f"{server}.pid").read_text())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.communicate("\n", timeout=30)
        return self.process.returncode

    def run(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(sql)  # type: ignore[call-overload]
            return list(cursor.fetchall()) if cursor.description else []

    def valkey(self) -> "redis.Redis":
        return redis.Redis.from_url(self.redis_url)


StartBox = Callable[..., Box]


def eventually(check: Callable[[], bool], seconds: float) -> None:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        try:
            if check():
                return
        except (psycopg.OperationalError, redis.ConnectionError, OSError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"not so within {seconds} s")


def postmasters(folder: DataFolder) -> list[int]:
    family = processes.running_in(folder.postgres, ["postgres"])
    parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in family}
    return [pid for pid in family if parents[pid] not in family]


def servers_alive(pids: Iterable[int]) -> list[int]:
    """A zombie that nobody has collected yet is dead."""
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
