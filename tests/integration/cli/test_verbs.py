"""Verbs as a script calls them: real processes, one JSON object, honest exit codes, secrets by standard input only."""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from hunfly_box import VERSION
from hunfly_box.access.authentication import viewer_from_headers
from hunfly_box.cli.verbs import main
from hunfly_box.embedded.supervisor import EmbeddedServers
from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from tests.cast import PASSWORD
from tests.conftest import Box

ENOUGH_SECONDS = 60
GOOD_PASSWORD = "uma frase bem comprida"


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def process(environment: dict[str, str], *words: str, stdin: str = "") -> Done:
    """A real process, as a script starts it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUNFLY_")}
    done = subprocess.run(
        [sys.executable, "-m", "hunfly_box", *words],
        env=clean | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=ENOUGH_SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def call(environment: dict[str, str], *words: str, stdin: str = "") -> Done:
    """The same in this process, which saves its start; what the verb set up for logging is taken back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    hidden = {name: None for name in os.environ if name.startswith("HUNFLY_")}
    try:
        done = CliRunner().invoke(main, list(words), input=stdin, env=hidden | environment)
    finally:
        root.handlers, root.level = handlers, level
        logging.captureWarnings(False)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def answer(environment: dict[str, str], *words: str, stdin: str = "") -> dict[str, Any]:
    return one_object(call(environment, *words, "--json", stdin=stdin))


def one_object(done: Done) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    return parsed


@pytest.fixture(scope="module")
def shop(box: Box) -> dict[str, Any]:
    """A tenant made by the verbs themselves, with its first person."""
    made = answer(box.environment, "tenant", "create", "--name", "Loja", "--slug", "loja")
    person = answer(
        box.environment,
        *["user", "create", "--tenant", "loja", "--email", "dona@loja.example", "--name", "Dona"],
        *["--role", "tenant_admin", "--password-stdin"],
        stdin=GOOD_PASSWORD + "\n",
    )
    return made | {"person": person}


def test_version_needs_no_database() -> None:
    nowhere = {
        "HUNFLY_DATABASE_URL": "postgresql://hb_app:x@127.0.0.1:1/none",
        "HUNFLY_REDIS_URL": "redis://127.0.0.1:1",
    }
    assert one_object(process(nowhere, "version", "--json")) == {"version": VERSION}


def test_a_tenant_and_its_first_person_are_made_by_hand(shop: dict[str, Any], box: Box) -> None:
    assert set(shop) == {"id", "slug", "person"}
    assert shop["person"].keys() == {"id", "email"}
    listed = answer(box.environment, "tenant", "list")["items"]
    mine = next(item for item in listed if item["slug"] == "loja")
    assert (mine["id"], mine["users"]) == (shop["id"], 1)


def test_a_short_name_is_given_once(shop: dict[str, Any], box: Box) -> None:
    done = call(box.environment, "tenant", "create", "--name", "Outra", "--slug", "loja", "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "already" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["tenant", "create", "--name", "X"],
        ["tenant", "fly"],
        ["user", "create", "--email", "a@b.c", "--name", "A", "--role", "agent", "--password-stdin"],
        [
            "user",
            "create",
            "--tenant",
            "loja",
            "--email",
            "a@b.c",
            "--name",
            "A",
            "--role",
            "reseller",
            "--password-stdin",
        ],
        ["user", "create", "--tenant", "loja", "--email", "a@b.c", "--name", "A", "--role", "agent"],
    ],
    ids=["an option missing", "an unknown verb", "no place", "a role of another place", "no password"],
)
def test_wrong_use_is_exit_code_2(box: Box, words: list[str]) -> None:
    done = call(box.environment, *words, stdin="something long enough")
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_short_password_is_refused_with_its_reason(box: Box, shop: dict[str, Any]) -> None:
    words = ["user", "create", "--tenant", "loja", "--email", "x@loja.example", "--name", "X", "--role", "agent"]
    done = call(box.environment, *words, "--password-stdin", stdin="curta")
    assert done.returncode == 1
    assert "12" in done.stderr


