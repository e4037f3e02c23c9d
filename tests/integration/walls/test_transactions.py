"""Twenty companies on two connections: what one leaves behind never reaches the next. And the tests notice when it does."""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import DBAPIError

from hunfly_box.access.commands.tokens import create_token
from hunfly_box.app import create_app
from hunfly_box.kit import database as kit
from hunfly_box.kit.database import Database, Scope
from hunfly_box.kit.ids import new_id
from tests.conftest import Box
from tests.integration.walls.transactions import CHECKS, SEEN, Neighbours

pytestmark = pytest.mark.services

COMPANIES = 20
REQUESTS = 1_000
AT_ONCE = 8

CONVERSATION = (
    "INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets) VALUES"
    " (app.tenant_id(), :channel, 'n', 'evolution', :slug, 'http://127.0.0.1:1', :slug, 'x')",
    "INSERT INTO app.contacts (tenant_id, id, push_name) VALUES (app.tenant_id(), :contact, :slug)",
    "INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id, assignee_id, last_message_id, last_message_at)"
    " VALUES (app.tenant_id(), :conversation, :channel, :contact, :who, :message, now())",
    "INSERT INTO app.rounds (tenant_id, id, conversation_id) VALUES (app.tenant_id(), :round, :conversation)",
    "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, author_id, text, sent_at)"
    " VALUES (app.tenant_id(), :message, :conversation, :channel, 'in', 'text', 'contact', :contact, :slug, now())",
)


@pytest.fixture(scope="module")
def neighbours(box: Box) -> Neighbours:
    """Twenty companies with one conversation each, whose customer bears the company's short name."""
    slugs = {new_id(): f"canario-{number:02}" for number in range(COMPANIES)}
    agents = []
    for tenant, slug in slugs.items():
        agent, colleague = new_id(), new_id()
        with box.resources.control.transaction() as tx:
            tx.execute("INSERT INTO app.tenants (id, name, slug) VALUES (:id, :slug, :slug)", id=tenant, slug=slug)
            for person, role in ((agent, "agent"), (colleague, "agent")):
                tx.execute(
                    "INSERT INTO app.users (id, email, name, password_hash) VALUES (:id, :email, 'P', 'x')",
                    id=person,
                    email=f"{person}@example.com",
                )
                tx.execute(
                    "INSERT INTO app.memberships (tenant_id, user_id, role, name) VALUES (:tenant, :id, :role, 'P')",
                    tenant=tenant,
                    id=person,
                    role=role,
                )
        ids = {name: new_id() for name in ("channel", "contact", "conversation", "round", "message")}
        with box.resources.database.transaction(Scope.system(tenant)) as tx:
            for sql in CONVERSATION:
                tx.execute(sql, **ids, who=agent, slug=slug)
        agents.append((Scope(tenant, agent, "agent"), Scope(tenant, colleague, "agent")))
    return Neighbours(slugs, *agents[0])


@pytest.fixture
def two_connections(box: Box) -> Iterator[Database]:
    database = Database(box.resources.logins.app, pool_size=2)
    database.engine.pool._max_overflow = 0  # type: ignore[attr-defined]
    yield database
    database.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_connection_serves_one_company_after_another(
    check: Callable[[Database, Neighbours], None], two_connections: Database, neighbours: Neighbours
) -> None:
    check(two_connections, neighbours)


MUTANTS = {
    "the tenant setting skipped": "SELECT :tenant_id, set_config('app.user_id', :user_id, true), set_config('app.role', :role, true)",
    "the setting outlives its transaction": str(kit.DECLARE_SCOPE).replace("true", "false"),
    "the tenant outlives its transaction": str(kit.DECLARE_SCOPE).replace("true", "false", 1),
    "the role skipped": "SELECT set_config('app.tenant_id', :tenant_id, true), set_config('app.user_id', :user_id, true), :role",
    "the person skipped": "SELECT set_config('app.tenant_id', :tenant_id, true), :user_id, set_config('app.role', :role, true)",
    "everybody is the system": "SELECT set_config('app.tenant_id', :tenant_id, true),"
    " set_config('app.user_id', :user_id, true), set_config('app.role', coalesce('system', :role), true)",
}


