"""`hunfly-box tenant …` and `hunfly-box reseller …`."""

from dataclasses import asdict

import click

from hunfly_box.cli.printing import as_json, show, table


@click.group()
def tenant() -> None:
    """Tenants: create, list."""


@tenant.command("create")
@click.option("--name", required=True)
@click.option("--slug", required=True, help="Short name: lower-case letters, digits and hyphens.")
@click.option("--reseller", "reseller_slug", metavar="SLUG", help="The reseller who looks after it.")
@as_json
def create_tenant(name: str, slug: str, reseller_slug: str | None, is_json: bool) -> None:
    """Make a tenant: a company with its own people, numbers and conversations."""
    from hunfly_box.cli.context import open_box
    from hunfly_box.tenancy import commands, queries

    with open_box() as box, box.control.transaction() as tx:
        reseller_id = queries.reseller_id_by_slug(tx, reseller_slug) if reseller_slug else None
        tenant_id = commands.create_tenant(tx, name=name, slug=slug, reseller_id=reseller_id)
    show(is_json, {"id": tenant_id, "slug": slug}, f"Tenant {slug}: {tenant_id}")


@tenant.command("list")
@click.option("--reseller", "reseller_slug", metavar="SLUG", help="Only this reseller's.")
@as_json
def list_tenants(reseller_slug: str | None, is_json: bool) -> None:
    """The tenants with their counts; never content."""
    from hunfly_box.cli.context import open_box
    from hunfly_box.tenancy import queries

    with open_box() as box, box.control.transaction() as tx:
        reseller_id = queries.reseller_id_by_slug(tx, reseller_slug) if reseller_slug else None
        lines = queries.tenants(tx, reseller_id)
    rows = [
        (line.slug, line.name, line.status, line.reseller, line.users, f"{line.channels_open}/{line.channels}")
        for line in lines
    ]
    show(
        is_json,
        {"items": [asdict(line) for line in lines]},
        *table(rows, "slug", "name", "status", "reseller", "people", "numbers open"),
    )


@click.group()
def reseller() -> None:
    """Resellers: create."""


@reseller.command("create")
@click.option("--name", required=True)
@click.option("--slug", required=True, help="Short name: lower-case letters, digits and hyphens.")
@as_json
def create_reseller(name: str, slug: str, is_json: bool) -> None:
    """Make a reseller, who looks after tenants without reading what is in them."""
    from hunfly_box.cli.context import open_box
    from hunfly_box.tenancy import commands

    with open_box() as box, box.control.transaction() as tx:
        reseller_id = commands.create_reseller(tx, name=name, slug=slug)
    show(is_json, {"id": reseller_id, "slug": slug}, f"Reseller {slug}: {reseller_id}")
