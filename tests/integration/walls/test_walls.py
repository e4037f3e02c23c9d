"""The walls between tenants, table by table, on the real schema."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import Connection
from sqlalchemy import create_engine, make_url

from hunfly_box.kit.database import Database, Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.operations import catalogue
from hunfly_box.operations.errors import UnsafeDatabase
from tests.conftest import APP_PASSWORD, Servers
from tests.integration.walls.checks import CHECKS, acting, outcome
from tests.integration.walls.sample_rows import TENANT_TABLES, Sample, fill

Check = Callable[[Connection, str, Sample, Sample], None]


@pytest.fixture(scope="module")
def two_tenants(servers: Servers, database_name: str) -> Iterator[tuple[Connection, Sample, Sample]]:
    connection = psycopg.connect(
        make_url(servers.admin_url).set(database=database_name).render_as_string(hide_password=False)
    )
    yield connection, fill(connection, "pimenta"), fill(connection, "canela")
    connection.rollback()
    connection.close()


def test_every_table_of_the_schema_is_in_the_sample(two_tenants: tuple[Connection, Sample, Sample]) -> None:
    connection, _, _ = two_tenants
    tables = {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'app'")}
    assert tables == {*TENANT_TABLES, *catalogue.BOX_TABLES}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("table", TENANT_TABLES)
def test_wall(table: str, check: Check, two_tenants: tuple[Connection, Sample, Sample]) -> None:
    check(two_tenants[0], table, two_tenants[1], two_tenants[2])


def test_a_tenant_sees_its_own_line_of_the_tenants_table_only(two_tenants: tuple[Connection, Sample, Sample]) -> None:
    connection, a, b = two_tenants
    with acting(connection, "hb_app", tenant=a.tenant):
        assert connection.execute("SELECT id FROM app.tenants").fetchall() == [(a.tenant,)]
        assert outcome(connection, f"UPDATE app.tenants SET name = 'x' WHERE id = '{b.tenant}'") == 0
    with acting(connection, "hb_app"):
        assert outcome(connection, "SELECT id FROM app.tenants") == "42501"


@pytest.mark.parametrize("table", ["users", "sessions", "resellers", "reseller_members", "api_tokens"])
@pytest.mark.parametrize("login", ["hb_app", "hb_ingest"])
def test_only_the_control_plane_reads_who_exists(
    table: str, login: str, two_tenants: tuple[Connection, Sample, Sample]
) -> None:
    connection, a, _ = two_tenants
    with acting(connection, login, tenant=a.tenant, declared=f"{{{a.tenant}}}"):
        assert outcome(connection, f"SELECT * FROM app.{table}") == "42501"


def test_a_row_cannot_point_at_a_row_of_another_tenant(two_tenants: tuple[Connection, Sample, Sample]) -> None:
    connection, a, b = two_tenants
    with acting(connection, "hb_app", tenant=a.tenant):
        foreign = outcome(
            connection,
            "INSERT INTO app.rounds (tenant_id, id, conversation_id, resolved_at) VALUES (%s, %s, %s, now())",
            (a.tenant, new_id(), b.ids["conversation"]),
        )
        assert foreign == "23503"


def test_search_finds_own_words_and_never_anothers(two_tenants: tuple[Connection, Sample, Sample]) -> None:
    connection, a, b = two_tenants
    found = "SELECT message_id FROM app.search_messages(%s, 10)"
    with acting(connection, "hb_app", tenant=a.tenant):
        assert connection.execute(found, ("pimenta",)).fetchall() == [(a.ids["message"],)]
        assert connection.execute(found, ("canela",)).fetchall() == []
    with acting(connection, "hb_app", tenant=a.tenant, role="agent", user=a.other):
        assert connection.execute(found, ("pimenta",)).fetchall() == []
    with acting(connection, "hb_app", tenant=a.tenant, role="agent", user=a.user):
        assert connection.execute(found, ("pimenta",)).fetchall() == [(a.ids["message"],)]
    with acting(connection, "hb_app"):
        assert outcome(connection, "SELECT * FROM app.search_messages('pimenta', 10)") == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE app.messages",
        "CREATE TABLE app.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "COPY app.messages FROM PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "SET ROLE hb_owner",
        "SET ROLE hb_maint",
        "ALTER POLICY tenant_wall ON app.messages USING (true)",
        "ALTER TABLE app.messages DISABLE ROW LEVEL SECURITY",
        "DELETE FROM app.audit",
    ],
)
def test_the_working_login_is_refused(statement: str, servers: Servers, database_name: str) -> None:
    url = servers.database_url("hb_app", APP_PASSWORD, database_name)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(new_id()),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_a_pooled_connection_carries_no_tenant_into_the_next_transaction(servers: Servers, database_name: str) -> None:
    database = Database(servers.database_url("hb_app", APP_PASSWORD, database_name), pool_size=1)
    tenants = [new_id() for _ in range(20)]
    try:
        for turn in range(200):
            tenant = tenants[turn % len(tenants)]
            try:
                with database.transaction(Scope.system(tenant)) as tx:
                    assert tx.scalar("SELECT app.tenant_id()") == tenant
                    if turn % 3 == 0:
                        raise InterruptedError
            except InterruptedError:
                pass
            with database.fenced() as tx:
                assert tx.scalar("SELECT coalesce(current_setting('app.tenant_id', true), '')") == ""
    finally:
        database.close()


def test_the_catalogue_has_nothing_to_say(servers: Servers, database_name: str) -> None:
    engine = create_engine(
        servers.database_url("hb_app", APP_PASSWORD, database_name).replace("postgresql", "postgresql+psycopg", 1)
    )
    catalogue.refuse_unsafe(engine)
    engine.dispose()


def test_the_start_refuses_a_superuser(servers: Servers, database_name: str) -> None:
    url = make_url(servers.admin_url).set(database=database_name, drivername="postgresql+psycopg")
    engine = create_engine(url)
    with pytest.raises(UnsafeDatabase, match="hb_app"):
        catalogue.refuse_unsafe(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("attribute", "owns"), [("BYPASSRLS", False), ("SUPERUSER", False), ("NOBYPASSRLS", True)], ids=str
)
def test_the_start_refuses_a_login_that_could_pass_the_walls(
    attribute: str, owns: bool, servers: Servers, database_name: str
) -> None:
    name = f"hbt_{new_id().hex[-12:]}"
    with servers.admin(database_name) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{APP_PASSWORD}' {attribute}".encode())
        if owns:
            admin.execute(f"CREATE TABLE app.{name} (); ALTER TABLE app.{name} OWNER TO {name}".encode())
    url = make_url(servers.database_url(name, APP_PASSWORD, database_name)).set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    try:
        with pytest.raises(UnsafeDatabase, match=name):
            catalogue.refuse_unsafe(engine)
    finally:
        engine.dispose()
        with servers.admin(database_name) as admin:
            admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


def test_the_start_refuses_a_login_for_which_row_security_is_off(servers: Servers, database_name: str) -> None:
    url = make_url(servers.database_url("hb_app", APP_PASSWORD, database_name)).set(drivername="postgresql+psycopg")
    engine = create_engine(url, connect_args={"options": "-c row_security=off"})
    with pytest.raises(UnsafeDatabase, match="row_security"):
        catalogue.refuse_unsafe(engine)
    engine.dispose()
