"""How verbs speak: lines for people, or with --json one object and nothing else; and how secrets come in."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import click

Verb = TypeVar("Verb", bound=Callable[..., Any])

as_json = click.option("--json", "is_json", is_flag=True, help="Print one JSON object and nothing else.")
of_tenant = click.option("--tenant", "tenant_slug", required=True, metavar="SLUG", help="The tenant's short name.")


def show(is_json: bool, answer: Mapping[str, Any], *lines: str) -> None:
    if is_json:
        click.echo(json.dumps(answer, default=_plain, ensure_ascii=False))
        return
    for line in lines:
        click.echo(line)


def table(rows: Sequence[Sequence[object]], *titles: str) -> list[str]:
    """Columns as wide as their longest entry."""
    lines = [list(titles), *[[str(_plain(cell)) if cell is not None else "-" for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def secret_from_stdin(what: str) -> str:
    """Everything up to the end, without the line's end that `echo` adds."""
    text = sys.stdin.read()
    if not text.strip():
        raise click.UsageError(f"No {what} came on standard input.")
    return text.removesuffix("\n").removesuffix("\r")


def password_from(is_from_stdin: bool) -> str:
    """By a pipe, or typed twice and not shown. Never an argument: those stand in the list of processes."""
    if is_from_stdin:
        return secret_from_stdin("password")
    if not sys.stdin.isatty():
        raise click.UsageError("Give the password by --password-stdin.")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if isinstance(value, UUID):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
