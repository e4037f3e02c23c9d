"""Real `hunfly-box serve` processes: started, killed by their pid, timed until they are ready again."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from hunfly_box.kit.paths import DataFolder

ROOT = Path(__file__).parents[2]
READY_PATIENCE_SECONDS = 60.0
PR_SET_PDEATHSIG = 1
# What a load asks for is more than a person does; the limits of the web server are tested elsewhere.
OPEN_LIMITS = {"HUNFLY_RATE_PER_IP": "1000000", "HUNFLY_RATE_PER_SESSION": "1000000"}

_http = urllib3.PoolManager(maxsize=2, retries=False, timeout=urllib3.Timeout(connect=1, read=5))


def wait_until(holds: Callable[[], Any], what: str, seconds: float = 15.0, step: float = 0.05) -> Any:
    until = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(step)
    return found


def free_port() -> int:
    """Below what the kernel hands out by itself."""
    for _ in range(200):
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no free port")


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True)
class Back:
    """How long it took by the clock, and the share of the processor the box got when it asked for it."""

    seconds: float
    share: float

    @property
    def own_seconds(self) -> float:
        """On a machine of its own. Tests have none: where others work too, everything takes so much longer."""
        return self.seconds * self.share


def run_and_queued(pid: int) -> tuple[float, float]:
    """Nanoseconds the main thread ran, and stood in line for a processor, since it was born."""
    try:
        ran, queued, _ = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()
    except (OSError, ValueError):
        return 0.0, 0.0
    return float(ran), float(queued)


@dataclass
class BoxProcess:
    """One process of a box on one folder. It ends with the test, however that ends."""

    data_dir: Path
    log_file: Path
    port: int = field(default_factory=free_port)
    role: str = "all"
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> dict[str, str]:
        own = {"HUNFLY_DATA_DIR": str(self.data_dir), "HUNFLY_BIND": f"127.0.0.1:{self.port}"}
        return OPEN_LIMITS | own | self.environment

    def start(self, crash: str = "") -> None:
        known = {name: value for name, value in os.environ.items() if not name.startswith("HUNFLY_")}
        armed = {"HUNFLY_CRASH": crash} if crash else {}
        command = [sys.executable, "-m", "hunfly_box", "serve", "--role", self.role]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=known | self.settings() | armed,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def wait_ready(self) -> Back:
        """Until /health/ready says so. From the start of the process, as its caller has just started it."""
        began = time.monotonic()
        while not self.is_ready():
            if self.process is None or self.process.poll() is not None:
                raise AssertionError(f"the box ended while it started:\n{self.log()}")
            if time.monotonic() - began > READY_PATIENCE_SECONDS:
                raise AssertionError(f"the box is not ready:\n{self.log()}")
            time.sleep(0.05)
        assert self.process is not None
        ran, queued = run_and_queued(self.process.pid)
        return Back(time.monotonic() - began, ran / (ran + queued) if ran else 1.0)

    def is_ready(self) -> bool:
        try:
            return _http.request("GET", f"{self.url}/health/ready").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """The process alone; servers it started itself stay behind, as after a real kill -9."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait_killed(self, seconds: float) -> None:
        """Until the process has killed itself at its armed point."""
        assert self.process is not None
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the point was not passed in {seconds} s:\n{self.log()}") from None
        assert code == -signal.SIGKILL, f"exit {code}:\n{self.log()}"

    def stop(self) -> int | None:
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the box did not stop:\n{self.log()}") from None

    def server_pid(self, name: str) -> int:
        """Of the embedded `postgres` or `valkey`."""
        return int((DataFolder(self.data_dir).run / f"{name}.pid").read_text())

    def end_server(self, name: str, how: signal.Signals) -> Back:
        """Until its successor answers and the box is ready again."""
        began, before = time.monotonic(), self.server_pid(name)
        os.kill(before, how)
        wait_until(lambda: self.server_pid(name) != before, f"another {name}", READY_PATIENCE_SECONDS)
        self.wait_ready()
        ran, queued = run_and_queued(self.server_pid(name))
        return Back(time.monotonic() - began, ran / (ran + queued) if ran else 1.0)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")[-4000:] if self.log_file.exists() else ""
