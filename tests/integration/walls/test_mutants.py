"""Breaks each wall on a live database and sees that the tests notice: by what rows do, or else by the catalogue check.

The end of the run says killed/total."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from psycopg import Connection
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import create_engine, make_url

from hunfly_box.operations import catalogue
from tests.conftest import Servers
from tests.integration.walls.checks import CHECKS
from tests.integration.walls.sample_rows import TENANT_TABLES, Sample, fill

by_rows: list[str] = []
by_catalogue: list[str] = []
survived: list[str] = []

# hb_app may not touch these at all, so a missing wall shows in the catalogue only.
NO_GRANT = ["api_tokens", "message_search", "search_queue"]


def mutants(connection: Connection, table: str) -> dict[str, str]:
    """Name → the statement that breaks a wall of this table."""
    uuid_columns = [
        row[0]
        for row in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND atttypid = 'uuid'::regtype AND attname <> 'tenant_id'"
            " AND attnum > 0 ORDER BY attnum",
            (f"app.{table}",),
        )
    ]
    policies = {
        row[0]: row[1]
        for row in connection.execute(
            "SELECT polname, polpermissive FROM pg_policy WHERE polrelid = %s::regclass", (f"app.{table}",)
        )
    }
    other = uuid_columns[0] if uuid_columns else "(tenant_id::text || '')::uuid IS NULL OR NULL::uuid"
    found = {
        "row-level security disabled": f"ALTER TABLE app.{table} DISABLE ROW LEVEL SECURITY",
        "tenant wall dropped": f"DROP POLICY tenant_wall ON app.{table}",
        "tenant wall always true": f"ALTER POLICY tenant_wall ON app.{table} USING (true) WITH CHECK (true)",
        "tenant wall on another column": f"ALTER POLICY tenant_wall ON app.{table} USING ({other} = (SELECT app.tenant_id()))"
        f" WITH CHECK ({other} = (SELECT app.tenant_id()))",
        "tenant wall reads only": f"ALTER POLICY tenant_wall ON app.{table} WITH CHECK (true)",
        "tenant wall silent without a tenant": f"ALTER POLICY tenant_wall ON app.{table} USING (tenant_id ="
        " nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id ="
        " nullif(current_setting('app.tenant_id', true), '')::uuid)",
        "owner not forced": f"ALTER TABLE app.{table} NO FORCE ROW LEVEL SECURITY",
        "a second, open policy": f"CREATE POLICY oops ON app.{table} TO hb_app USING (true) WITH CHECK (true)",
    }
    if "ingest_wall" in policies:
        found["ingest wall dropped"] = f"DROP POLICY ingest_wall ON app.{table}"
        found["ingest wall always true"] = f"ALTER POLICY ingest_wall ON app.{table} USING (true) WITH CHECK (true)"
    for name, permissive in policies.items():
        if not permissive:
            found[f"{name} dropped"] = f"DROP POLICY {name} ON app.{table}"
            found[f"{name} always true"] = f"ALTER POLICY {name} ON app.{table} USING (true) WITH CHECK (true)"
            found[f"{name} in the negative form"] = (
                f"ALTER POLICY {name} ON app.{table}"
                " USING (coalesce(current_setting('app.role', true), '') <> 'agent')"
                " WITH CHECK (coalesce(current_setting('app.role', true), '') <> 'agent')"
            )
    return found


@dataclass(frozen=True)
class Bench:
    """One administrator's transaction, seen by the checks (psycopg) and by the catalogue (SQLAlchemy)."""

    connection: Connection
    catalogue: SqlConnection
    a: Sample
    b: Sample


@pytest.fixture(scope="module")
def bench(servers: Servers, database_name: str) -> Iterator[Bench]:
    engine = create_engine(make_url(servers.admin_url).set(database=database_name, drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, Connection)
        yield Bench(raw, connection, fill(raw, "pimenta"), fill(raw, "canela"))
        raw.rollback()
    engine.dispose()
    total = len(by_rows) + len(by_catalogue) + len(survived)
    print(
        f"\nwall mutants killed/total: {total - len(survived)}/{total} ({len(by_rows)} by rows, {len(by_catalogue)} by the catalogue)"
    )


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_the_suite_notices_every_broken_wall_of(table: str, bench: Bench) -> None:
    broken = mutants(bench.connection, table)
    assert len(broken) >= 4
    alive = []
    for name, statement in broken.items():
        bench.connection.execute("SAVEPOINT mutant")
        bench.connection.execute(statement.encode())
        where = notice(bench, table)
        bench.connection.execute("ROLLBACK TO SAVEPOINT mutant")
        where.append(f"{table}: {name}")
        if where is survived:
            alive.append(name)
    assert not alive, f"{table}: these mutants survived: {alive}"


def test_the_suite_notices_a_tenant_function_that_stays_silent(bench: Bench) -> None:
    bench.connection.execute("SAVEPOINT mutant")
    bench.connection.execute(
        "CREATE OR REPLACE FUNCTION app.tenant_id() RETURNS uuid LANGUAGE sql STABLE AS"
        " $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$"
    )
    unnoticed = [table for table in TENANT_TABLES if not any(_fails(check, bench, table) for check in CHECKS)]
    bench.connection.execute("ROLLBACK TO SAVEPOINT mutant")
    assert unnoticed == NO_GRANT


def notice(bench: Bench, table: str) -> list[str]:
    if any(_fails(check, bench, table) for check in CHECKS):
        return by_rows
    bench.connection.execute("SAVEPOINT reading")
    findings = catalogue.audit(bench.catalogue)
    bench.connection.execute("ROLLBACK TO SAVEPOINT reading")
    return by_catalogue if findings else survived


def _fails(check: Callable[..., None], bench: Bench, table: str) -> bool:
    bench.connection.execute("SAVEPOINT checking")
    try:
        check(bench.connection, table, bench.a, bench.b)
    except AssertionError:
        return True
    finally:
        bench.connection.execute("ROLLBACK TO SAVEPOINT checking")
    return False
