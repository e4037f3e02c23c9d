"""Several boxes may share one Postgres server: each has a database of its own, and all have the same roles."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from hunfly_box.embedded.supervisor import EmbeddedServers

pytestmark = [pytest.mark.services]

WAITS = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE ROLE hb_owner%' AND wait_event_type = 'Lock'"


def plain(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def login(own: URL) -> URL:
    return own.set(username="hb_app", password="one-password-for-all")


def start_migrating(own: URL, folder: Path) -> "subprocess.Popen[str]":
    known = {name: value for name, value in os.environ.items() if not name.startswith("HUNFLY_")}
    settings = {
        "HUNFLY_DATA_DIR": str(folder),
        "HUNFLY_DATABASE_ADMIN_URL": plain(own),
        "HUNFLY_DATABASE_URL": plain(login(own)),
        "HUNFLY_REDIS_URL": "redis://127.0.0.1:1/0",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "hunfly_box", "migrate"],
        env=known | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_box_whose_roles_are_just_being_made_by_another_waits_for_them_and_goes_on(
    data_dir: Path, tmp_path: Path
) -> None:
    with EmbeddedServers(data_dir) as servers:
        administrator = make_url(servers.start().database_superuser_url)
        own = administrator.set(database="second")
        with psycopg.connect(plain(administrator), autocommit=True) as admin:
            admin.execute("CREATE DATABASE second")
            with psycopg.connect(plain(administrator)) as first:
                first.execute("CREATE ROLE hb_owner NOLOGIN")
                migrating = start_migrating(own, tmp_path / "second")
                while not admin.execute(WAITS).fetchone():
                    assert migrating.poll() is None
                    time.sleep(0.02)
        said, _ = migrating.communicate(timeout=60)
        assert migrating.returncode == 0, said
        with psycopg.connect(plain(login(own))) as box:
            assert box.execute("SELECT count(*) FROM app_meta.schema_version").fetchone() == (1,)
