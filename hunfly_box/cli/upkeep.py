"""`hunfly-box migrate` and `hunfly-box doctor`."""

import sys

import click

from hunfly_box.cli.printing import as_json, show


@click.command()
@as_json
def migrate(is_json: bool) -> None:
    """Bring the database to this version: roles, schema, extensions. Does nothing when it is there."""
    from hunfly_box.cli.context import services_of
    from hunfly_box.cli.serve import load_settings_here, plain_errors
    from hunfly_box.operations.services import bring_up_to_date, own_services

    with plain_errors():
        settings = load_settings_here()
        if settings.database_url is None:
            # A box that runs is up to date; for one that does not, opening it is what migrates.
            with services_of(settings) as services:
                done = bring_up_to_date(services)
        else:
            with own_services(settings) as services:
                done = bring_up_to_date(services)
    show(is_json, {"done": done}, *(done or ["The database is at this version."]))


@click.command()
@as_json
def doctor(is_json: bool) -> None:
    """Say what is wrong with this machine or box, and what to do. Exit code 1 when something is."""
    from hunfly_box.cli.serve import load_settings_here, plain_errors
    from hunfly_box.operations import diagnosis

    with plain_errors():
        findings = diagnosis.examine(load_settings_here())
    is_well = all(finding.is_well for finding in findings)
    lines = [f"{'ok  ' if item.is_well else 'BAD '} {item.name}: {item.detail}" for item in findings]
    show(
        is_json,
        {
            "ok": is_well,
            "findings": [{"name": item.name, "ok": item.is_well, "detail": item.detail} for item in findings],
        },
        *lines,
    )
    sys.exit(0 if is_well else 1)
