"""The stack the box is compared with: one Node process on servers of the same make and settings, on the same core."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg

from tests.bench.box import ROOT, CannotMeasure, free_port
from tests.bench.cores import SERVERS, pinned_to
from tests.bench.load import Plan, Target
from tests.bench.machine import Watched

ROLE = "hf_norls"
PASSWORD = "a-password-of-the-bench"
TENANTS = 50
LOG = "node.log"
START_SECONDS = 30
EMPTY = "TRUNCATE spike.messages, spike.conversations, spike.contacts"


@dataclass
class RunningPeer:
    node: "subprocess.Popen[bytes]"
    admin_url: str
    servers_folder: Path
    port: int

    def watched(self) -> list[Watched]:
        run = self.servers_folder / "run"
        return [
            Watched("node", self.node.pid),
            Watched("postgres", int((run / "postgres.pid").read_text())),
            Watched("valkey", int((run / "valkey.pid").read_text())),
        ]

    def plan(self, **choices: object) -> Plan:
        targets = [
            Target(f"ch-{number}", f"secret-{number}", f"/webhooks/ch-{number}", f"/events?tenant={number}", {})
            for number in range(1, TENANTS + 1)
        ]
        return Plan(
            host="127.0.0.1",
            port=self.port,
            signature_header="X-Hub-Signature-256",
            signature_prefix="sha256=",
            targets=targets,
            watched=self.watched(),
            **choices,  # type: ignore[arg-type]
        )


@contextmanager
def running_peer(source: Path, folder: Path) -> Iterator[RunningPeer]:
    """`source` is its folder; its schema lies beside it. Nothing is written there."""
    schema = source.resolve().parent / "schema.sql"
    for needed in (source / "server.mjs", source / "package.json", schema):
        if not needed.is_file():
            raise CannotMeasure(f"{needed} is missing: that is not the folder of the Node peer.")
    copy = folder / "peer"
    shutil.copytree(source, copy, copy_function=shutil.copyfile)
    copy.chmod(0o755)
    _install(copy)
    with _servers(folder / "peer-servers") as endpoints:
        _prepare(endpoints["database"], schema)
        with _node(copy, endpoints) as (node, port):
            yield RunningPeer(node, endpoints["database"], folder / "peer-servers", port)


def forget(peer: RunningPeer) -> None:
    with psycopg.connect(peer.admin_url, autocommit=True) as connection:
        connection.execute(EMPTY)


def _install(folder: Path) -> None:
    npm = shutil.which("npm") or str(ROOT / ".venv" / "bin" / "npm")
    try:
        done = subprocess.run(
            [npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise CannotMeasure(f"The Node peer needs npm: {error.strerror}.") from error
    if done.returncode != 0:
        raise CannotMeasure(f"npm install failed: {done.stderr.strip()[-500:]}")


@contextmanager
def _servers(folder: Path) -> Iterator[dict[str, str]]:
    """Postgres and Valkey as the box starts them, with the box's settings."""
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.peer_servers", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=pinned_to(SERVERS),
    )
    assert keeper.stdin
    assert keeper.stdout
    try:
        line = keeper.stdout.readline()
        if not line:
            raise CannotMeasure("The servers of the Node peer did not start.")
        yield json.loads(line)
    finally:
        keeper.stdin.close()
        keeper.wait(timeout=60)


def _prepare(admin_url: str, schema: Path) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.cursor().execute(schema.read_bytes())
        connection.cursor().execute(f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'".encode())


@contextmanager
def _node(folder: Path, endpoints: dict[str, str]) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    port = free_port()
    database, cache = urlsplit(endpoints["database"]), urlsplit(endpoints["redis"])
    log = (folder / LOG).open("wb")
    sockets = dict(part.split("=", 1) for part in database.query.split("&"))
    node = subprocess.Popen(
        [shutil.which("node") or str(ROOT / ".venv" / "bin" / "node"), "server.mjs"],
        cwd=folder,
        env={
            **os.environ,
            "NODE_ENV": "production",
            "PORT": str(port),
            "DATABASE_URL": f"postgresql://{ROLE}:{PASSWORD}@{quote(sockets['host'], safe='')}{database.path}",
            "REDIS": f"{cache.path}?password={cache.password}",
        },
        stdout=log,
        stderr=log,
        preexec_fn=pinned_to(SERVERS),
    )
    try:
        _wait_until_ready(node, port, folder / LOG)
        yield node, port
    finally:
        node.terminate()
        node.wait(timeout=30)
        log.close()


def _wait_until_ready(node: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and node.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise CannotMeasure(f"The Node peer did not start: {log.read_text(errors='replace')[:500]}")
