"""What must hold of every transaction of the box, as functions: the tests call them on the real one, and the mutants on
one that is broken."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from hunfly_box.kit.database import Database, Scope
from hunfly_box.kit.ids import new_id

SEEN = "SELECT slug FROM app.tenants"
LEFT_OVER = """
SELECT coalesce(current_setting('app.tenant_id', true), '') || coalesce(current_setting('app.user_id', true), '')
    || coalesce(current_setting('app.role', true), '')
"""


@dataclass(frozen=True)
class Neighbours:
    """Companies that exist, and the short name of each; of the first, an agent with a conversation and one without."""

    slugs: dict[UUID, str]
    agent: Scope
    colleague: Scope


def each_tenant_sees_itself(database: Database, who: Neighbours) -> None:
    for _ in range(3):
        for tenant, slug in who.slugs.items():
            with database.transaction(Scope.system(tenant)) as tx:
                assert tx.scalars(SEEN) == [slug]


def an_agent_is_not_taken_for_somebody_else(database: Database, who: Neighbours) -> None:
    for scope, conversations in ((who.agent, 1), (who.colleague, 0)) * 2:
        with database.transaction(scope) as tx:
            assert tx.scalar("SELECT count(*) FROM app.conversations") == conversations


def nothing_is_left_on_the_connection(database: Database, who: Neighbours) -> None:
    for tenant in who.slugs:
        with database.transaction(Scope(tenant, new_id(), "manager")) as tx:
            tx.scalar("SELECT 1")
        with database.fenced() as tx:
            assert tx.scalar(LEFT_OVER) == ""


def a_transaction_that_fails_leaves_nothing_either(database: Database, who: Neighbours) -> None:
    for tenant, slug in who.slugs.items():
        for broken in ("SELECT 1/0", "SELECT pg_sleep(1)", "SELECT pg_terminate_backend(pg_backend_pid())"):
            try:
                with database.transaction(Scope.system(tenant)) as tx:
                    tx.execute("SET LOCAL statement_timeout = '5ms'")
                    tx.execute(broken)
            except DBAPIError:
                pass
            with database.fenced() as tx:
                assert tx.scalar(LEFT_OVER) == ""
            with database.transaction(Scope.system(tenant)) as tx:
                assert tx.scalars(SEEN) == [slug]


CHECKS = (
    each_tenant_sees_itself,
    an_agent_is_not_taken_for_somebody_else,
    nothing_is_left_on_the_connection,
    a_transaction_that_fails_leaves_nothing_either,
)
