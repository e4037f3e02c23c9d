"""`hunfly-box journal …`: webhooks that were kept because they could not be used, and another try at them."""

from dataclasses import asdict
from uuid import UUID

import click

from hunfly_box.cli.printing import as_json, of_tenant, show, table

STATES = ("parked", "done", "ignored", "discarded")


@click.group()
def journal() -> None:
    """Webhooks that were kept: list, show, replay."""


@journal.command("list")
@of_tenant
@click.option("--state", type=click.Choice(STATES), default="parked", show_default=True)
@click.option("--reason", help="Only those kept for this reason.")
@click.option("--before", type=click.UUID, help="Older than this entry: the last id of the page before.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@as_json
def list_entries(
    tenant_slug: str, state: str, reason: str | None, before: UUID | None, limit: int, is_json: bool
) -> None:
    """Entries, newest first; with --json also how many are parked for each reason."""
    from hunfly_box.cli.context import open_box, tenant_transaction
    from hunfly_box.ingest import queries

    with open_box() as box, tenant_transaction(box, tenant_slug) as tx:
        entries = queries.entries(tx, state=state, reason=reason, before=before, limit=limit)
        parked = {count.reason: count.count for count in queries.parked_counts(tx)}
    rows = [(entry.id, entry.received_at, entry.channel_name, entry.event, entry.reason) for entry in entries]
    show(
        is_json,
        {"items": [asdict(entry) for entry in entries], "parked": parked},
        *table(rows, "id", "received", "channel", "event", "reason"),
    )


@journal.command("show")
@of_tenant
@click.argument("entry_id", type=click.UUID)
@as_json
def show_entry(tenant_slug: str, entry_id: UUID, is_json: bool) -> None:
    """One entry with its body, as it was kept: without secrets."""
    from hunfly_box.cli.context import open_box, tenant_transaction
    from hunfly_box.ingest import queries

    with open_box() as box, tenant_transaction(box, tenant_slug) as tx:
        entry = queries.entry(tx, entry_id)
    facts = {name: value for name, value in asdict(entry).items() if name != "body"}
    show(
        is_json,
        facts | {"body": entry.text},
        *[f"{name}: {value}" for name, value in facts.items() if value is not None],
        "",
        entry.text,
    )


@journal.command("replay")
@of_tenant
@click.argument("entry_ids", type=click.UUID, nargs=-1)
@click.option("--reason", help="Only those parked for this reason.")
@as_json
def replay_entries(tenant_slug: str, entry_ids: tuple[UUID, ...], reason: str | None, is_json: bool) -> None:
    """Try again: the entries named, or all that are parked. Doing it twice changes nothing."""
    if entry_ids and reason:
        raise click.UsageError("Name entries, or a reason, not both.")
    from hunfly_box.cli.context import open_box
    from hunfly_box.ingest import commands
    from hunfly_box.tenancy import queries as tenancy

    with open_box() as box:
        with box.control.transaction() as tx:
            tenant_id = tenancy.tenant_id_by_slug(tx, tenant_slug)
        if entry_ids:
            outcome = commands.replay(box, tenant_id, entry_ids)
        else:
            outcome = commands.replay_parked(box, tenant_id, reason)
    show(is_json, outcome.counts, *[f"{name}: {count}" for name, count in outcome.counts.items()])
