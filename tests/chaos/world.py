"""Two shops with a number, customers and a token each, on any box; and the simulated engine that is their WhatsApp."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import urllib3

from hunfly_box import simulator
from hunfly_box.access.commands import people, tokens
from hunfly_box.bootstrap import Resources, build_resources
from hunfly_box.channels import commands as channels
from hunfly_box.channels import connecting
from hunfly_box.channels.credentials import Secrets, new_secrets
from hunfly_box.config import load_settings
from hunfly_box.embedded import supervisor
from hunfly_box.kit.database import Scope
from hunfly_box.kit.hub import Hub
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.paths import DataFolder
from hunfly_box.operations.services import embedded_services
from hunfly_box.simulator import Retry, Simulator
from hunfly_box.tenancy import commands as tenancy
from tests.cast import PASSWORD_HASH
from tests.chaos.boxes import BoxProcess, wait_until

CUSTOMERS = 4
# The engine's own waits, twenty times shorter: it tries again first after a quarter of a second.
TIME_SCALE = 0.05
# Ten tries of the real engine outlast twenty minutes. Its waits are shrunk here and outages are not, so it tries more often.
TRIES = Retry(max_attempts=60, max_seconds=60.0)


@dataclass
class Customer:
    id: str
    number: str
    conversation_id: str = ""


@dataclass
class Shop:
    """A tenant as its programs see it. `canary` stands in every text and may be found nowhere else."""

    slug: str
    tenant_id: UUID
    channel_id: UUID
    instance: str
    number: str
    token: str
    secrets: Secrets
    webhook_path: str
    canary: str
    customers: list[Customer] = field(default_factory=list)
    # Of customers whose engine is the test itself: signed deliveries, sent until they are taken.
    strangers: list[str] = field(default_factory=list)

    @property
    def scope(self) -> Scope:
        return Scope.system(self.tenant_id)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class World:
    """Where the load goes (`url`), whose rows are read (`resources`), and what really left (`sim`)."""

    url: str
    resources: Resources
    sim: Simulator
    shops: list[Shop]
    began: float = field(default_factory=time.time)

    def rows(self, shop: Shop, sql: str, **params: Any) -> list[dict[str, Any]]:
        with self.resources.database.transaction(shop.scope) as tx:
            return tx.all(dict, sql, **params)

    def execute(self, shop: Shop, sql: str, **params: Any) -> int:
        with self.resources.database.transaction(shop.scope) as tx:
            return tx.execute(sql, **params)

    def two_minutes_pass(self) -> None:
        """For sends nobody can prove: the box would look for proof that long, and a short test need not wait."""
        for shop in self.shops:
            self.execute(
                shop,
                "UPDATE app.deliveries SET dispatched_at = dispatched_at - interval '2 minutes',"
                " lease_until = now() - interval '1 second' WHERE state = 'dispatching'"
                " AND dispatched_at < now() - interval '10 seconds'",
            )

    def meet_everybody(self) -> None:
        """Each customer says hello once, so that there is a conversation to answer in."""
        for shop in self.shops:
            for customer in shop.customers:
                self.sim.receive(shop.instance, customer.id, f"{shop.canary} olá")
        for shop in self.shops:
            wait_until(lambda shop=shop: self._learn(shop), f"the conversations of {shop.slug}", 30, 0.2)

    def _learn(self, shop: Shop) -> bool:
        answer = urllib3.request(
            "GET", f"{self.url}/api/v1/conversations?limit=200", headers=shop.headers, retries=False, timeout=5
        )
        if answer.status != 200:
            return False
        by_phone = {one["contact"]["phone"]: one["id"] for one in answer.json()["items"]}
        for customer in shop.customers:
            customer.conversation_id = by_phone.get(f"+{customer.number}", "")
        return all(customer.conversation_id for customer in shop.customers)


def furnish(resources: Resources, sim: Simulator, slugs: tuple[str, ...] = ("alfa", "beta")) -> list[Shop]:
    """The tenants' rows, and their numbers linked at the engine, whose webhooks go to the settings' address."""
    shops = [_shop(resources, sim, slug) for slug in slugs]
    for shop in shops:
        connecting.connect(resources, shop.tenant_id, shop.channel_id)
        sim.scan(shop.instance, shop.number, shop.slug)
    return shops


def _shop(resources: Resources, sim: Simulator, slug: str) -> Shop:
    unique = new_id().hex[-8:]
    with resources.control.transaction() as tx:
        tenant_id = tenancy.create_tenant(tx, name=slug.title(), slug=f"{slug}-{unique}")
        user_id = people.create_user(
            tx, email=f"{slug}-{unique}@example.com", name=slug.title(), password_hash=PASSWORD_HASH
        )
        people.join_tenant(tx, user_id, tenant_id, "tenant_admin")
        token = tokens.create_token(tx, tenant_id, user_id)
    secrets = new_secrets(sim.api_key)
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        made = channels.create_channel(
            tx,
            resources.sealer,
            name=slug.title(),
            provider="evolution",
            instance=f"{slug}-{unique}",
            engine_url=sim.url,
            secrets=secrets,
        )
    shop = Shop(
        slug=slug,
        tenant_id=tenant_id,
        channel_id=made.id,
        instance=f"{slug}-{unique}",
        number=_number(),
        token=token,
        secrets=secrets,
        webhook_path=made.webhook_path,
        canary=f"canário-{slug}-{unique}",
    )
    for n in range(CUSTOMERS):
        number = _number()
        shop.customers.append(Customer(sim.add_contact(f"{slug} {n}", number=number), number))
        shop.strangers.append(_number())
    return shop


def _number() -> str:
    return f"55118{new_id().int % 10**8:08d}"


@contextmanager
def embedded_world(seed: int, time_scale: float = TIME_SCALE, **environment: str) -> Iterator[tuple[World, BoxProcess]]:
    """A box with servers of its own in a folder of its own, running and known to its customers."""
    root = Path(tempfile.mkdtemp(prefix="hbk-"))
    root.chmod(0o755)
    data_dir = root / "data"
    data_dir.mkdir(mode=0o755)
    box = BoxProcess(data_dir, root / "box.log", environment=environment)
    try:
        with simulator.start(time_scale=time_scale, seed=seed, retry=TRIES) as sim:
            box.start()
            box.wait_ready()
            resources = _resources(box)
            try:
                world = World(box.url, resources, sim, furnish(resources, sim))
                world.meet_everybody()
                yield world, box
            finally:
                resources.close()
    finally:
        _clear_away(box, root)


def _resources(box: BoxProcess) -> Resources:
    """A second pair of eyes on the running box's servers, as the working role."""
    settings = load_settings(box.settings())
    endpoints = json.loads(supervisor.endpoints_file(DataFolder(box.data_dir)).read_text())
    services = embedded_services(DataFolder(box.data_dir), endpoints["database_superuser_url"], endpoints["redis_url"])
    return build_resources(settings, services.logins, services.redis_url, Hub())


def _clear_away(box: BoxProcess, root: Path) -> None:
    """Servers of a killed box are found by their folder and stopped with it."""
    try:
        box.stop()
    finally:
        supervisor.reset(box.data_dir)
        shutil.rmtree(root, ignore_errors=True)
