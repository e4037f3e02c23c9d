"""The questions behind /health/ready and /health/deep. Each answers within seconds, whatever is broken."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from hunfly_box.bootstrap import Resources
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.redis import key

log = logging.getLogger(__name__)

# Every working process keeps a key of its own alive.
HEARTBEATS = key(None, "worker", "*")
LEAST_FREE_DISK = 0.10
MOST_BACKLOG_COUNTED = 5_000

BACKLOG = "SELECT (SELECT count(*) FROM app.due_work(:most)) + (SELECT count(*) FROM app.due_deliveries(:most))"


@dataclass(frozen=True, slots=True)
class Finding:
    """`detail` is for the owner of the box: no names of tenants, no secrets."""

    name: str
    is_well: bool
    milliseconds: int
    detail: str = ""


class Unwell(Exception):
    """A check's own verdict, in words."""


def ready(resources: Resources) -> list[Finding]:
    """What must answer for a request to be served."""
    return [_find("database", _database, resources), _find("redis", _redis, resources)]


def deep(resources: Resources) -> list[Finding]:
    return [
        *ready(resources),
        _find("write", _write, resources),
        _find("worker", _worker, resources),
        _find("numbers", _numbers, resources),
        _find("disk", _disk, resources),
    ]


def backlog(resources: Resources) -> int:
    with resources.database.fenced() as tx:
        return int(tx.scalar(BACKLOG, most=MOST_BACKLOG_COUNTED))


def backlog_or_none(resources: Resources) -> int | None:
    """None while the database is away: the other figures are worth having then."""
    try:
        return backlog(resources)
    except SQLAlchemyError:
        return None


def _find(name: str, check: Callable[[Resources], str], resources: Resources) -> Finding:
    started = time.perf_counter()
    try:
        detail, is_well = check(resources), True
    except Unwell as verdict:
        detail, is_well = str(verdict), False
    except Exception as error:  # noqa: BLE001 - whatever a check runs into is its answer
        log.warning("health check %s: %s", name, error)
        detail, is_well = type(error).__name__, False
    return Finding(name, is_well, int((time.perf_counter() - started) * 1000), detail)


def _database(resources: Resources) -> str:
    with resources.database.fenced() as tx:
        tx.scalar("SELECT 1")
    return ""


def _redis(resources: Resources) -> str:
    resources.redis.ping()
    return ""


def _write(resources: Resources) -> str:
    """Through the control plane, as no tenant's table is anybody's test ground; undone at once."""
    with resources.control.engine.connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql(
            "INSERT INTO app.resellers (id, name, slug) VALUES (%s, 'health', %s)",
            (new_id(), f"health-{new_id()}"),
        )
        transaction.rollback()
    return ""


def _worker(resources: Resources) -> str:
    working = sum(1 for _ in resources.redis.scan_iter(match=HEARTBEATS, count=1000))
    if not working:
        raise Unwell("no worker has shown itself lately")
    return f"{working} working, {backlog(resources)} due"


def _numbers(resources: Resources) -> str:
    """An engine that is down concerns its tenants; the box itself is well."""
    with resources.control.transaction() as tx:
        states = tx.scalars("SELECT state FROM app.channels")
    return f"{states.count('open')} of {len(states)} open, {states.count('engine_down')} engines down"


def _disk(resources: Resources) -> str:
    usage = shutil.disk_usage(resources.settings.data_dir)
    free = usage.free / usage.total
    if free < LEAST_FREE_DISK:
        raise Unwell(f"{free:.0%} free")
    return f"{free:.0%} free"
