"""`hunfly-box user …`."""

from typing import TYPE_CHECKING
from uuid import UUID

import click

from hunfly_box.access.viewer import RESELLER, ROLES, SUPER_ADMIN, TENANT_ROLES
from hunfly_box.cli.printing import as_json, password_from, show

if TYPE_CHECKING:
    from hunfly_box.kit.database import Transaction

by_stdin = click.option(
    "--password-stdin", "is_from_stdin", is_flag=True, help="Read the password from standard input."
)


@click.group()
def user() -> None:
    """People: create, reset-password."""


@user.command("create")
@click.option("--tenant", "tenant_slug", metavar="SLUG", help="Where they work.")
@click.option("--reseller", "reseller_slug", metavar="SLUG", help="The reseller they work for.")
@click.option("--box", "is_for_box", is_flag=True, help="The owner of the box.")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), required=True)
@by_stdin
@as_json
def create_user(
    tenant_slug: str | None,
    reseller_slug: str | None,
    is_for_box: bool,
    email: str,
    name: str,
    role: str,
    is_from_stdin: bool,
    is_json: bool,
) -> None:
    """Make a person. An existing one, known by address and password, is given the further place."""
    _refuse_wrong_place(tenant_slug, reseller_slug, is_for_box, role)
    password = password_from(is_from_stdin)

    from hunfly_box.access import trail
    from hunfly_box.access.commands import people
    from hunfly_box.cli.context import open_box
    from hunfly_box.kit.database import Scope
    from hunfly_box.tenancy import queries

    with open_box() as box:
        with box.control.transaction() as tx:
            tenant_id = queries.tenant_id_by_slug(tx, tenant_slug) if tenant_slug else None
            reseller_id = queries.reseller_id_by_slug(tx, reseller_slug) if reseller_slug else None
            user_id = _person(tx, email, name, password, is_for_box=is_for_box)
            if tenant_id is not None:
                people.join_tenant(tx, user_id, tenant_id, role)
            if reseller_id is not None:
                people.join_reseller(tx, user_id, reseller_id)
        if tenant_id is not None:
            trail.note(box.database, Scope.system(tenant_id), "user.added", object_id=user_id)
    show(is_json, {"id": user_id, "email": email}, f"{name} <{email}>: {role}")


@user.command("reset-password")
@click.option("--email", required=True)
@by_stdin
@as_json
def reset_password(email: str, is_from_stdin: bool, is_json: bool) -> None:
    """Set a new password; every session of this person ends."""
    password = password_from(is_from_stdin)

    from hunfly_box.access import passwords
    from hunfly_box.access.commands import people
    from hunfly_box.cli.context import open_box

    with open_box() as box, box.control.transaction() as tx:
        account = people.find_account(tx, email)
        passwords.check_choice(password, account.email, account.name)
        people.set_password(tx, account.id, passwords.hashed(password))
    show(is_json, {"id": account.id, "email": account.email}, f"New password for {account.email}.")


def _refuse_wrong_place(tenant_slug: str | None, reseller_slug: str | None, is_for_box: bool, role: str) -> None:
    if sum((bool(tenant_slug), bool(reseller_slug), is_for_box)) != 1:
        raise click.UsageError("Give exactly one of --tenant, --reseller and --box.")
    fitting = TENANT_ROLES if tenant_slug else (RESELLER,) if reseller_slug else (SUPER_ADMIN,)
    if role not in fitting:
        raise click.UsageError(f"There the role is one of: {', '.join(fitting)}.")


def _person(tx: "Transaction", email: str, name: str, password: str, *, is_for_box: bool) -> UUID:
    from hunfly_box.access import passwords, queries
    from hunfly_box.access.commands import people

    known = queries.account_by_email(tx, email.strip())
    if known is None:
        passwords.check_choice(password, email, name)
        box_role = SUPER_ADMIN if is_for_box else None
        return people.create_user(
            tx, email=email, name=name, password_hash=passwords.hashed(password), box_role=box_role
        )
    # Only who knows the password may be taken into a further place under this address.
    if is_for_box or not passwords.is_right(known.password_hash, password):
        raise people.EmailTaken(f"{email} has an account already, with another password.")
    return known.id
