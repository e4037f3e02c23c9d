"""`hunfly-box token …`."""

from dataclasses import asdict

import click

from hunfly_box.cli.printing import as_json, of_tenant, show, table


@click.group()
def token() -> None:
    """API tokens: create, list, revoke."""


@token.command("create")
@of_tenant
@click.option("--user", "email", required=True, metavar="EMAIL", help="Whose rights it has, at most.")
@click.option(
    "--scopes", metavar="A,B", help="Such as conversations:read,messages:write; all of the person's role without."
)
@click.option("--expires-days", type=int, default=90, show_default=True)
@as_json
def create_token(tenant_slug: str, email: str, scopes: str | None, expires_days: int, is_json: bool) -> None:
    """Make a token. It is shown now and never again."""
    from hunfly_box.access import trail
    from hunfly_box.access.commands import people, tokens
    from hunfly_box.cli.context import open_box
    from hunfly_box.kit.database import Scope
    from hunfly_box.tenancy import queries

    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()] if scopes is not None else None
    with open_box() as box:
        with box.control.transaction() as tx:
            tenant_id = queries.tenant_id_by_slug(tx, tenant_slug)
            person = people.find_account(tx, email)
            made = tokens.create_token(tx, tenant_id, person.id, wanted, expires_days)
        trail.note(box.database, Scope.system(tenant_id), "token.created", object_kind="token", object_id=made[4:12])
    show(is_json, {"token": made}, made)


@token.command("list")
@of_tenant
@as_json
def list_tokens(tenant_slug: str, is_json: bool) -> None:
    """The tokens of a tenant, by the letters they begin with."""
    from hunfly_box.access import queries as access
    from hunfly_box.cli.context import open_box
    from hunfly_box.tenancy import queries

    with open_box() as box, box.control.transaction() as tx:
        lines = access.tokens_of_tenant(tx, queries.tenant_id_by_slug(tx, tenant_slug))
    rows = [(f"hbx_{line.prefix}", line.email, line.expires_at, line.last_used_at, line.revoked_at) for line in lines]
    show(
        is_json,
        {"items": [asdict(line) for line in lines]},
        *table(rows, "token", "person", "expires", "last used", "revoked"),
    )


@token.command("revoke")
@of_tenant
@click.option("--token", "prefix", required=True, metavar="PREFIX", help="The eight letters after hbx_.")
@as_json
def revoke_token(tenant_slug: str, prefix: str, is_json: bool) -> None:
    """Make a token useless, within a second."""
    from hunfly_box.access import trail
    from hunfly_box.access.commands import tokens
    from hunfly_box.cli.context import open_box
    from hunfly_box.kit.database import Scope
    from hunfly_box.tenancy import queries

    letters = prefix.removeprefix("hbx_")[:8]
    with open_box() as box:
        with box.control.transaction() as tx:
            tenant_id = queries.tenant_id_by_slug(tx, tenant_slug)
            tokens.revoke_token(tx, tenant_id, letters)
        trail.note(box.database, Scope.system(tenant_id), "token.revoked", object_kind="token", object_id=letters)
    show(is_json, {"revoked": letters}, f"hbx_{letters} is revoked.")
