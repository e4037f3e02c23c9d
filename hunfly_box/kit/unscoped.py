"""The control plane's database: who exists on the box. For access, tenancy, operations; it has no grant on content."""

from collections.abc import Iterator
from contextlib import contextmanager

from hunfly_box.kit.database import Publish, Transaction, make_engine, publish_quietly


class ControlDatabase:
    """The hb_admin login."""

    def __init__(self, url: str, *, pool_size: int = 2, publish: Publish | None = None) -> None:
        self.engine = make_engine(url, pool_size=pool_size)
        self.publish: Publish = publish or (lambda events: None)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.engine.begin() as connection:
            tx = Transaction(connection)
            yield tx
        publish_quietly(self.publish, tx.announcements)

    def close(self) -> None:
        self.engine.dispose()
