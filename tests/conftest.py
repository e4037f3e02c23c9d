"""Real servers for the tests: embedded ones started here, or external ones named by the environment.

HUNFLY_TEST_DATABASE_ADMIN_URL and HUNFLY_TEST_REDIS_URL switch to external servers; each test module gets a database of its own,
copied from one that was migrated once.
"""

import gc
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from sqlalchemy import make_url

from hunfly_box.bootstrap import Resources, build_resources
from hunfly_box.config import load_settings
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.logins import logins
from hunfly_box.operations.migrate import migrate
from tests.cast import Cast, create_cast

# Few examples for the person who waits; many where a machine does (HUNFLY_TEST_THOROUGH=1).
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("thorough" if os.environ.get("HUNFLY_TEST_THOROUGH") else "quick")

# As in the Makefile, for who calls pytest themselves: the rewritten tests are kept.
sys.dont_write_bytecode = False

APP_PASSWORD = "a-password-of-the-tests"
LEAVE_SECONDS = 5.0
# The password hashers, one pool for the whole process.
SHARED_THREADS = "argon2"


@pytest.fixture(scope="module", autouse=True)
def what_a_module_left_running_or_open_is_told_by_that_module() -> Iterator[None]:
    """Otherwise a forgotten socket, or a thread that fails later, falls on whatever test runs at that moment."""
    before = set(threading.enumerate())
    yield
    gc.collect()
    left = [one for one in threading.enumerate() if one not in before and not one.name.startswith(SHARED_THREADS)]
    for one in left:
        one.join(LEAVE_SECONDS)
    assert not (left := [one.name for one in left if one.is_alive()]), f"still running: {left}"


@dataclass(frozen=True)
class Servers:
    """Where Postgres (as its administrator) and Redis answer, and a folder of our own."""

    admin_url: str
    redis_url: str
    folder: Path
    is_embedded: bool

    def database_url(self, login: str, password: str | None, database: str) -> str:
        url = make_url(self.admin_url).set(username=login, password=password, database=database)
        return url.render_as_string(hide_password=False)

    def admin(self, database: str | None = None) -> "psycopg.Connection[tuple[object, ...]]":
        url = make_url(self.admin_url)
        if database:
            url = url.set(database=database)
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    # Short on purpose: a unix socket's path may not be longer than 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="hbt-"))
    folder.chmod(0o755)
    external = os.environ.get("HUNFLY_TEST_DATABASE_ADMIN_URL")
    try:
        if external:
            yield Servers(external, os.environ["HUNFLY_TEST_REDIS_URL"], folder, is_embedded=False)
            return
        from hunfly_box.embedded.supervisor import EmbeddedServers

        embedded = EmbeddedServers(folder / "data")
        endpoints = embedded.start()
        try:
            yield Servers(endpoints.database_superuser_url, endpoints.redis_url, folder, is_embedded=True)
        finally:
            embedded.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(servers: Servers) -> Iterator[str]:
    """The name of a migrated, empty database to copy from."""
    name = f"hbt_{new_id().hex[-12:]}"
    with servers.admin() as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        # Runs side by side share an external server's roles: one after the other.
        admin.execute("SELECT pg_advisory_lock(1)")
        admin_url = make_url(servers.admin_url).set(database=name).render_as_string(hide_password=False)
        migrate(admin_url, servers.database_url("hb_app", APP_PASSWORD, name), servers.folder / "logins.json")
        # hb_app may have been made by an earlier run against the same external server.
        admin.execute(sql.SQL("ALTER ROLE hb_app PASSWORD {}").format(sql.Literal(APP_PASSWORD)))
    yield name
    with servers.admin() as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def database_name(servers: Servers, migrated: str) -> Iterator[str]:
    """A database of the module's own. Isolation tests commit for real: an outer transaction would keep the tenant's setting alive."""
    name = f"hbt_{new_id().hex[-12:]}"
    with servers.admin() as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(migrated)),
        )
        admin.execute(sql.SQL("REVOKE TEMPORARY, CREATE ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    yield name
    with servers.admin() as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@dataclass(frozen=True)
class Box:
    """Resources on real servers, with the cast in place. `environment` starts a process on the same box."""

    resources: Resources
    cast: Cast
    servers: Servers
    database_name: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def box(servers: Servers, database_name: str) -> Iterator[Box]:
    from hunfly_box.kit.hub import Hub

    data_dir = Path(tempfile.mkdtemp(prefix="hbt-box-"))
    redis_url = _own_redis_database(servers.redis_url)
    app_url = servers.database_url("hb_app", APP_PASSWORD, database_name)
    environment = {
        "HUNFLY_DATA_DIR": str(data_dir),
        "HUNFLY_DATABASE_URL": app_url,
        "HUNFLY_DATABASE_ADMIN_URL": servers.database_url(
            str(make_url(servers.admin_url).username), make_url(servers.admin_url).password, database_name
        ),
        "HUNFLY_REDIS_URL": redis_url,
    }
    keys = data_dir / "keys"
    keys.mkdir(mode=0o700)
    shutil.copy(servers.folder / "logins.json", keys / "logins.json")
    settings = load_settings(environment)
    resources = build_resources(settings, logins(app_url, keys / "logins.json"), redis_url, Hub())
    resources.redis.flushdb()
    try:
        yield Box(resources, create_cast(resources.control), servers, database_name, environment)
    finally:
        resources.close()
        shutil.rmtree(data_dir, ignore_errors=True)


def _own_redis_database(url: str) -> str:
    """Test processes side by side use one server: each takes a database number of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    number = 1 + int(worker) % 15
    if url.startswith("unix:"):
        return url.split("?", maxsplit=1)[0] + f"?db={number}"
    return url.rstrip("/").rsplit("/", 1)[0] + f"/{number}" if url.count("/") > 2 else f"{url}/{number}"
