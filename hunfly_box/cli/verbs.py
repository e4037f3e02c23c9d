"""The table of verbs. A verb's module is imported when it is called, so that a short one answers quickly."""

from collections.abc import Callable

import click

from hunfly_box import VERSION


def _serve() -> click.Command:
    from hunfly_box.cli.serve import serve

    return serve


def _demo() -> click.Command:
    from hunfly_box.cli.demo import demo

    return demo


def _migrate() -> click.Command:
    from hunfly_box.cli.upkeep import migrate

    return migrate


def _doctor() -> click.Command:
    from hunfly_box.cli.upkeep import doctor

    return doctor


def _tenant() -> click.Command:
    from hunfly_box.cli.tenants import tenant

    return tenant


def _reseller() -> click.Command:
    from hunfly_box.cli.tenants import reseller

    return reseller


def _user() -> click.Command:
    from hunfly_box.cli.users import user

    return user


def _channel() -> click.Command:
    from hunfly_box.cli.channels import channel

    return channel


def _token() -> click.Command:
    from hunfly_box.cli.tokens import token

    return token


def _journal() -> click.Command:
    from hunfly_box.cli.journal import journal

    return journal


def _version() -> click.Command:
    from hunfly_box.cli.version import version

    return version


VERBS: dict[str, tuple[str, Callable[[], click.Command]]] = {
    "serve": ("Serve the inbox, receive webhooks and send replies.", _serve),
    "demo": ("Start a box with sample companies and a simulated WhatsApp.", _demo),
    "migrate": ("Bring the database to this version.", _migrate),
    "doctor": ("Say what is wrong with this machine or box, and what to do.", _doctor),
    "tenant": ("Tenants: create, list.", _tenant),
    "reseller": ("Resellers: create.", _reseller),
    "user": ("People: create, reset-password.", _user),
    "channel": ("Numbers: create, list, connect.", _channel),
    "token": ("API tokens: create, list, revoke.", _token),
    "journal": ("Webhooks that were kept: list, show, replay.", _journal),
    "version": ("The version of this program.", _version),
}


class Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        found = VERBS.get(name)
        return found[1]() if found else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table: asking each verb itself would import them all."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (text, _) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="hunfly-box %(version)s")
def main() -> None:
    """A shared WhatsApp inbox for small teams, self-hosted.

    Settings come from HUNFLY_* variables, else from config.toml in the configuration folder.
    """
