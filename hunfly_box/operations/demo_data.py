"""Two sample companies with people of every role, and a number each at the simulator. Made once, found again later."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from hunfly_box.access import passwords
from hunfly_box.access.commands import people
from hunfly_box.bootstrap import Resources
from hunfly_box.channels import commands as channels
from hunfly_box.channels import queries as channel_queries
from hunfly_box.channels.credentials import new_secrets
from hunfly_box.inbox.commands import labelling
from hunfly_box.kit.database import Scope, Transaction
from hunfly_box.kit.paths import DataFolder, write_private
from hunfly_box.tenancy import commands as tenancy

RESELLER = ("Revenda Beija-flor", "beija-flor")


@dataclass(frozen=True, slots=True)
class SampleTenant:
    slug: str
    name: str
    instance: str
    number: str
    channel_name: str
    labels: tuple[str, ...]


TENANTS = (
    SampleTenant(
        "padaria",
        "Padaria do Bairro",
        "padaria-demo",
        "5511940001111",
        "Balcão",
        ("Orçamento", "Encomenda", "Pix pendente"),
    ),
    SampleTenant(
        "floricultura",
        "Floricultura Ipê",
        "floricultura-demo",
        "5521930002222",
        "Loja",
        ("Entrega", "Casamento", "Reclamação"),
    ),
)

# Name, role, tenant; the box's owner and the reseller belong to no tenant.
PEOPLE = (
    ("Olga Prado", "super_admin", None),
    ("Duda Lopes", "reseller", None),
    ("Ana Reis", "tenant_admin", "padaria"),
    ("Beto Nunes", "manager", "padaria"),
    ("Bruno Lima", "agent", "padaria"),
    ("Bia Castro", "agent", "padaria"),
    ("Carla Dias", "tenant_admin", "floricultura"),
    ("Caio Melo", "agent", "floricultura"),
)


@dataclass(frozen=True, slots=True)
class Login:
    tenant: str | None
    role: str
    email: str
    password: str
    name: str


def ensure(resources: Resources, engine_url: str, engine_key: str) -> list[Login]:
    """Safe to call at every start; what exists is left as people made it."""
    logins = _logins(DataFolder(resources.settings.data_dir).keys / "demo-logins.json")
    with resources.control.transaction() as tx:
        is_new = tx.scalar("SELECT id FROM app.resellers WHERE slug = :slug", slug=RESELLER[1]) is None
        if is_new:
            _make_people(tx, logins)
        tenants = {row["slug"]: row["id"] for row in tx.all(dict[str, str], "SELECT id, slug FROM app.tenants")}
    for sample in TENANTS:
        if sample.slug in tenants:
            _furnish(resources, UUID(str(tenants[sample.slug])), sample, engine_url, engine_key)
    return logins


def write_summary(resources: Resources, inbox_url: str, phone_url: str, logins: list[Login]) -> Path:
    """demo.json, 0600: for those who script against the demonstration."""
    path = DataFolder(resources.settings.data_dir).demo_logins
    shown = [
        {"tenant": login.tenant, "role": login.role, "email": login.email, "password": login.password}
        for login in logins
    ]
    summary = {"inbox_url": inbox_url, "phone_url": phone_url, "logins": shown}
    write_private(path, json.dumps(summary, ensure_ascii=False, indent=1))
    return path


def _logins(file: Path) -> list[Login]:
    """Random per data folder, and written before the people are made: a kill in between loses nobody's password."""
    if file.exists():
        return [Login(**entry) for entry in json.loads(file.read_text())]
    made = [
        Login(tenant, role, f"{name.split()[0].lower()}@{tenant or 'box'}.example", secrets.token_urlsafe(12), name)
        for name, role, tenant in PEOPLE
    ]
    entries = [
        {"tenant": one.tenant, "role": one.role, "email": one.email, "password": one.password, "name": one.name}
        for one in made
    ]
    write_private(file, json.dumps(entries))
    return made


def _make_people(tx: Transaction, logins: list[Login]) -> None:
    reseller_id = tenancy.create_reseller(tx, name=RESELLER[0], slug=RESELLER[1])
    tenants = {
        sample.slug: tenancy.create_tenant(tx, name=sample.name, slug=sample.slug, reseller_id=reseller_id)
        for sample in TENANTS
    }
    for login in logins:
        user_id = people.create_user(
            tx,
            email=login.email,
            name=login.name,
            password_hash=passwords.hashed(login.password),
            box_role="super_admin" if login.role == "super_admin" else None,
        )
        if login.tenant:
            people.join_tenant(tx, user_id, tenants[login.tenant], login.role)
        elif login.role == "reseller":
            people.join_reseller(tx, user_id, reseller_id)


def _furnish(resources: Resources, tenant_id: UUID, sample: SampleTenant, engine_url: str, engine_key: str) -> None:
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        if channel_queries.find(tx, sample.instance) is not None:
            return
        channels.create_channel(
            tx,
            resources.sealer,
            name=sample.channel_name,
            provider="evolution",
            instance=sample.instance,
            engine_url=engine_url,
            secrets=new_secrets(engine_key),
        )
        for color, name in enumerate(sample.labels):
            labelling.create_label(tx, name=name, color=color)
