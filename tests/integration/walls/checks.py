"""What must hold for every table, as functions that raise AssertionError: the tests call them on the real schema,
and the mutants call the same ones on a broken one."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
from psycopg import Connection, sql

from hunfly_box.operations.catalogue import NARROWED
from tests.integration.walls.sample_rows import Sample

REFUSED = "42501"


@contextmanager
def acting(
    connection: Connection,
    login: str,
    *,
    tenant: UUID | str = "",
    user: UUID | str = "",
    role: str = "system",
    declared: str = "",
) -> Iterator[Connection]:
    """As that login, in that context; undone afterwards."""
    connection.execute("SAVEPOINT acting")
    try:
        connection.execute(
            "SELECT set_config('app.tenant_id', %s, true), set_config('app.user_id', %s, true),"
            " set_config('app.role', %s, true), set_config('app.tenant_ids', %s, true)",
            (str(tenant), str(user), role, declared),
        )
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(login)))
        yield connection
    finally:
        connection.execute("ROLLBACK TO SAVEPOINT acting")


def outcome(connection: Connection, statement: str, params: tuple[object, ...] = ()) -> int | str:
    """Rows touched, or the code of the refusal."""
    connection.execute("SAVEPOINT attempt")
    try:
        return connection.execute(statement.encode(), params).rowcount
    except psycopg.Error as error:
        connection.execute("ROLLBACK TO SAVEPOINT attempt")
        return error.sqlstate or "?"


def may(connection: Connection, login: str, table: str, privilege: str) -> bool:
    row = connection.execute(
        "SELECT has_any_column_privilege(%s, %s, %s)"
        if privilege != "DELETE"
        else "SELECT has_table_privilege(%s, %s, %s)",
        (login, f"app.{table}", privilege),
    ).fetchone()
    return bool(row and row[0])


def columns(connection: Connection, table: str) -> list[str]:
    return [
        row[0]
        for row in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
            (f"app.{table}",),
        )
    ]


def copy_row(connection: Connection, table: str, tenant: UUID) -> str:
    """A statement that inserts once more what the tenant already has."""
    names = ", ".join(columns(connection, table))
    row = connection.execute(
        f"SELECT to_jsonb(t)::text FROM app.{table} t WHERE tenant_id = %s LIMIT 1", (tenant,)
    ).fetchone()
    assert row is not None, f"no sample row in {table}"
    literal = row[0].replace("'", "''").replace("%", "%%")
    return f"INSERT INTO app.{table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::app.{table}, '{literal}'::jsonb)"


def nothing_without_a_tenant(connection: Connection, table: str, a: Sample, b: Sample) -> None:
    again = copy_row(connection, table, a.tenant)
    for statement in (
        f"SELECT tenant_id FROM app.{table}",
        f"UPDATE app.{table} SET tenant_id = tenant_id",
        f"DELETE FROM app.{table}",
        again,
    ):
        with acting(connection, "hb_app"):
            assert outcome(connection, statement) == REFUSED, statement[:60]


def own_rows_are_seen(connection: Connection, table: str, a: Sample, b: Sample) -> None:
    if not may(connection, "hb_app", table, "SELECT"):
        return
    with acting(connection, "hb_app", tenant=a.tenant):
        seen = {row[0] for row in connection.execute(f"SELECT DISTINCT tenant_id FROM app.{table}")}
    assert seen == {a.tenant}, f"{table}: {seen}"


def foreign_rows_are_out_of_reach(connection: Connection, table: str, a: Sample, b: Sample) -> None:
    for statement in (
        f"SELECT tenant_id FROM app.{table} WHERE tenant_id = '{b.tenant}'",
        f"UPDATE app.{table} SET tenant_id = tenant_id WHERE tenant_id = '{b.tenant}'",
        f"DELETE FROM app.{table} WHERE tenant_id = '{b.tenant}'",
    ):
        with acting(connection, "hb_app", tenant=a.tenant):
            assert outcome(connection, statement) in (0, REFUSED), statement
    with acting(connection, "hb_app", tenant=a.tenant):
        assert outcome(connection, copy_row_as_admin(connection, table, b)) == REFUSED, (
            f"{table}: wrote a row of another tenant"
        )
    with acting(connection, "hb_app", tenant=a.tenant):
        moved = outcome(connection, f"UPDATE app.{table} SET tenant_id = '{b.tenant}' WHERE tenant_id = '{a.tenant}'")
        assert moved in (REFUSED, "23514"), f"{table}: moved a row to another tenant ({moved})"


def copy_row_as_admin(connection: Connection, table: str, sample: Sample) -> str:
    connection.execute("SAVEPOINT reading")
    connection.execute("RESET ROLE")
    statement = copy_row(connection, table, sample.tenant)
    connection.execute("ROLLBACK TO SAVEPOINT reading")
    return statement


def the_owner_is_walled_too(connection: Connection, table: str, a: Sample, b: Sample) -> None:
    with acting(connection, "hb_owner", tenant=a.tenant):
        assert outcome(connection, f"SELECT tenant_id FROM app.{table}") in (0, REFUSED), (
            f"{table}: the owner reads rows"
        )


def the_receiver_sees_declared_tenants_only(connection: Connection, table: str, a: Sample, b: Sample) -> None:
    if not may(connection, "hb_ingest", table, "SELECT"):
        if may(connection, "hb_ingest", table, "INSERT"):
            _the_receiver_writes_declared_tenants_only(connection, table, a, b)
        return
    with acting(connection, "hb_ingest"):
        assert outcome(connection, f"SELECT tenant_id FROM app.{table}") == REFUSED
    with acting(connection, "hb_ingest", declared=f"{{{a.tenant}}}"):
        seen = {row[0] for row in connection.execute(f"SELECT DISTINCT tenant_id FROM app.{table}")}
        assert seen == {a.tenant}, f"{table}: the receiver saw {len(seen)} tenants"
        if may(connection, "hb_ingest", table, "INSERT"):
            assert outcome(connection, copy_row_as_admin(connection, table, b)) == REFUSED


def _the_receiver_writes_declared_tenants_only(connection: Connection, table: str, a: Sample, b: Sample) -> None:
    for tenant, sample, expected in ((a, a, 1), (a, b, REFUSED)):
        row = copy_row_as_admin(connection, table, sample)
        with acting(connection, "hb_ingest", declared=f"{{{tenant.tenant}}}"):
            assert outcome(connection, row) == expected, f"{table}: the receiver's own rows"


def the_control_plane_reads_no_content(connection: Connection, table: str, a: Sample, b: Sample) -> None:
    if table in ("memberships", "api_tokens", "channel_health"):
        return
    with acting(connection, "hb_admin"):
        wanted = "secrets" if table == "channels" else "*"
        assert outcome(connection, f"SELECT {wanted} FROM app.{table}") == REFUSED, f"hb_admin reads {table}"


def agents_see_only_what_is_theirs(connection: Connection, table: str, a: Sample, b: Sample) -> None:
    if table not in NARROWED:
        return
    statement = f"SELECT tenant_id FROM app.{table}"
    with acting(connection, "hb_app", tenant=a.tenant, role="agent", user=a.user):
        assert outcome(connection, statement) == 1, f"{table}: the assigned agent does not see it"
    with acting(connection, "hb_app", tenant=a.tenant, role="agent", user=a.other):
        assert outcome(connection, statement) == 0, f"{table}: a colleague sees it"
    for unknown in ("", "owner", "super_admin", "Agent"):
        with acting(connection, "hb_app", tenant=a.tenant, role=unknown, user=a.user):
            assert outcome(connection, statement) == REFUSED, f"{table}: role {unknown!r} is let in"


def keys_of_two_tenants_do_not_meet(connection: Connection, table: str, a: Sample, b: Sample) -> None:
    """Both samples hold the same provider ids, names and numbers: that they could be stored is the proof."""
    counts = connection.execute(
        f"SELECT count(DISTINCT tenant_id) FROM app.{table} WHERE tenant_id IN ('{a.tenant}', '{b.tenant}')"
    )
    row = counts.fetchone()
    assert row is not None
    assert row[0] == 2


CHECKS = (
    nothing_without_a_tenant,
    own_rows_are_seen,
    foreign_rows_are_out_of_reach,
    the_owner_is_walled_too,
    the_receiver_sees_declared_tenants_only,
    the_control_plane_reads_no_content,
    agents_see_only_what_is_theirs,
    keys_of_two_tenants_do_not_meet,
)
