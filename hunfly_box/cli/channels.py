"""`hunfly-box channel …`."""

import click

from hunfly_box.cli.printing import as_json, of_tenant, secret_from_stdin, show, table


@click.group()
def channel() -> None:
    """Numbers: create, list, connect."""


@channel.command("create")
@of_tenant
@click.option("--name", required=True, help="What people call this number.")
@click.option("--provider", type=click.Choice(["evolution"]), required=True)
@click.option("--instance", required=True, help="The engine's own name for it.")
@click.option("--engine-url", required=True, help="Where the engine answers.")
@click.option(
    "--secrets-stdin",
    "is_from_stdin",
    is_flag=True,
    help="Read {hmac, header_name, header_value, jwt_key, api_key} from standard input; what is missing is made up.",
)
@as_json
def create_channel(
    tenant_slug: str, name: str, provider: str, instance: str, engine_url: str, is_from_stdin: bool, is_json: bool
) -> None:
    """Make a number's rows; the engine is not called. The secrets are shown now and never again."""
    given = secret_from_stdin("secrets") if is_from_stdin else None

    from hunfly_box.channels import commands, credentials
    from hunfly_box.cli.context import open_box, tenant_transaction

    with open_box() as box, tenant_transaction(box, tenant_slug) as tx:
        made = commands.create_channel(
            tx,
            box.sealer,
            name=name,
            provider=provider,
            instance=instance,
            engine_url=engine_url,
            secrets=credentials.read_secrets(given.encode()) if given is not None else None,
        )
    secrets = made.secrets.shown_once()
    show(
        is_json,
        {"id": made.id, "route_key": made.route_key, "webhook_path": made.webhook_path, "secrets": secrets},
        f"Channel {name}: {made.id}",
        f"Webhook: {made.webhook_path}",
        *[f"{key}: {value}" for key, value in secrets.items()],
    )


@channel.command("list")
@of_tenant
@as_json
def list_channels(tenant_slug: str, is_json: bool) -> None:
    """The numbers of a tenant and how they do."""
    from dataclasses import asdict

    from hunfly_box.cli.context import open_box
    from hunfly_box.tenancy import queries

    with open_box() as box, box.control.transaction() as tx:
        tenant_id = queries.tenant_id_by_slug(tx, tenant_slug)
        lines = [line for line in queries.numbers(tx, None) if line.tenant_id == tenant_id]
    rows = [(line.id, line.name, line.phone, line.state, line.cause, line.last_seen_at) for line in lines]
    show(
        is_json,
        {"items": [asdict(line) for line in lines]},
        *table(rows, "id", "name", "phone", "state", "cause", "last sign of life"),
    )


@channel.command("connect")
@of_tenant
@click.option("--channel", "wanted", required=True, help="Its id, name or instance.")
@as_json
def connect_channel(tenant_slug: str, wanted: str, is_json: bool) -> None:
    """Make the instance, set its webhook, and print the state and the code to scan."""
    from hunfly_box.channels import connecting, queries
    from hunfly_box.cli.context import open_box, tenant_transaction
    from hunfly_box.kit.errors import NotFound

    with open_box() as box:
        with tenant_transaction(box, tenant_slug) as tx:
            channel_id = queries.find(tx, wanted)
        if channel_id is None:
            raise NotFound(f"The tenant {tenant_slug} has no channel {wanted}.")
        # Not in a transaction: this talks to the engine.
        connected = connecting.connect(box, tx.tenant_id, channel_id)
    code = (
        f"Pairing code: {connected.pairing_code}" if connected.pairing_code else "Scan the code on the Channels page."
    )
    show(
        is_json,
        {
            "state": connected.state,
            "qr_png_base64": connected.qr_png_base64,
            "pairing_code": connected.pairing_code,
        },
        f"State: {connected.state}",
        *([] if connected.state == "open" else [code]),
    )
