"""Makes one tenant with a manager, an agent, a number and the agent's token; prints them as JSON."""

import json
import secrets
import sys

from hunfly_box.access import passwords
from hunfly_box.access.commands import people, tokens
from hunfly_box.channels import commands as channels
from hunfly_box.cli.context import open_box
from hunfly_box.kit.database import Scope
from hunfly_box.tenancy import commands as tenancy
from tests.bench.tenants import ENGINE


def main() -> None:
    password = secrets.token_urlsafe(16)
    with open_box() as box:
        with box.control.transaction() as control:
            tenant = tenancy.create_tenant(control, name="Bench", slug="bench")
            made = {}
            for role in ("manager", "agent"):
                made[role] = people.create_user(
                    control,
                    email=f"{role}@example.com",
                    name=role.title(),
                    password_hash=passwords.hashed(password),
                )
                people.join_tenant(control, made[role], tenant, role)
            token = tokens.create_token(control, tenant, made["agent"])
        with box.database.transaction(Scope.system(tenant)) as tx:
            channel = channels.create_channel(
                tx, box.sealer, name="Bench", provider="evolution", instance="bench", engine_url=ENGINE
            )
    told = {"tenant": tenant, **made, "channel": channel.id, "password": password, "agent_token": token}
    json.dump({**told, "instance": "bench", "secret": channel.secrets.hmac}, sys.stdout, default=str)


if __name__ == "__main__":
    main()
