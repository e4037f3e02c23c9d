"""A channel's secrets: made here or given, sealed in one column, opened only to be used."""

import secrets
from uuid import UUID

import msgspec
from msgspec import Struct

from hunfly_box.kit.crypto import Sealer
from hunfly_box.kit.errors import FieldError, Invalid


class Secrets(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What a sender proves itself with, and the engine's key. `previous` is accepted while a rotation lasts."""

    hmac: str
    header_name: str
    header_value: str
    jwt_key: str
    api_key: str = ""
    previous: dict[str, str] | None = None

    def __repr__(self) -> str:
        return "Secrets(…)"

    def shown_once(self) -> dict[str, str]:
        return {
            "hmac": self.hmac,
            "header_name": self.header_name,
            "header_value": self.header_value,
            "jwt_key": self.jwt_key,
        }


def new_secrets(api_key: str = "") -> Secrets:
    return Secrets(
        hmac=secrets.token_hex(32),
        header_name="X-Hunfly-Channel",
        header_value=secrets.token_urlsafe(32),
        jwt_key=secrets.token_urlsafe(32),
        api_key=api_key,
    )


def read_secrets(raw: bytes) -> Secrets:
    """From a caller's JSON; what it leaves out is made up. Raises Invalid."""
    try:
        given = msgspec.json.decode(raw, type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise Invalid("The secrets must be one JSON object of strings.") from error
    unknown = given.keys() - {"hmac", "header_name", "header_value", "jwt_key", "api_key"}
    if unknown:
        field = sorted(unknown)[0]
        raise Invalid("Unknown secret.", errors=(FieldError(f"secrets.{field}", "unknown", "No such secret."),))
    made = new_secrets()
    known = msgspec.convert({**made.shown_once(), **given}, Secrets)
    _refuse_unusable(known)
    return known


def _refuse_unusable(known: Secrets) -> None:
    name = known.header_name
    if not name or not all(sign.isalnum() or sign == "-" for sign in name) or len(name) > 64:
        raise Invalid("header_name must be a plain HTTP header name.")
    if name.lower() in ("authorization", "content-type", "content-length", "host", "x-webhook-signature"):
        raise Invalid(f"header_name may not be {name}: that header has another meaning.")
    for field in ("hmac", "header_value", "jwt_key"):
        value = getattr(known, field)
        if not value or not value.isascii() or not value.isprintable():
            raise Invalid(f"{field} must be printable ASCII and not empty.")


def place(tenant_id: UUID, channel_id: UUID) -> str:
    return f"channels.secrets/{tenant_id}/{channel_id}"


def seal(sealer: Sealer, tenant_id: UUID, channel_id: UUID, known: Secrets) -> bytes:
    return sealer.seal(msgspec.json.encode(known), place(tenant_id, channel_id))


def unseal(sealer: Sealer, tenant_id: UUID, channel_id: UUID, sealed: bytes) -> Secrets:
    return msgspec.json.decode(sealer.open(bytes(sealed), place(tenant_id, channel_id)), type=Secrets)
