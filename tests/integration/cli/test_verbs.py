"""Verbs as a script calls them: real processes, one JSON object, honest exit codes, secrets by standard input only."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hunfly_box import VERSION
from hunfly_box.access.authentication import viewer_from_headers
from hunfly_box.embedded.supervisor import EmbeddedServers
from tests.cast import PASSWORD
from tests.conftest import Box

ENOUGH_SECONDS = 60
GOOD_PASSWORD = "uma frase bem comprida"


def call(environment: dict[str, str], *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUNFLY_")}
    return subprocess.run(
        [sys.executable, "-m", "hunfly_box", *words],
        env=clean | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=ENOUGH_SECONDS,
        check=False,
    )


def answer(environment: dict[str, str], *words: str, stdin: str = "") -> dict[str, Any]:
    done = call(environment, *words, "--json", stdin=stdin)
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
    assert answer(nowhere, "version") == {"version": VERSION}


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


def test_a_database_that_is_away_is_said_in_plain_words(box: Box) -> None:
    away = box.environment | {"HUNFLY_DATABASE_URL": "postgresql://hb_app:x@127.0.0.1:1/none"}
    away.pop("HUNFLY_DATABASE_ADMIN_URL")
    done = call(away, "tenant", "list")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Short on purpose: the sockets' paths may not be longer than 107 characters.
    with tempfile.TemporaryDirectory(prefix="hbv-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "d"


def test_verbs_start_and_stop_the_servers_when_no_box_runs(data_dir: Path) -> None:
    environment = {"HUNFLY_DATA_DIR": str(data_dir)}
    assert answer(environment, "tenant", "create", "--name", "A", "--slug", "a")["slug"] == "a"
    assert [item["slug"] for item in answer(environment, "tenant", "list")["items"]] == ["a"]
    assert not (data_dir / "run" / "endpoints.json").exists()


def test_verbs_use_the_servers_of_a_box_that_runs(data_dir: Path) -> None:
    environment = {"HUNFLY_DATA_DIR": str(data_dir)}
    answer(environment, "tenant", "create", "--name", "A", "--slug", "a")
    with EmbeddedServers(data_dir) as running:
        assert running.is_alive()
        answer(environment, "tenant", "create", "--name", "B", "--slug", "b")
        assert running.is_alive()
        assert len(answer(environment, "tenant", "list")["items"]) == 2
        assert answer(environment, "doctor")["ok"] is True
