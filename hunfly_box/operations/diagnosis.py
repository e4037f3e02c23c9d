"""What `doctor` looks at. Changes nothing and starts nothing."""

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
from sqlalchemy.exc import SQLAlchemyError

from hunfly_box.config import Settings
from hunfly_box.embedded import programs, server_user
from hunfly_box.embedded.errors import StartError
from hunfly_box.embedded.supervisor import find_running
from hunfly_box.kit.database import make_engine
from hunfly_box.kit.paths import DataFolder
from hunfly_box.kit.redis import connect
from hunfly_box.operations import catalogue
from hunfly_box.operations.errors import MigrationError, UnsafeDatabase
from hunfly_box.operations.migrate import pending, refuse_newer
from hunfly_box.operations.services import embedded_services

LEAST_FREE_DISK = 0.10


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    is_well: bool
    detail: str


class Wrong(Exception):
    """A verdict, with the remedy in its words."""


def examine(settings: Settings) -> list[Finding]:
    looks: list[tuple[str, Callable[[Settings], str]]] = [
        ("data folder", _data_folder),
        ("keys", _keys),
        ("disk", _disk),
    ]
    if settings.database_url is None:
        looks += [("servers", _embedded)]
    else:
        looks += [("database", _external_database), ("redis", _external_redis)]
    return [_finding(name, look, settings) for name, look in looks]


def _finding(name: str, look: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, True, look(settings))
    except (Wrong, StartError, MigrationError, UnsafeDatabase) as verdict:
        return Finding(name, False, str(verdict))
    except (SQLAlchemyError, redis.RedisError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()
        return Finding(name, False, f"does not answer: {reason[0] if reason else type(error).__name__}")


def _data_folder(settings: Settings) -> str:
    folder = settings.data_dir
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise Wrong(f"{nearest} cannot be written by user {os.geteuid()}. Change its owner, or set HUNFLY_DATA_DIR.")
    return f"{folder}" if folder.exists() else f"{folder} (made at the first start)"


def _keys(settings: Settings) -> str:
    keys = DataFolder(settings.data_dir).keys
    found = sorted(keys.iterdir()) if keys.is_dir() else []
    wide = [path for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if wide:
        raise Wrong(f"Others can read {', '.join(map(str, wide))}. Run: chmod 600 {' '.join(map(str, wide))}")
    return f"{len(found)} files, readable by their owner alone"


def _disk(settings: Settings) -> str:
    nearest: Path = next(path for path in (settings.data_dir, *settings.data_dir.parents) if path.exists())
    usage = shutil.disk_usage(nearest)
    free = usage.free / usage.total
    if free < LEAST_FREE_DISK:
        raise Wrong(f"Only {free:.0%} free. Below {LEAST_FREE_DISK:.0%} uploads are refused; make room.")
    return f"{free:.0%} free"


def _embedded(settings: Settings) -> str:
    running = find_running(settings.data_dir)
    if running is None:
        programs.locate(server_user.choose(DataFolder(settings.data_dir).postgres))
        return "this box does not run now; the programs of Postgres and Valkey are there"
    folder = DataFolder(settings.data_dir)
    services = embedded_services(folder, running.database_superuser_url, running.redis_url)
    connect(services.redis_url).ping()
    return f"running; {_database(services.app_url)}"


def _external_database(settings: Settings) -> str:
    return _database(str(settings.database_url))


def _external_redis(settings: Settings) -> str:
    connection = connect(str(settings.redis_url))
    answer = connection.info("server")
    version = answer["redis_version"] if isinstance(answer, dict) else "?"
    return f"answers, version {version}"


def _database(url: str) -> str:
    engine = make_engine(url, pool_size=1)
    try:
        refuse_newer(engine)
        if pending(engine):
            raise Wrong("The database has not been migrated to this version. Run hunfly-box migrate.")
        catalogue.refuse_unsafe(engine)
    finally:
        engine.dispose()
    return "the database answers, is at this version, and its walls stand"
