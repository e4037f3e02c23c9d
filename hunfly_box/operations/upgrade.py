"""Migrates where we may, refuses where we may not, and checks the walls: one short-lived process.

`python -m hunfly_box.operations.upgrade` reads the services as JSON from standard input, because they hold passwords,
and answers {"done": […]} or {"refused": kind, "message": …, "remedy": …}.
"""

import json
import sys

from sqlalchemy.exc import OperationalError

from hunfly_box.kit.database import make_engine
from hunfly_box.operations import catalogue
from hunfly_box.operations.errors import MigrationError, UnsafeDatabase
from hunfly_box.operations.migrate import migrate, pending, refuse_newer
from hunfly_box.operations.services import Services


def upgrade(services: Services) -> list[str]:
    """What was done. Raises MigrationError and UnsafeDatabase."""
    done = []
    if services.admin_url:
        done = migrate(services.admin_url, services.app_url, services.passwords_file)
    engine = make_engine(services.app_url, pool_size=1)
    try:
        refuse_newer(engine)
        if not services.admin_url and pending(engine):
            raise MigrationError(
                "The database has not been migrated to this version.",
                "Set HUNFLY_DATABASE_ADMIN_URL to a login that may create roles, or run hunfly-box migrate with it.",
            )
        catalogue.refuse_unsafe(engine)
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise MigrationError(
            f"The database did not answer: {reason}", "Check HUNFLY_DATABASE_URL and that the server runs."
        ) from error
    finally:
        engine.dispose()
    return done


def main() -> None:
    services = Services.from_json(sys.stdin.read())
    answer: dict[str, object]
    try:
        answer = {"done": upgrade(services)}
    except (MigrationError, UnsafeDatabase) as refusal:
        answer = {"refused": type(refusal).__name__, "message": refusal.message, "remedy": refusal.remedy}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