def test_an_existing_person_gets_a_further_place_by_their_password_alone(box: Box, shop: dict[str, Any]) -> None:
    words = ["user", "create", "--tenant", "loja", "--email", box.cast.caio.email, "--name", "Caio", "--role", "agent"]
    assert call(box.environment, *words, "--password-stdin", stdin="another long password").returncode == 1
    assert answer(box.environment, *words, "--password-stdin", stdin=PASSWORD)["id"] == str(box.cast.caio.id)


def test_a_reseller_and_the_owner_of_the_box_are_made_by_hand(box: Box) -> None:
    answer(box.environment, "reseller", "create", "--name", "Revenda", "--slug", "revenda")
    for place, role in ((["--reseller", "revenda"], "reseller"), (["--box"], "super_admin")):
        email = f"{role}@example.org"
        words = ["user", "create", *place, "--email", email, "--name", role, "--role", role, "--password-stdin"]
        assert answer(box.environment, *words, stdin=GOOD_PASSWORD)["email"] == email
    made = answer(box.environment, "tenant", "create", "--name", "Y", "--slug", "y", "--reseller", "revenda")
    listed = answer(box.environment, "tenant", "list", "--reseller", "revenda")["items"]
    assert [item["id"] for item in listed] == [made["id"]]


def test_a_channel_is_rows_only_and_its_secrets_are_shown_once(box: Box, shop: dict[str, Any]) -> None:
    given = {"hmac": "a" * 64, "header_name": "X-Load", "header_value": "b" * 32, "jwt_key": "c" * 32, "api_key": "k"}
    words = ["channel", "create", "--tenant", "loja", "--name", "Vendas", "--provider", "evolution"]
    words += ["--instance", "loja-1", "--engine-url", "http://127.0.0.1:1"]
    made = answer(box.environment, *words, "--secrets-stdin", stdin=json.dumps(given))
    assert made.keys() == {"id", "route_key", "webhook_path", "secrets"}
    assert made["secrets"] == {name: value for name, value in given.items() if name != "api_key"}
    assert made["webhook_path"] == f"/api/webhooks/whatsapp/evolution/{made['route_key']}"
    listed = answer(box.environment, "channel", "list", "--tenant", "loja")["items"]
    assert [(item["id"], item["state"]) for item in listed] == [(made["id"], "new")]
    assert "secrets" not in listed[0]


