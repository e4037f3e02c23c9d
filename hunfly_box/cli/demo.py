"""`hunfly-box demo`: a box with two sample companies, beside a simulated WhatsApp with a customer's phone."""

import ctypes
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import urllib3

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import connecting
from hunfly_box.channels import queries as channels
from hunfly_box.cli.serve import a_box, load_settings_here, plain_errors, refuse_taken_port, run, say
from hunfly_box.config import Address, Settings, SettingsError
from hunfly_box.embedded import supervisor
from hunfly_box.embedded.errors import StartError
from hunfly_box.kit.database import Scope
from hunfly_box.kit.paths import DataFolder, write_private
from hunfly_box.operations import demo_data
from hunfly_box.operations.demo_data import TENANTS, Login, SampleTenant
from hunfly_box.operations.errors import UnsafeDatabase

SIMULATOR_START_SECONDS = 20
HIGHEST_PORT = 65_535
PR_SET_PDEATHSIG = 1
# What a number brings along from its phone when it is linked.
OLD_MESSAGES = 24
GREETINGS = (
    ("sample-0", "Oi! Vocês têm horário para hoje à tarde?"),
    ("sample-2", "Bom dia, queria fazer uma encomenda 😊"),
    ("sample-4", "Qual é o prazo de entrega?"),
)


@click.command()
@click.option("--reset", is_flag=True, help="Forget everything the demonstration has kept, and start anew.")
def demo(reset: bool) -> None:
    """Start a box with sample companies, a simulated WhatsApp and a customer's phone."""
    started = time.monotonic()
    with plain_errors():
        settings = load_settings_here()
        _refuse_outside(settings)
        ports = (settings.bind.port + 1, settings.bind.port + 2)
        _refuse_taken_ports(settings.bind, ports)
        if reset:
            _forget(settings.data_dir)
        with (
            _only_samples(),
            a_box(settings, "all", say) as resources,
            _simulator(resources, *ports) as (engine_url, engine_key),
        ):
            say("Making the sample companies")
            logins = demo_data.ensure(resources, engine_url, engine_key)
            phone_url = f"http://127.0.0.1:{ports[0]}/"

            def greet() -> None:
                threading.Thread(target=_link_numbers, args=(resources, engine_url), daemon=True).start()
                demo_data.write_summary(resources, f"{settings.origin}/inbox", phone_url, logins)
                _introduce(settings, phone_url, logins, time.monotonic() - started)

            run(resources, "all", greet)


@contextmanager
def _only_samples() -> Iterator[None]:
    """Nothing is lost with a demonstration: what another version left is begun anew, not repaired."""
    try:
        yield
    except UnsafeDatabase as error:
        remedy = "If another version made this demonstration, start it anew: make demo RESET=1"
        raise UnsafeDatabase(error.message, remedy) from error


def _refuse_outside(settings: Settings) -> None:
    if settings.bind.host not in ("127.0.0.1", "::1", "localhost"):
        raise SettingsError(
            f"The demonstration is for this machine only, and HUNFLY_BIND is {settings.bind}.",
            "Leave HUNFLY_BIND out, or use 127.0.0.1. For others to reach a box, run hunfly-box serve.",
        )


def _refuse_taken_ports(bind: Address, others: tuple[int, ...]) -> None:
    if max(others) > HIGHEST_PORT:
        raise SettingsError(
            f"The demonstration needs three ports in a row, and HUNFLY_BIND is {bind}.",
            f"Choose one up to {HIGHEST_PORT - len(others)}, such as 127.0.0.1:8080.",
        )
    for address in (bind, *(Address("127.0.0.1", port) for port in others)):
        refuse_taken_port(address, "HUNFLY_BIND")


