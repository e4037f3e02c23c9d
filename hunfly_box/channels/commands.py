"""Writes about channels: making one, and noting what became of its number."""

import re
import secrets as random
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import structs

from hunfly_box.channels import credentials
from hunfly_box.channels.credentials import Secrets
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.crypto import Sealer
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import Conflict, FieldError, Invalid, NotFound
from hunfly_box.kit.ids import new_id
from hunfly_box.providers.port import ChannelState, QrShown

WEBHOOK_PATH = "/api/webhooks/whatsapp/evolution"
# Evolution puts the name into URLs and looks it up without a tenant: plain letters, and not chosen by strangers.
INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")

INSERT = """
INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets)
VALUES (:tenant_id, :id, :name, :provider, :instance, :engine_url, :route_key, :secrets)
ON CONFLICT (tenant_id, instance) DO NOTHING
"""
INSERT_HEALTH = "INSERT INTO app.channel_health (tenant_id, channel_id) VALUES (:tenant_id, :id)"

# A number that shows a code is on its way: the engine's plain "connecting" says less and must not hide the code.
# One that was open and connects again is reconnecting. What never was connected stays new.
NOTE_STATE = """
UPDATE app.channels SET
  state = :state, cause = :cause, state_since = now(), phone = coalesce(:phone, phone),
  qr_png_base64 = CASE WHEN :state = 'qr' THEN qr_png_base64 END,
  pairing_code = CASE WHEN :state = 'qr' THEN pairing_code END
WHERE id = :id
  AND (state IS DISTINCT FROM :state OR (cause IS DISTINCT FROM :cause AND :cause IS NOT NULL)
       OR (CAST(:phone AS text) IS NOT NULL AND phone IS DISTINCT FROM :phone))
"""
NOTE_QR = """
UPDATE app.channels SET
  state = 'qr', cause = NULL, state_since = CASE WHEN state = 'qr' THEN state_since ELSE now() END,
  qr_png_base64 = :png, pairing_code = :code, qr_at = now()
WHERE id = :id AND state <> 'open'
"""
NOTE_CHECKED = """
INSERT INTO app.channel_health (tenant_id, channel_id, last_checked_at) VALUES (:tenant_id, :id, now())
ON CONFLICT (tenant_id, channel_id) DO UPDATE SET last_checked_at = now()
"""
RENAME = "UPDATE app.channels SET name = :name WHERE id = :id"
REACH = "SELECT engine_url, secrets FROM app.channels WHERE id = :id FOR UPDATE"
CHANGE_REACH = "UPDATE app.channels SET engine_url = :engine_url, secrets = :secrets WHERE id = :id"


@dataclass(frozen=True, slots=True)
class Created:
    """Secrets are shown here and never again."""

    id: UUID
    route_key: str
    webhook_path: str
    secrets: Secrets


def create_channel(
    tx: TenantTransaction,
    sealer: Sealer,
    *,
    name: str,
    provider: str,
    instance: str,
    engine_url: str,
    secrets: Secrets | None = None,
) -> Created:
    """Rows only: the engine is not called. Raises Invalid and Conflict."""
    name = name.strip()
    _check(name, provider, instance, engine_url)
    channel_id, route_key = new_id(), random.token_urlsafe(16)
    known = secrets or credentials.new_secrets()
    inserted = tx.execute(
        INSERT,
        tenant_id=tx.tenant_id,
        id=channel_id,
        name=name,
        provider=provider,
        instance=instance,
        engine_url=engine_url.rstrip("/"),
        route_key=route_key,
        secrets=credentials.seal(sealer, tx.tenant_id, channel_id, known),
    )
    if not inserted:
        raise Conflict(f"A channel for the instance {instance} exists already.", code="channel.exists")
    tx.execute(INSERT_HEALTH, tenant_id=tx.tenant_id, id=channel_id)
    tx.announce(Changed(tx.tenant_id, "channel", channel_id))
    return Created(channel_id, route_key, f"{WEBHOOK_PATH}/{route_key}", known)


def rename(tx: TenantTransaction, channel_id: UUID, name: str) -> None:
    if not 1 <= len(name.strip()) <= 60:
        raise Invalid(errors=(FieldError("name", "length", "1 to 60 characters."),))
    if tx.execute(RENAME, id=channel_id, name=name.strip()):
        tx.announce(Changed(tx.tenant_id, "channel", channel_id))


def change_engine(tx: TenantTransaction, sealer: Sealer, channel_id: UUID, engine_url: str, api_key: str) -> None:
    """An empty key keeps the stored one, at the same address only: no key goes where it was not given for."""
    engine_url = engine_url.strip().rstrip("/")
    found = tx.maybe(dict[str, Any], REACH, id=channel_id)
    if found is None:
        raise NotFound
    if not api_key and engine_url == found["engine_url"]:
        return
    if not _is_engine(engine_url):
        raise refused("engine_url", "format", "http:// or https:// and the engine's host.")
    if not api_key:
        raise refused("api_key", "required", "Another address needs its key.")
    known = credentials.unseal(sealer, tx.tenant_id, channel_id, found["secrets"])
    sealed = credentials.seal(sealer, tx.tenant_id, channel_id, structs.replace(known, api_key=api_key))
    tx.execute(CHANGE_REACH, id=channel_id, engine_url=engine_url, secrets=sealed)
    tx.announce(Changed(tx.tenant_id, "channel", channel_id))


def refused(field: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, errors=(FieldError(field, code, detail),))


def note_state(tx: TenantTransaction, channel_id: UUID, known: str, told: ChannelState) -> None:
    """`known` is the state we had. Writes, and tells the screens, only what is news."""
    state = _reading(known, told)
    if state is None:
        return
    phone = told.own_address.value if told.own_address and told.own_address.kind == "phone" else None
    if tx.execute(NOTE_STATE, id=channel_id, state=state, cause=told.cause, phone=phone):
        tx.announce(Changed(tx.tenant_id, "channel", channel_id))


def note_qr(tx: TenantTransaction, channel_id: UUID, shown: QrShown) -> None:
    if tx.execute(NOTE_QR, id=channel_id, png=shown.png_base64, code=shown.pairing_code):
        tx.announce(Changed(tx.tenant_id, "channel", channel_id))


def note_checked(tx: TenantTransaction, channel_id: UUID) -> None:
    tx.execute(NOTE_CHECKED, tenant_id=tx.tenant_id, id=channel_id)


def _reading(known: str, told: ChannelState) -> str | None:
    if told.state == "connecting":
        if known in ("qr", "new"):
            return None
        return "reconnecting" if known in ("open", "reconnecting", "engine_down") else "connecting"
    if told.state in ("logged_out", "reconnecting") and known in ("new", "qr"):
        # The engine calls a number closed that was never paired; here it is still waiting for that.
        return None
    return told.state


def _check(name: str, provider: str, instance: str, engine_url: str) -> None:
    errors = []
    if not 1 <= len(name) <= 60:
        errors.append(FieldError("name", "length", "1 to 60 characters."))
    if provider != "evolution":
        errors.append(FieldError("provider", "unknown", "Only evolution can be connected so far."))
    if not INSTANCE.fullmatch(instance):
        errors.append(FieldError("instance", "format", "Letters, digits, dot, dash and underscore, at most 60."))
    if not _is_engine(engine_url):
        errors.append(FieldError("engine_url", "format", "http:// or https:// and the engine's host."))
    if errors:
        raise Invalid(errors=tuple(errors))


def _is_engine(address: str) -> bool:
    try:
        url = urlsplit(address)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname) and not url.query and not url.fragment
