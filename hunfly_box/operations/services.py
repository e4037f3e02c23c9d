"""The servers a box stands on: embedded ones that live as long as we do, or external ones that somebody else runs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import make_url

from hunfly_box.config import Settings, SettingsError
from hunfly_box.embedded import data_folder
from hunfly_box.embedded.supervisor import EmbeddedServers
from hunfly_box.kit.logins import Logins, logins, passwords
from hunfly_box.kit.paths import OWNER_ONLY_DIR, DataFolder
from hunfly_box.operations.errors import MigrationError, UnsafeDatabase


@dataclass(frozen=True, slots=True)
class Services:
    """`admin_url` may migrate; None when the settings name no such login."""

    app_url: str
    admin_url: str | None
    redis_url: str
    passwords_file: Path

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, told: str) -> "Services":
        fields = json.loads(told)
        return cls(**(fields | {"passwords_file": Path(fields["passwords_file"])}))

    @property
    def logins(self) -> Logins:
        return logins(self.app_url, self.passwords_file)


@contextmanager
def own_services(settings: Settings) -> Iterator[Services]:
    """Embedded servers are stopped at the end. Raises StartError and SettingsError, each with its remedy."""
    if settings.database_url is None:
        with _embedded(settings) as services:
            yield services
        return
    if settings.redis_url is None:
        raise SettingsError("HUNFLY_DATABASE_URL is set and HUNFLY_REDIS_URL is not.", "Set both, or neither.")
    folder = data_folder.prepare(settings.data_dir)
    yield Services(settings.database_url, settings.database_admin_url, settings.redis_url, passwords_file(folder))


@contextmanager
def _embedded(settings: Settings) -> Iterator[Services]:
    servers = EmbeddedServers(settings.data_dir)
    endpoints = servers.start()
    try:
        yield embedded_services(
            DataFolder(settings.data_dir), endpoints.database_superuser_url, settings.redis_url or endpoints.redis_url
        )
    finally:
        servers.stop()


def embedded_services(folder: DataFolder, superuser_url: str, redis_url: str) -> Services:
    """Also for a command that finds a running box's endpoints in its folder."""
    file = passwords_file(folder)
    bare = make_url(superuser_url).set(username="hb_app", password=None)
    known = passwords(bare.render_as_string(hide_password=False), file)
    app_url = bare.set(password=known["hb_app"]).render_as_string(hide_password=False)
    return Services(app_url, superuser_url, redis_url, file)


def passwords_file(folder: DataFolder) -> Path:
    folder.keys.mkdir(mode=OWNER_ONLY_DIR, parents=True, exist_ok=True)
    os.chmod(folder.keys, OWNER_ONLY_DIR)  # noqa: PTH101 - the folder may be older than this rule
    return folder.keys / "logins.json"


def bring_up_to_date(services: Services) -> list[str]:
    """Migrates where we may and checks the walls. Returns what was done.

    In a process of its own: what migrating loads would otherwise stay in memory for as long as the box runs.
    Raises MigrationError and UnsafeDatabase, each with its remedy.
    """
    command = [sys.executable, "-P", "-m", "hunfly_box.operations.upgrade"]
    run = subprocess.run(command, input=services.to_json(), stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0:
        raise MigrationError("The database could not be brought to this version.", "What went wrong stands above.")
    answer = json.loads(run.stdout)
    if kind := answer.get("refused"):
        raise {"MigrationError": MigrationError, "UnsafeDatabase": UnsafeDatabase}[kind](
            answer["message"], answer["remedy"]
        )
    done: list[str] = answer["done"]
    return done
