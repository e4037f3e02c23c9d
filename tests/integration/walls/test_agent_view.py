"""Who sees which conversation: every role, every owner of it, with and without a common queue."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import Connection
from sqlalchemy import make_url

from tests.conftest import Servers
from tests.integration.walls.checks import REFUSED, acting, outcome
from tests.integration.walls.sample_rows import Sample, fill

# Of what hangs on a conversation, in one table each.
HANGING = (
    "conversations",
    "messages",
    "media",
    "rounds",
    "deliveries",
    "message_revisions",
    "reactions",
    "conversation_labels",
)


@pytest.fixture(scope="module")
def tenant(servers: Servers, database_name: str) -> Iterator[tuple[Connection, Sample]]:
    connection = psycopg.connect(
        make_url(servers.admin_url).set(database=database_name).render_as_string(hide_password=False)
    )
    yield connection, fill(connection, "pimenta")
    connection.rollback()
    connection.close()


@pytest.mark.parametrize("has_queue", [True, False])
@pytest.mark.parametrize("owner", ["mine", "nobody's", "a colleague's"])
@pytest.mark.parametrize(
    "role", ["tenant_admin", "manager", "system", "agent", "super_admin", "reseller", "Agent", "owner", "", None]
)
def test_who_sees_it(role: str | None, owner: str, has_queue: bool, tenant: tuple[Connection, Sample]) -> None:
    connection, a = tenant
    assignee = {"mine": a.user, "nobody's": None, "a colleague's": a.other}[owner]
    connection.execute("SAVEPOINT before")
    connection.execute("UPDATE app.conversations SET assignee_id = %s", (assignee,))
    connection.execute("UPDATE app.tenants SET agents_see_queue = %s", (has_queue,))
    expected: int | str = REFUSED
    if role in ("tenant_admin", "manager", "system"):
        expected = 1
    elif role == "agent":
        expected = int(owner == "mine" or (owner == "nobody's" and has_queue))
    for table in HANGING:
        with acting(connection, "hb_app", tenant=a.tenant, user=a.user, role=role or ""):
            if role is None:
                connection.execute("RESET app.role")
            assert outcome(connection, f"SELECT tenant_id FROM app.{table}") == expected, table
    connection.execute("ROLLBACK TO SAVEPOINT before")
