"""Writes about tenants and resellers."""

import re
from uuid import UUID
from zoneinfo import available_timezones

from hunfly_box.audit import commands as audit
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import TenantTransaction, Transaction
from hunfly_box.kit.errors import Conflict, FieldError, Invalid
from hunfly_box.kit.i18n import LOCALES
from hunfly_box.kit.ids import new_id

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_NAME = 120


class SlugTaken(Conflict):
    code = "tenancy.slug_taken"
    title = "This short name is in use"


def create_tenant(tx: Transaction, *, name: str, slug: str, reseller_id: UUID | None = None) -> UUID:
    """`tx` is the control plane's. Raises Invalid, SlugTaken."""
    tenant_id = new_id()
    made = tx.execute(
        "INSERT INTO app.tenants (id, reseller_id, name, slug) VALUES (:id, :reseller_id, :name, :slug)"
        " ON CONFLICT (slug) DO NOTHING",
        id=tenant_id,
        reseller_id=reseller_id,
        name=_name(name),
        slug=_slug(slug),
    )
    if not made:
        raise SlugTaken(f"There is a tenant {slug} already.")
    return tenant_id


def create_reseller(tx: Transaction, *, name: str, slug: str) -> UUID:
    reseller_id = new_id()
    made = tx.execute(
        "INSERT INTO app.resellers (id, name, slug) VALUES (:id, :name, :slug) ON CONFLICT (slug) DO NOTHING",
        id=reseller_id,
        name=_name(name),
        slug=_slug(slug),
    )
    if not made:
        raise SlugTaken(f"There is a reseller {slug} already.")
    return reseller_id


def change_settings(
    tx: TenantTransaction,
    *,
    name: str,
    locale: str,
    timezone: str,
    agents_see_queue: bool,
    send_read_receipts: bool,
) -> None:
    if locale not in LOCALES or timezone not in available_timezones():
        field = "locale" if locale not in LOCALES else "timezone"
        raise Invalid("Not a known language or time zone.", errors=(FieldError(field, "unknown", ""),))
    tx.execute(
        "UPDATE app.tenants SET name = :name, locale = :locale, timezone = :timezone,"
        " agents_see_queue = :agents_see_queue, send_read_receipts = :send_read_receipts WHERE id = :id",
        id=tx.tenant_id,
        name=_name(name),
        locale=locale,
        timezone=timezone,
        agents_see_queue=agents_see_queue,
        send_read_receipts=send_read_receipts,
    )
    audit.record(tx, "tenant_settings.changed", object_kind="tenant", object_id=tx.tenant_id)
    # What agents see may have changed: their open screens ask again.
    tx.announce(Changed(tx.tenant_id, "access", tx.tenant_id))


def _name(name: str) -> str:
    stripped = name.strip()
    if not 1 <= len(stripped) <= LONGEST_NAME:
        raise Invalid("A name is needed.", errors=(FieldError("name", "invalid", f"1 to {LONGEST_NAME} characters."),))
    return stripped


def _slug(slug: str) -> str:
    if not SLUG.fullmatch(slug):
        detail = "Lower-case letters, digits and hyphens, up to 63."
        raise Invalid(detail, errors=(FieldError("slug", "invalid", detail),))
    return slug
