"""A box for one command: the running one's servers, or our own for as long as the command takes."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from hunfly_box.bootstrap import Resources, build_resources
from hunfly_box.cli.serve import fail, load_settings_here, plain_errors
from hunfly_box.config import Settings
from hunfly_box.embedded.errors import StartError
from hunfly_box.embedded.supervisor import find_running
from hunfly_box.kit.database import Event, Scope, TenantTransaction, make_engine
from hunfly_box.kit.errors import HunflyError
from hunfly_box.kit.hub import Hub
from hunfly_box.kit.paths import DataFolder
from hunfly_box.operations.migrate import pending
from hunfly_box.operations.services import Services, bring_up_to_date, embedded_services, own_services
from hunfly_box.tenancy import queries as tenancy

# What Postgres says of a table that no migration has made yet.
UNDEFINED_TABLE = ("42P01", "3F000")
MIGRATION_SECONDS = 30.0
POLL_SECONDS = 0.1


@contextmanager
def open_box() -> Iterator[Resources]:
    """Errors that a person can mend end the program with their words and exit code 1."""
    with plain_errors(), _spoken_errors():
        settings = load_settings_here()
        with services_of(settings) as services:
            resources = build_resources(settings, services.logins, services.redis_url, Hub())
            resources.publish_through(lambda events: _publish(resources, events))
            try:
                yield resources
            finally:
                resources.close()


@contextmanager
def services_of(settings: Settings) -> Iterator[Services]:
    """A running box is up to date; what we start ourselves is brought there first."""
    running = find_running(settings.data_dir) if settings.database_url is None else None
    if running is not None:
        folder = DataFolder(settings.data_dir)
        services = embedded_services(folder, running.database_superuser_url, settings.redis_url or running.redis_url)
        _wait_until_migrated(services.app_url)
        yield services
        return
    with own_services(settings) as services:
        bring_up_to_date(services)
        yield services


@contextmanager
def tenant_transaction(resources: Resources, slug: str) -> Iterator[TenantTransaction]:
    """The owner of the machine acts as the system, inside one tenant. Raises NotFound."""
    with resources.control.transaction() as control:
        tenant_id = tenancy.tenant_id_by_slug(control, slug)
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        yield tx


def _wait_until_migrated(app_url: str) -> None:
    """A box that has just been started tells where its servers are before it has brought them up to date."""
    give_up_at = time.monotonic() + MIGRATION_SECONDS
    engine = make_engine(app_url, pool_size=1)
    try:
        while True:
            try:
                if not pending(engine):
                    return
            except SQLAlchemyError:
                if time.monotonic() > give_up_at:
                    raise
            if time.monotonic() > give_up_at:
                raise StartError("The running box has not brought its database up to date.", "See its log.")
            time.sleep(POLL_SECONDS)
    finally:
        engine.dispose()


def _publish(resources: Resources, events: list[Event]) -> None:
    """Screens and workers of the running box hear of it; loaded only when there is something to tell."""
    from hunfly_box import reactions
    from hunfly_box.inbox import live
    from hunfly_box.kit.job_queue import JobQueue

    reactions.connect(resources, JobQueue(resources.redis_url), live.push_changes)
    resources.database.publish(events)


@contextmanager
def _spoken_errors() -> Iterator[None]:
    try:
        yield
    except HunflyError as error:
        fields = "".join(f"\n  {item.field}: {item.detail or item.code}" for item in error.errors)
        click.echo(f"hunfly-box: {error.detail}{fields}", err=True)
        sys.exit(1)
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        fail(f"The database did not answer: {reason}", "Check HUNFLY_DATABASE_URL and that the server runs.")
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in UNDEFINED_TABLE:
            raise
        fail("The database has not been migrated.", "Run hunfly-box migrate with HUNFLY_DATABASE_ADMIN_URL set.")
