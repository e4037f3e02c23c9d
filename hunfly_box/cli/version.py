"""`hunfly-box version`."""

import click

from hunfly_box import VERSION
from hunfly_box.cli.printing import as_json, show


@click.command()
@as_json
def version(is_json: bool) -> None:
    """The version of this program."""
    show(is_json, {"version": VERSION}, f"hunfly-box {VERSION}")
