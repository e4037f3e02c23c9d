"""Transactions. There is no way to reach a tenant's rows but through one that says who acts, for which tenant."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Engine, ExceptionContext, TextClause, create_engine, event, text
from sqlalchemy.pool import QueuePool

from hunfly_box.kit.errors import NotFound

Row = TypeVar("Row")
Event = object
Publish = Callable[[list[Event]], None]
log = logging.getLogger(__name__)

DECLARE_SCOPE = text(
    "SELECT set_config('app.tenant_id', :tenant_id, true),"
    " set_config('app.user_id', :user_id, true),"
    " set_config('app.role', :role, true)"
)
SWITCH_ROLE = text("SELECT set_config('app.role', :role, true)")
# Planning our longer statements under the policies takes longer than running them.
PREPARED_AFTER = 2


@dataclass(frozen=True, slots=True)
class Scope:
    """Who acts, for which tenant. `role` is tenant_admin, manager, agent or system; policies know no other."""

    tenant_id: UUID
    user_id: UUID | None
    role: str

    @classmethod
    def system(cls, tenant_id: UUID) -> "Scope":
        return cls(tenant_id, None, "system")


class Transaction:
    """One database transaction. Statements are our own constants with :names; values are always bound."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.announcements: list[Event] = []

    def execute(self, sql: str, /, **params: Any) -> int:
        """The number of rows touched."""
        return self._run(sql, params).rowcount

    def all(self, row: Callable[..., Row], sql: str, /, **params: Any) -> list[Row]:
        """One `row` for each line; columns are matched to its parameters by name."""
        result = self._run(sql, params)
        names = tuple(result.keys())
        return [row(**dict(zip(names, line, strict=True))) for line in result.all()]

    def maybe(self, row: Callable[..., Row], sql: str, /, **params: Any) -> Row | None:
        found = self.all(row, sql, **params)
        return found[0] if found else None

    def one(self, row: Callable[..., Row], sql: str, /, **params: Any) -> Row:
        """Raises NotFound: a row that policies hide is a row that is not there."""
        found = self.maybe(row, sql, **params)
        if found is None:
            raise NotFound
        return found

    def scalar(self, sql: str, /, **params: Any) -> Any:
        return self._run(sql, params).scalar()

    def scalars(self, sql: str, /, **params: Any) -> list[Any]:
        return list(self._run(sql, params).scalars())

    def announce(self, event: Event) -> None:
        """Published after COMMIT, never before, and not at all on rollback."""
        self.announcements.append(event)

    def _run(self, sql: str, params: dict[str, Any]) -> CursorResult[Any]:
        return self.connection.execute(_statement(sql), params)


class TenantTransaction(Transaction):
    def __init__(self, connection: Connection, scope: Scope) -> None:
        super().__init__(connection)
        self.scope = scope
        self.tenant_id = scope.tenant_id

    @contextmanager
    def as_system(self) -> Iterator[None]:
        """For the few writes whose result the acting agent may no longer see, such as handing a conversation over.

        The caller has already read the row as the agent; the tenant's wall stands as before.
        """
        self.connection.execute(SWITCH_ROLE, {"role": "system"})
        yield
        self.connection.execute(SWITCH_ROLE, {"role": self.scope.role})


class Database:
    """A pool of one login. `publish` receives what a committed transaction announced."""

    def __init__(self, url: str, *, pool_size: int, publish: Publish | None = None) -> None:
        self.engine = make_engine(url, pool_size=pool_size)
        self.publish: Publish = publish or (lambda events: None)
        # When Postgres went away; what was committed in that moment may have been announced by nobody.
        self.lost_at: float | None = None
        event.listen(self.engine, "handle_error", self._note_disconnect)

    def note_loss(self) -> None:
        if self.lost_at is None:
            self.lost_at = time.time()

    def _note_disconnect(self, context: ExceptionContext) -> None:
        if context.is_disconnect:
            self.note_loss()

    @contextmanager
    def transaction(self, scope: Scope) -> Iterator[TenantTransaction]:
        with self.engine.begin() as connection:
            # Local to the transaction: the setting dies at COMMIT, so a pooled connection
            # can never carry one tenant's id into another's request.
            connection.execute(
                DECLARE_SCOPE,
                {"tenant_id": str(scope.tenant_id), "user_id": str(scope.user_id or ""), "role": scope.role},
            )
            tx = TenantTransaction(connection, scope)
            yield tx
        publish_quietly(self.publish, tx.announcements)

    @contextmanager
    def fenced(self) -> Iterator[Transaction]:
        """For the fenced functions that hand out ids across tenants; every table is out of reach in here."""
        with self.engine.begin() as connection:
            tx = Transaction(connection)
            yield tx
        publish_quietly(self.publish, tx.announcements)

    def close(self) -> None:
        self.engine.dispose()


def publish_quietly(publish: Publish, events: list[Event]) -> None:
    if not events:
        return
    try:
        publish(events)
    except Exception:  # noqa: BLE001 - the write is durable; screens catch up by their cursor, work by the sweeper
        log.exception("announcing %d events failed", len(events))


def make_engine(url: str, *, pool_size: int) -> Engine:
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=5,
        pool_pre_ping=True,
        # The connections used last know the plans of their statements; the others sleep.
        pool_use_lifo=True,
        connect_args={"connect_timeout": 2, "application_name": "hunfly-box", "prepare_threshold": PREPARED_AFTER},
    )


@lru_cache(maxsize=1024)
def _statement(sql: str) -> TextClause:
    return text(sql)