@pytest.mark.parametrize("name", [*MUTANTS, "set only on a fresh connection"])
def test_the_tests_notice_a_transaction_with(
    name: str, box: Box, neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = text(MUTANTS[name]) if name in MUTANTS else str(kit.DECLARE_SCOPE).replace("true", "false")
    if isinstance(statement, TextClause):
        monkeypatch.setattr(kit, "DECLARE_SCOPE", statement)
    else:
        _declare_once(monkeypatch, text(statement))
    red = [check.__name__ for check in CHECKS if _fails(check, box, neighbours)]
    assert red, f"the mutant '{name}' survived"


def _declare_once(monkeypatch: pytest.MonkeyPatch, statement: TextClause) -> None:
    """As a hook at check-out would: whoever comes first decides for all who follow."""
    whole = Connection.execute

    def execute(self: Connection, asked: Any, *args: Any, **more: Any) -> Any:
        if asked is kit.DECLARE_SCOPE:
            if self.info.get("declared"):
                return whole(self, text("SELECT 1"))
            self.info["declared"] = True
            asked = statement
        return whole(self, asked, *args, **more)

    monkeypatch.setattr(Connection, "execute", execute)


def _fails(check: Callable[[Database, Neighbours], None], box: Box, neighbours: Neighbours) -> bool:
    database = Database(box.resources.logins.app, pool_size=2)
    try:
        check(database, neighbours)
    except (AssertionError, DBAPIError):
        return True
    finally:
        database.close()
    return False


def test_nothing_runs_when_it_is_interrupted_before_the_setting(
    two_connections: Database, neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interruption comes between BEGIN and the setting; the body is never reached, the connection comes back clean."""
    whole = Connection.execute

    def interrupted(self: Connection, asked: Any, *args: Any, **more: Any) -> Any:
        if asked is kit.DECLARE_SCOPE:
            raise asyncio.CancelledError
        return whole(self, asked, *args, **more)

    reached = []
    for tenant, slug in neighbours.slugs.items():
        with monkeypatch.context() as patch, pytest.raises(asyncio.CancelledError):
            patch.setattr(Connection, "execute", interrupted)
            with two_connections.transaction(Scope.system(tenant)):
                reached.append(slug)
        with two_connections.transaction(Scope.system(tenant)) as tx:
            assert tx.scalars(SEEN) == [slug]
    assert reached == []
    assert two_connections.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_prepared_plan_serves_the_next_company_with_its_own_rows(box: Box, neighbours: Neighbours) -> None:
    """Postgres makes a generic plan after five runs; the tenant is asked for at every one."""
    database = Database(box.resources.logins.app, pool_size=1)
    try:
        for mode in ("auto", "force_generic_plan"):
            for _ in range(4):
                for tenant, slug in neighbours.slugs.items():
                    with database.transaction(Scope.system(tenant)) as tx:
                        tx.execute(f"SET LOCAL plan_cache_mode = {mode}")
                        assert tx.scalars(
                            "SELECT push_name FROM app.contacts WHERE push_name <> :not", **{"not": ""}
                        ) == [slug]
        with database.fenced() as tx:
            prepared = tx.scalar(
                "SELECT sum(generic_plans) FROM pg_prepared_statements WHERE statement LIKE '%push_name%'"
            )
        assert prepared
        assert prepared > 0
    finally:
        database.close()


def test_a_thousand_requests_of_twenty_companies_over_two_connections(
    box: Box, two_connections: Database, neighbours: Neighbours
) -> None:
    """The whole application, with errors, time-outs, dead connections and readers who hang up in between."""
    app = create_app(replace(box.resources, database=two_connections))
    tokens: dict[UUID, str] = {}
    for tenant in neighbours.slugs:
        with two_connections.transaction(Scope.system(tenant)) as seen_by_all:
            agent = seen_by_all.scalar("SELECT assignee_id FROM app.conversations")
        with box.resources.control.transaction() as tx:
            tokens[tenant] = create_token(tx, tenant, agent)
    dice = random.Random(20)
    seen = {"full": 0, "cut": 0, "failed": 0}

    async def one(client: httpx.AsyncClient, tenant: UUID) -> None:
        headers = {"authorization": f"Bearer {tokens[tenant]}"}
        call = client.get("/api/v1/conversations", headers=headers)
        luck = dice.random()
        if luck < 0.1:
            await asyncio.to_thread(_fail_inside, two_connections, tenant, dice.choice(FAILURES))
            seen["failed"] += 1
        if luck > 0.9:
            task = asyncio.ensure_future(call)
            await asyncio.sleep(dice.random() * 0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            seen["cut"] += 1
            return
        answer = await call
        if answer.status_code != 200:
            assert answer.status_code == 503, answer.text
            return
        names = [item["contact"]["name"] for item in answer.json()["items"]]
        assert names == [neighbours.slugs[tenant]]
        seen["full"] += 1

    async def lane(client: httpx.AsyncClient) -> None:
        for _ in range(REQUESTS // AT_ONCE):
            await one(client, dice.choice(list(tokens)))

    async def main() -> None:
        transport = httpx.ASGITransport(app=cast(Any, app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://box.example") as client:
            await asyncio.gather(*[lane(client) for _ in range(AT_ONCE)])

    asyncio.run(main())
    assert seen["full"] > REQUESTS * 0.7
    assert seen["cut"] > 20
    assert seen["failed"] > 20


FAILURES = ("SELECT 1/0", "SELECT pg_sleep(1)", "SELECT pg_terminate_backend(pg_backend_pid())", "raise")


def _fail_inside(database: Database, tenant: UUID, how: str) -> None:
    try:
        with database.transaction(Scope.system(tenant)) as tx:
            tx.execute("SET LOCAL statement_timeout = '5ms'")
            if how == "raise":
                raise InterruptedError
            tx.execute(how)
    except (DBAPIError, InterruptedError):
        pass
