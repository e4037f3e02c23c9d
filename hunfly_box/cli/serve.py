"""`hunfly-box serve`: the box, until it is told to stop."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from hunfly_box.bootstrap import Resources, build_resources
from hunfly_box.config import Address, Settings, SettingsError, load_settings
from hunfly_box.embedded.errors import StartError
from hunfly_box.kit import logging as logs
from hunfly_box.kit.crypto import KeyFileError
from hunfly_box.kit.hub import Hub
from hunfly_box.operations.errors import MigrationError, UnsafeDatabase
from hunfly_box.operations.services import bring_up_to_date, own_services

ROLES = ("all", "web", "worker")


@click.command()
@click.option("--role", type=click.Choice(ROLES), default="all", show_default=True, help="What this process does.")
def serve(role: str) -> None:
    """Serve the inbox, receive webhooks and send replies, until SIGTERM or Ctrl-C."""
    with plain_errors():
        settings = load_settings_here()
        with a_box(settings, role, say) as resources:
            run(resources, role, lambda: say(f"Ready: {settings.origin}"))


def run(resources: Resources, role: str, on_ready: Callable[[], None]) -> None:
    from hunfly_box import server  # noqa: PLC0415 - the web stack is heavy; a wrong setting is told before it loads

    server.run(resources, role, on_ready)


@contextmanager
def a_box(settings: Settings, role: str, progress: Callable[[str], None]) -> Iterator[Resources]:
    """Servers up, schema up to date, walls checked. Everything is stopped at the end."""
    if role != "worker":
        refuse_taken_port(settings.bind, "HUNFLY_BIND")
    if role != "all" and settings.database_url is None:
        raise SettingsError(
            f"--role {role} needs servers that several processes can reach.",
            "Set HUNFLY_DATABASE_URL and HUNFLY_REDIS_URL, or start without --role.",
        )
    if role == "all" and settings.database_url is None:
        progress(f"Starting Postgres and Valkey in {settings.data_dir}")
    with own_services(settings) as services:
        for line in bring_up_to_date(services):
            progress(line[0].upper() + line[1:])
        resources = build_resources(settings, services.logins, services.redis_url, Hub())
        try:
            yield resources
        finally:
            resources.close()


@contextmanager
def plain_errors() -> Iterator[None]:
    """What a person can mend is said in two lines, without a trace; the exit code is 1."""
    try:
        yield
    except (SettingsError, StartError, MigrationError, UnsafeDatabase) as error:
        fail(error.message, error.remedy)
    except KeyFileError as error:
        fail(str(error), "")


def fail(message: str, remedy: str) -> None:
    click.echo(f"hunfly-box: {message}", err=True)
    if remedy:
        click.echo(f"  {remedy}", err=True)
    sys.exit(1)


def refuse_taken_port(address: Address, setting: str) -> None:
    """Before anything is started: two servers on one port would answer for each other."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except PermissionError as error:
            raise StartError(
                f"{address} cannot be used: ports below 1024 are kept for root.",
                f"Choose a higher one: {setting}={Address(address.host, 8080)}",
            ) from error
        except OSError as error:
            raise StartError(
                f"{address} cannot be used: {error.strerror or error}.",
                f"Stop what listens there, or choose another address: {setting}=127.0.0.1:{address.port + 10}",
            ) from error


def load_settings_here() -> Settings:
    import os  # noqa: PLC0415 - the one place that reads the environment

    settings = load_settings(os.environ)
    logs.configure(settings.log_level, settings.log_format)
    return settings


def say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
