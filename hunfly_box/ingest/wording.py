"""Plain events as the JSON that app.ingest() stores."""

from typing import Any

from hunfly_box.kit.i18n import mark, translate
from hunfly_box.kit.ids import new_id
from hunfly_box.providers.port import Address, CallSeen, IncomingMessage, MediaRef, QuotedRef

# A call's end decides its words: while it rings, and when nobody took it, it was missed.
MISSED_VOICE = mark("Chamada de voz perdida")
MISSED_VIDEO = mark("Chamada de vídeo perdida")
TAKEN_VOICE = mark("Chamada de voz atendida no celular")
TAKEN_VIDEO = mark("Chamada de vídeo atendida no celular")

# What a file is taken for until its bytes are there.
MIMES = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "video_note": "video/mp4",
    "voice": "audio/ogg",
    "audio": "audio/mpeg",
    "sticker": "image/webp",
}


def payload_of(event: IncomingMessage) -> dict[str, Any] | None:
    payload = event.payload
    extras: dict[str, Any] = {}
    if event.mentions:
        extras["mentions"] = [_mention(address) for address in event.mentions]
    if event.referral is not None:
        extras["referral"] = event.referral
    if event.is_view_once:
        extras["view_once"] = True
    if event.from_history:
        extras["history"] = True
    if event.media is not None and event.media.is_animated:
        extras["animated"] = True
    if event.raw is not None:
        extras["raw"] = event.raw
    if extras:
        return {**(payload or {}), **extras}
    return payload


def _mention(address: Address) -> dict[str, str]:
    """`handle` is what the text says after the @: the address as WhatsApp spells it, not as we keep it."""
    return {"kind": address.kind, "value": address.value, "handle": address.raw.split("@", 1)[0]}


def quoted_of(quote: QuotedRef) -> dict[str, str | None]:
    author = quote.author.value if quote.author is not None else None
    return {"provider_id": quote.provider_id, "text": quote.text, "author": author}


def message_of(event: IncomingMessage, payload: dict[str, Any] | None, received_at: float) -> dict[str, Any]:
    is_inbound = event.direction == "in"
    described: dict[str, Any] = {
        "id": str(new_id()),
        "direction": event.direction,
        "type": event.type,
        "author_kind": "contact" if is_inbound else "phone",
        "author_name": event.author_name,
        "text": event.text,
        "provider_id": event.provider_id,
        "status": None if is_inbound else event.status or "sent",
        "sent_at": event.sent_at or received_at,
    }
    if payload is not None:
        described["payload"] = payload
    if event.quoted is not None:
        described["quoted"] = quoted_of(event.quoted)
    if event.is_forwarded:
        described["is_forwarded"] = True
    if event.from_history:
        described["history"] = True
    if event.is_api_echo:
        described["is_api_echo"] = True
    if event.media is not None:
        described["media"] = _media(event, event.media)
    return described


def _media(event: IncomingMessage, file: MediaRef) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "mime": file.mime or MIMES.get(event.type, "application/octet-stream"),
        "name": file.name,
        "size": file.size,
        "seconds": file.seconds,
        "width": file.width,
        "height": file.height,
        "peaks": list(file.peaks) or None,
        "provider_ref": {"ref": file.ref, "sent_at": event.sent_at},
    }


def call_of(event: CallSeen, locale: str, received_at: float) -> dict[str, Any]:
    if event.status == "accept":
        words = TAKEN_VIDEO if event.is_video else TAKEN_VOICE
    else:
        words = MISSED_VIDEO if event.is_video else MISSED_VOICE
    return {
        "id": str(new_id()),
        "direction": "in",
        "type": "system",
        "author_kind": "system",
        "author_name": None,
        "text": translate(locale, words),
        "provider_id": event.provider_id,
        "status": None,
        "sent_at": event.at or received_at,
        "payload": {
            "icon": "phone",
            "system": {"kind": "call", "status": event.status, "is_video": event.is_video, "is_group": event.is_group},
        },
    }
