"""The number's own fate: connecting, open, logged out, banned; and what there is to scan."""

from typing import Any

from hunfly_box.providers.evolution.encodings import count, mapping, name, text
from hunfly_box.providers.evolution.jids import address_in
from hunfly_box.providers.evolution.people import url
from hunfly_box.providers.port import ChannelState, ChannelStateName, Event, Ignored, Parked, QrShown

# Baileys' DisconnectReason, as Evolution passes it on. The first four end the session: it must be scanned again.
CLOSE_CODES: dict[int, tuple[ChannelStateName, str]] = {
    401: ("logged_out", "logged_out"),
    402: ("restricted", "temporary_ban"),
    403: ("banned", "banned"),
    406: ("banned", "permanent_ban"),
    408: ("reconnecting", "connection_lost"),
    411: ("reconnecting", "device_mismatch"),
    428: ("reconnecting", "connection_closed"),
    440: ("replaced", "replaced"),
    500: ("reconnecting", "bad_session"),
    503: ("reconnecting", "whatsapp_unavailable"),
    515: ("reconnecting", "restart_required"),
}
MAX_QR = 1 << 18
PNG_PREFIX = "data:image/png;base64,"


def closed(code: int | None) -> ChannelState:
    if code is None:
        return ChannelState("reconnecting", "unspecified")
    state, cause = CLOSE_CODES.get(code, ("reconnecting", "unknown"))
    return ChannelState(state, cause, code)


def read_connection(update: dict[str, Any]) -> Event:
    state = update.get("state")
    code = count(update.get("statusReason"))
    if state == "open":
        return ChannelState(
            "open",
            None,
            code,
            address_in(update.get("wuid")),
            name(update.get("profileName")),
            url(update.get("profilePictureUrl")),
        )
    if state == "connecting":
        return ChannelState("connecting", None, code)
    if state == "refused":
        # Nobody scanned: Evolution stops offering codes.
        return ChannelState("logged_out", "qr_timeout", code)
    return closed(code) if state == "close" else Parked("parse_error")


def read_status(status: dict[str, Any]) -> Event:
    return closed(count(status.get("disconnectionReasonCode")))


def read_logout(_: Any) -> Event:
    """Sent beside every final close, a ban too, in any order."""
    return ChannelState("logged_out", "unspecified")


def read_removal(_: Any) -> Event:
    return ChannelState("logged_out", "removed")


def read_qr(shown: dict[str, Any]) -> Event:
    qr = mapping(shown.get("qrcode"))
    if not qr:
        limit_reached = count(shown.get("statusCode")) is not None
        return ChannelState("logged_out", "qr_timeout") if limit_reached else Ignored("no_content")
    return QrShown(
        png_base64=png(qr.get("base64")),
        pairing_code=name(qr.get("pairingCode")),
        content=text(qr.get("code"), MAX_QR),
        count=count(qr.get("count")),
    )


def png(value: Any) -> str | None:
    found = text(value, MAX_QR)
    return found.removeprefix(PNG_PREFIX) if found else None
