"""A box to measure: `hunfly-box serve` on its embedded servers, in a folder of its own, with fifty tenants."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cores import SERVERS, pinned_to
from tests.bench.load import Plan, Target
from tests.bench.machine import Memory, Watched, family, memory

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90
WEBHOOK_PATH = "/api/webhooks/whatsapp/evolution"


class CannotMeasure(Exception):
    """What is in the way, in plain words."""


@dataclass
class RunningBox:
    process: "subprocess.Popen[bytes]"
    folder: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.folder, self.port)

    def watched(self) -> list[Watched]:
        """The box's own process with all its threads, and its two servers."""
        return [
            Watched("box", self.process.pid, with_children=False),
            Watched("postgres", self._pid("postgres")),
            Watched("valkey", self._pid("valkey")),
        ]

    def _pid(self, name: str) -> int:
        return int((self.folder / "run" / f"{name}.pid").read_text())

    def memory_by_part(self) -> dict[str, Memory]:
        parts = {one.name: family(one.pid) if one.with_children else [one.pid] for one in self.watched()}
        counted = {pid for pids in parts.values() for pid in pids}
        parts["the rest"] = [pid for pid in family(self.process.pid) if pid not in counted]
        return {name: memory(pids) for name, pids in parts.items()}

    def rss_of_box(self) -> float:
        return memory([self.process.pid]).rss_mb

    def plan(self, targets: list[Target], **choices: object) -> Plan:
        return Plan(
            host="127.0.0.1",
            port=self.port,
            signature_header="X-Webhook-Signature",
            signature_prefix="sha256=",
            targets=targets,
            watched=self.watched(),
            **choices,  # type: ignore[arg-type]
        )


def environment(folder: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUNFLY_")}
    return kept | {"HUNFLY_DATA_DIR": str(folder), "HUNFLY_BIND": f"127.0.0.1:{port}"}


@contextmanager
def running_box(folder: Path, *, is_pinned: bool = True, more: dict[str, str] | None = None) -> Iterator[RunningBox]:
    port = free_port()
    log = (folder.parent / f"{folder.name}.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "hunfly_box", "serve"],
        env=environment(folder, port) | (more or {}),
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        preexec_fn=pinned_to(SERVERS) if is_pinned else None,
    )
    try:
        _wait_until_ready(process, port, Path(log.name))
        yield RunningBox(process, folder, port)
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


def make_tenants(box: RunningBox, count: int) -> list[Target]:
    """Fifty verbs would take minutes: one process does what `tenant`, `user`, `channel` and `token create` do."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.tenants", str(count)],
        env=box.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return [
        Target(
            instance=one["instance"],
            secret=one["hmac"],
            webhook_path=WEBHOOK_PATH,
            stream_path="/live",
            stream_headers={"Authorization": f"Bearer {one['token']}"},
        )
        for one in json.loads(done.stdout)
    ]


def free_port() -> int:
    """Below the range that connections leave from, so that nobody takes it before the server does."""
    for port in range(21_000, 31_000, 7):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CannotMeasure("There is no free port between 21000 and 31000.")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Open to the servers' own user, when we are root."""
    with tempfile.TemporaryDirectory(prefix="hb-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    last = " / ".join(log.read_text(errors="replace").splitlines()[-5:])
    raise CannotMeasure(f"The box did not start: {last}")
