"""A number at a simulated engine, whose webhooks a test brings in itself, and whose waiting work it takes over."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hunfly_box import simulator
from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from tests.conftest import Box
from tests.integration.ingest.harness import SECRETS, Ingest, add_channel, run


@dataclass
class Engine:
    box: Box
    sim: simulator.Simulator
    instance: str
    channel_id: UUID

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        with self.box.resources.database.transaction(Scope.system(self.box.cast.tenant_a)) as tx:
            return tx.all(dict, sql, **values)

    def deliver(self, *webhooks: dict[str, Any]) -> None:
        async def scenario(ingest: Ingest) -> None:
            for webhook in webhooks:
                assert await ingest.deliver(webhook) == 200

        run(self.box.resources, scenario)

    def take_work(self, kind: str) -> list[dict[str, Any]]:
        """The payloads that wait for a worker; they count as done after this."""
        done = "UPDATE app.work SET state = 'done' WHERE kind = :kind AND state = 'queued' RETURNING payload"
        return [row["payload"] for row in self.rows(done, kind=kind)]


@contextmanager
def engine(box: Box) -> Iterator[Engine]:
    instance = f"loja{new_id().hex[-6:]}"
    with simulator.start(time_scale=0.02, seed=7) as sim:
        sim.create_instance(instance)
        sim.scan(instance, "5511999990000")
        channel = add_channel(box.resources, box.cast.tenant_a, instance, SECRETS | {"api_key": sim.api_key})
        made = Engine(box, sim, instance, channel)
        made.rows("UPDATE app.channels SET engine_url = :url WHERE id = :id RETURNING id", url=sim.url, id=channel)
        yield made
