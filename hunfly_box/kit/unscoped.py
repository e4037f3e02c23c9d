"""The control plane's database: who exists on the box. For access, tenancy and operations only; it has no grant on content."""

from collections.abc import Iterator
from contextlib import contextmanager

from hunfly_box.kit.database import Transaction, make_engine


class ControlDatabase:
    """The hb_admin login."""

    def __init__(self, url: str, *, pool_size: int = 2) -> None:
        self.engine = make_engine(url, pool_size=pool_size)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.engine.begin() as connection:
            yield Transaction(connection)

    def close(self) -> None:
        self.engine.dispose()
