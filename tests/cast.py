"""Who plays in the tests. Ana runs tenant A, Beto manages it, Bruno and Bia are its agents; Carla runs tenant B and sees
nothing of A; Duda is the reseller of both; Olga owns the box."""

from dataclasses import dataclass, field
from uuid import UUID

from argon2 import PasswordHasher

from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.unscoped import ControlDatabase

PASSWORD = "correto cavalo bateria grampo"
# The floor's memory at one pass: real hashes, quickly made.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=19456, parallelism=1).hash(PASSWORD)


@dataclass(frozen=True)
class Person:
    name: str
    role: str
    tenant_id: UUID | None
    id: UUID = field(default_factory=new_id)

    @property
    def email(self) -> str:
        return f"{self.name.lower()}@example.com"

    @property
    def scope(self) -> Scope:
        assert self.tenant_id is not None
        return Scope(self.tenant_id, self.id, self.role)


@dataclass(frozen=True)
class Cast:
    tenant_a: UUID
    tenant_b: UUID
    reseller: UUID
    ana: Person
    beto: Person
    bruno: Person
    bia: Person
    carla: Person
    caio: Person
    duda: Person
    olga: Person


def create_cast(control: ControlDatabase) -> Cast:
    tenant_a, tenant_b, reseller = new_id(), new_id(), new_id()
    cast = Cast(
        tenant_a,
        tenant_b,
        reseller,
        ana=Person("Ana", "tenant_admin", tenant_a),
        beto=Person("Beto", "manager", tenant_a),
        bruno=Person("Bruno", "agent", tenant_a),
        bia=Person("Bia", "agent", tenant_a),
        carla=Person("Carla", "tenant_admin", tenant_b),
        caio=Person("Caio", "agent", tenant_b),
        duda=Person("Duda", "reseller", None),
        olga=Person("Olga", "super_admin", None),
    )
    people = [cast.ana, cast.beto, cast.bruno, cast.bia, cast.carla, cast.caio, cast.duda, cast.olga]
    with control.transaction() as tx:
        tx.execute("INSERT INTO app.resellers (id, name, slug) VALUES (:id, 'Duda Revendas', 'duda')", id=reseller)
        for tenant, slug in ((tenant_a, "padaria"), (tenant_b, "floricultura")):
            tx.execute(
                "INSERT INTO app.tenants (id, reseller_id, name, slug) VALUES (:id, :reseller, :name, :slug)",
                id=tenant,
                reseller=reseller,
                name=slug.title(),
                slug=slug,
            )
        for person in people:
            tx.execute(
                "INSERT INTO app.users (id, email, name, password_hash, box_role) VALUES (:id, :email, :name, :hash, :box_role)",
                id=person.id,
                email=person.email,
                name=person.name,
                hash=PASSWORD_HASH,
                box_role="super_admin" if person is cast.olga else None,
            )
            if person.tenant_id:
                tx.execute(
                    "INSERT INTO app.memberships (tenant_id, user_id, role, name) VALUES (:tenant, :user, :role, :name)",
                    tenant=person.tenant_id,
                    user=person.id,
                    role=person.role,
                    name=person.name,
                )
        tx.execute(
            "INSERT INTO app.reseller_members (reseller_id, user_id) VALUES (:reseller, :user)",
            reseller=reseller,
            user=cast.duda.id,
        )
    return cast