def test_connecting_to_an_engine_that_is_away_fails_plainly(box: Box, shop: dict[str, Any]) -> None:
    words = ["channel", "create", "--tenant", "loja", "--name", "Fora", "--provider", "evolution"]
    answer(box.environment, *words, "--instance", "loja-2", "--engine-url", "http://127.0.0.1:1")
    done = call(box.environment, "channel", "connect", "--tenant", "loja", "--channel", "loja-2", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert call(box.environment, "channel", "connect", "--tenant", "loja", "--channel", "none").returncode == 1


def test_a_token_works_until_it_is_revoked(box: Box, shop: dict[str, Any]) -> None:
    words = ["--tenant", "loja", "--user", "dona@loja.example", "--scopes", "conversations:read,live:read"]
    token = answer(box.environment, "token", "create", *words)["token"]
    viewer = viewer_from_headers(box.resources, {"authorization": f"Bearer {token}"})
    assert viewer is not None
    assert viewer.scopes == {"conversations:read", "live:read"}
    listed = answer(box.environment, "token", "list", "--tenant", "loja")["items"]
    assert [item["prefix"] for item in listed] == [token[4:12]]
    answer(box.environment, "token", "revoke", "--tenant", "loja", "--token", token[:12])
    assert call(box.environment, "token", "revoke", "--tenant", "loja", "--token", token[4:12]).returncode == 1


def test_a_scope_that_does_not_exist_is_refused_with_those_that_do(box: Box, shop: dict[str, Any]) -> None:
    words = ["token", "create", "--tenant", "loja", "--user", "dona@loja.example", "--scopes", "everything:write"]
    done = call(box.environment, *words)
    assert done.returncode == 1
    assert "conversations:read" in done.stderr


def test_a_new_password_is_set_by_standard_input(box: Box, shop: dict[str, Any]) -> None:
    words = ["user", "reset-password", "--email", "dona@loja.example", "--password-stdin"]
    assert answer(box.environment, *words, stdin="mais uma frase comprida")["id"] == shop["person"]["id"]
    assert (
        call(
            box.environment, "user", "reset-password", "--email", "nobody@x.y", "--password-stdin", stdin=GOOD_PASSWORD
        ).returncode
        == 1
    )


def test_the_doctor_finds_a_box_on_external_servers_well_and_a_key_open_to_others_not(box: Box) -> None:
    assert answer(box.environment, "doctor")["ok"] is True
    key = Path(box.environment["HUNFLY_DATA_DIR"]) / "keys" / "secrets.key"
    key.chmod(0o644)
    try:
        done = call(box.environment, "doctor")
        assert done.returncode == 1
        assert "chmod 600" in done.stdout
    finally:
        key.chmod(0o600)


@pytest.mark.parametrize("login", ["HUNFLY_DATABASE_URL", "HUNFLY_DATABASE_ADMIN_URL"])
def test_a_database_that_is_away_is_said_in_plain_words(box: Box, login: str) -> None:
    away = box.environment | {login: "postgresql://hb_app:x@127.0.0.1:1/none"}
    if login == "HUNFLY_DATABASE_URL":
        away.pop("HUNFLY_DATABASE_ADMIN_URL")
    # A real process: what its own children say counts too.
    done = process(away, "tenant", "list")
    assert (done.returncode, done.stdout) == (1, "")
    told, remedy = done.stderr.splitlines()
    assert told.startswith("hunfly-box: The database did not answer: ")
    assert remedy == f"  Check {login} and that the server runs."


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Short on purpose: the sockets' paths may not be longer than 107 characters.
    with tempfile.TemporaryDirectory(prefix="hbv-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "d"


def test_verbs_start_and_stop_the_servers_when_no_box_runs_and_use_those_of_one_that_does(data_dir: Path) -> None:
    environment = {"HUNFLY_DATA_DIR": str(data_dir)}
    made = one_object(process(environment, "tenant", "create", "--name", "A", "--slug", "a", "--json"))
    assert made["slug"] == "a"
    assert not (data_dir / "run" / "endpoints.json").exists()
    with EmbeddedServers(data_dir) as running:
        running.start()
        one_object(process(environment, "tenant", "create", "--name", "B", "--slug", "b", "--json"))
        assert running.is_alive()
        assert [item["slug"] for item in answer(environment, "tenant", "list")["items"]] == ["a", "b"]
        assert answer(environment, "doctor")["ok"] is True
        assert answer(environment, "migrate")["done"] == []
    away = process(environment | {"HUNFLY_LOG_LEVEL": "loud"}, "tenant", "list")
    assert away.returncode == 1
    assert "HUNFLY_LOG_LEVEL" in away.stderr


PARKED = """
INSERT INTO app.journal (tenant_id, id, channel_id, event, state, reason, body)
VALUES (app.tenant_id(), :id, :channel, 'messages.upsert', 'parked', 'parse_error', :body)
"""


def test_the_journal_is_listed_shown_and_replayed(box: Box, shop: dict[str, Any]) -> None:
    words = ["channel", "create", "--tenant", "loja", "--name", "Diário", "--provider", "evolution"]
    made = answer(box.environment, *words, "--instance", "loja-3", "--engine-url", "http://127.0.0.1:1")
    entry_id = new_id()
    body = {"event": "messages.upsert", "instance": "loja-3", "data": {"nothing": "of use"}}
    with box.resources.database.transaction(Scope.system(UUID(shop["id"]))) as tx:
        tx.execute(PARKED, id=entry_id, channel=made["id"], body=json.dumps(body).encode())
    listed = answer(box.environment, "journal", "list", "--tenant", "loja")
    assert [item["id"] for item in listed["items"]] == [str(entry_id)]
    assert listed["parked"] == {"parse_error": 1}
    shown = answer(box.environment, "journal", "show", "--tenant", "loja", str(entry_id))
    assert json.loads(shown["body"]) == body
    for _ in range(2):
        counts = answer(box.environment, "journal", "replay", "--tenant", "loja")
        assert sum(counts.values()) == 1
    assert call(box.environment, "journal", "show", "--tenant", "padaria", str(entry_id)).returncode == 1
    assert call(box.environment, "journal", "replay", "--tenant", "padaria", str(entry_id)).returncode == 1
