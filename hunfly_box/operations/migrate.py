"""Brings a database to this version: roles, schema, extensions. Safe to run from several processes at once."""

import random
import time
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from hunfly_box.kit.database import make_engine
from hunfly_box.kit.logins import passwords
from hunfly_box.operations.errors import MigrationError

MIGRATIONS = Path(__file__).parent.parent / "migrations"
LOGIN_ROLES = ("hb_app", "hb_ingest", "hb_admin")
GROUP_ROLES = ("hb_owner", "hb_search", "hb_maint")
EXTENSIONS = ("unaccent", "pg_trgm", "btree_gin")
LOWEST_POSTGRES = 150000
# Any constant will do, as long as every version of the program uses the same.
MIGRATION_LOCK = 4820911
# unique_violation, duplicate_object, and internal_error, which is how Postgres says "tuple concurrently updated".
MADE_BY_ANOTHER = ("23505", "42710", "XX000")
MOST_ROLE_TRIES = 20


def migrate(admin_url: str, app_url: str, passwords_file: Path) -> list[str]:
    """Returns what was done, a line each; empty when there was nothing to do. Raises MigrationError."""
    done: list[str] = []
    engine = make_engine(admin_url, pool_size=1)
    try:
        with engine.connect() as connection:
            _refuse_old_servers(connection)
            # Held by the session: two boxes that start together migrate one after the other.
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
            try:
                done += _make_roles_beside_others(connection, app_url, passwords_file)
                done += _prepare_database(connection)
                done += _run_versions(connection)
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
                connection.commit()
    except OperationalError as error:
        raise MigrationError(
            f"The database did not answer: {str(error.orig).strip().splitlines()[0]}",
            "Check HUNFLY_DATABASE_ADMIN_URL and that the server runs.",
        ) from error
    finally:
        engine.dispose()
    return done


def pending(engine: Engine) -> bool:
    """Whether this program's schema is newer than the database's, asked as the working login."""
    with engine.connect() as connection:
        known = connection.execute(text("SELECT to_regclass('app_meta.schema_version')")).scalar()
        if known is None:
            return True
        current = connection.execute(text("SELECT version_num FROM app_meta.schema_version")).scalar()
    return current != ScriptDirectory.from_config(_config(None)).get_current_head()


def refuse_newer(engine: Engine) -> None:
    """A database that a newer program has touched is left alone."""
    with engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass('app_meta.schema_version')")).scalar() is None:
            return
        current = connection.execute(text("SELECT version_num FROM app_meta.schema_version")).scalar()
    _refuse_unknown(current)


def _refuse_unknown(current: str | None) -> None:
    ours = {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}
    if current is not None and current not in ours:
        raise MigrationError(
            f"The database is at version {current}, which this program does not know.",
            "Start the newer program that made it, or restore a backup from before the upgrade.",
        )


def _refuse_old_servers(connection: Connection) -> None:
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    connection.rollback()
    if version < LOWEST_POSTGRES:
        raise MigrationError(f"Postgres {version // 10000} is too old.", "Postgres 15 or newer is needed.")


def _make_roles_beside_others(connection: Connection, app_url: str, passwords_file: Path) -> list[str]:
    """Roles belong to the whole server, our lock to one database: another one's migration may be making them too."""
    for _ in range(MOST_ROLE_TRIES - 1):
        try:
            return _make_roles(connection, app_url, passwords_file)
        except (DBAPIError, psycopg.Error) as error:
            if getattr(getattr(error, "orig", error), "sqlstate", None) not in MADE_BY_ANOTHER:
                raise
            connection.rollback()
            time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 - so that two do not meet again
    return _make_roles(connection, app_url, passwords_file)


def _make_roles(connection: Connection, app_url: str, passwords_file: Path) -> list[str]:
    if make_url(app_url).username != "hb_app":
        raise MigrationError(
            "HUNFLY_DATABASE_URL must log in as hb_app.",
            "Put hb_app and a password of your choice into it; migrate creates the role.",
        )
    known = passwords(app_url, passwords_file)
    done = []
    existing = set(connection.execute(text("SELECT rolname FROM pg_roles WHERE rolname LIKE 'hb\\_%'")).scalars())
    for role in GROUP_ROLES:
        if role not in existing:
            connection.exec_driver_sql(f"CREATE ROLE {role} NOLOGIN")
            done.append(f"created the role {role}")
    for role in LOGIN_ROLES:
        if role not in existing:
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD {_quoted(known[role])}")
            done.append(f"created the login {role}")
        elif role != "hb_app" and not _can_log_in(app_url, role, known[role]):
            connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN PASSWORD {_quoted(known[role])}")
            done.append(f"gave {role} this box's password")
    is_superuser = connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar()
    if not is_superuser:
        connection.exec_driver_sql("GRANT hb_owner, hb_search, hb_maint TO CURRENT_USER")
    connection.connection.cursor().execute((MIGRATIONS / "sql" / "roles.sql").read_text())
    connection.commit()
    return done


def _prepare_database(connection: Connection) -> list[str]:
    database = connection.execute(text("SELECT current_database()")).scalar_one()
    # Without TEMP there are no pg_temp functions either: nobody who works here can make a function of their own.
    connection.exec_driver_sql(f'REVOKE TEMPORARY, CREATE ON DATABASE "{database}" FROM PUBLIC')
    connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for extension in EXTENSIONS:
        connection.exec_driver_sql(f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA public")
    connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS app AUTHORIZATION hb_owner")
    connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS app_meta")
    connection.exec_driver_sql("GRANT USAGE ON SCHEMA app_meta TO hb_app")
    connection.commit()
    return []


def _run_versions(connection: Connection) -> list[str]:
    context = MigrationContext.configure(
        connection, opts={"version_table": "schema_version", "version_table_schema": "app_meta"}
    )
    before = context.get_current_revision()
    connection.rollback()
    _refuse_unknown(before)
    command.upgrade(_config(connection), "head")
    connection.exec_driver_sql("GRANT SELECT ON app_meta.schema_version TO hb_app")
    connection.commit()
    after = context.get_current_revision()
    connection.rollback()
    return [] if before == after else [f"migrated the schema from {before or 'nothing'} to {after}"]


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _can_log_in(app_url: str, role: str, password: str) -> bool:
    url = make_url(app_url).set(username=role, password=password).render_as_string(hide_password=False)
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False
    finally:
        engine.dispose()


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