def _forget(folder: Path) -> None:
    """Only what a box keeps, in a folder that a box made and that no box uses now. Raises StartError."""
    if not folder.exists():
        return
    if _is_foreign(folder):
        raise StartError(
            f"{folder} does not look like a box's data folder.", "It was left as it is; empty it yourself."
        )
    say(f"Forgetting what is in {folder}")
    supervisor.reset(folder)


def _is_foreign(folder: Path) -> bool:
    try:
        return not (folder / "version").exists() and any(folder.iterdir())
    except OSError:
        # Not ours to read: the start says so, with the remedy.
        return False


@contextmanager
def _simulator(resources: Resources, phone_port: int, engine_port: int) -> Iterator[tuple[str, str]]:
    """A process of its own, which ends with this one however this one ends."""
    folder = DataFolder(resources.settings.data_dir)
    key = _engine_key(folder.keys / "demo-engine.json")
    url = f"http://127.0.0.1:{engine_port}"
    command = [
        sys.executable,
        "-m",
        "hunfly_box.simulator",
        "--port",
        str(engine_port),
        "--phone-port",
        str(phone_port),
    ]
    command += ["--state-dir", str(folder.simulator), "--sample"]
    say("Starting the simulated WhatsApp")
    child = subprocess.Popen(
        command,
        env={**os.environ, "HUNFLY_SIMULATOR_API_KEY": key},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )
    try:
        _wait_for(url, key, child)
        yield url, key
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _engine_key(file: Path) -> str:
    if not file.exists():
        write_private(file, json.dumps({"api_key": secrets.token_hex(16)}))
    return str(json.loads(file.read_text())["api_key"])


def _wait_for(url: str, key: str, child: "subprocess.Popen[bytes]") -> None:
    """The key proves that it is our simulator that answers."""
    until = time.monotonic() + SIMULATOR_START_SECONDS
    while time.monotonic() < until:
        if child.poll() is not None:
            raise StartError(
                "The simulated WhatsApp did not start.", f"Try it alone: {sys.executable} -m hunfly_box.simulator"
            )
        try:
            answer = urllib3.request("GET", f"{url}/instance/fetchInstances", headers={"apikey": key}, retries=False)
            if answer.status in (200, 404):
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.05)
    raise StartError("The simulated WhatsApp does not answer.", "Start again; if it stays so, use --reset.")


def _link_numbers(resources: Resources, engine_url: str) -> None:
    """Pairs each sample number once, as its owner would with the phone in hand."""
    for sample in TENANTS:
        with resources.control.transaction() as tx:
            tenant_id = tx.scalar("SELECT id FROM app.tenants WHERE slug = :slug", slug=sample.slug)
        with resources.database.transaction(Scope.system(tenant_id)) as tx:
            channel_id = channels.find(tx, sample.instance)
            if channel_id is None or channels.line(tx, channel_id).state != "new":
                continue
        connecting.connect(resources, tenant_id, channel_id)
        _scan(engine_url, sample)


def _scan(engine_url: str, sample: SampleTenant) -> None:
    _tell(
        engine_url,
        "scan",
        {"instance": sample.instance, "number": sample.number, "name": sample.name, "history": OLD_MESSAGES},
    )
    time.sleep(1.0)
    for contact, text in GREETINGS:
        _tell(engine_url, "receive", {"instance": sample.instance, "contact": contact, "text": text})


def _tell(engine_url: str, command: str, fields: dict[str, object]) -> None:
    urllib3.request("POST", f"{engine_url}/sim/{command}", json=fields, retries=False)


def _introduce(settings: Settings, phone_url: str, logins: list[Login], seconds: float) -> None:
    say("")
    say(f"The box is up after {seconds:.1f} s.")
    say("")
    say(f"  Inbox             {settings.origin}/inbox")
    say(f"  Customer's phone  {phone_url}")
    say("")
    for login in logins:
        say(f"  {login.tenant or 'the box':13} {login.role:13} {login.email:28} {login.password}")
    say("")
    say(f"Data lies in {settings.data_dir}. Ctrl-C stops everything.")
