"""Makes N tenants, each with a number, an administrator and a token; prints what a load needs, as JSON."""

import json
import sys

from hunfly_box.access.commands import people, tokens
from hunfly_box.channels import commands as channels
from hunfly_box.cli.context import open_box
from hunfly_box.kit.database import Scope
from hunfly_box.tenancy import commands as tenancy

# Nobody listens there: what a worker would fetch for these numbers fails at once.
ENGINE = "http://127.0.0.1:9"
# Nobody signs in, so the hash need not be one.
NO_PASSWORD = "!"


def main(count: int) -> None:
    made = []
    with open_box() as box:
        for number in range(1, count + 1):
            slug = f"bench-{number}"
            with box.control.transaction() as control:
                tenant_id = tenancy.create_tenant(control, name=f"Bench {number}", slug=slug)
                user_id = people.create_user(
                    control, email=f"{slug}@example.com", name=f"Admin {number}", password_hash=NO_PASSWORD
                )
                people.join_tenant(control, user_id, tenant_id, "tenant_admin")
                token = tokens.create_token(control, tenant_id, user_id)
            with box.database.transaction(Scope.system(tenant_id)) as tx:
                channel = channels.create_channel(
                    tx, box.sealer, name="Bench", provider="evolution", instance=slug, engine_url=ENGINE
                )
            made.append({"instance": slug, "hmac": channel.secrets.hmac, "token": token})
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
