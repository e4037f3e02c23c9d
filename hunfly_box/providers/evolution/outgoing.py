"""A message of ours as a request to Evolution."""

import base64
from typing import Any

from hunfly_box.providers.messenger import (
    MessageKey,
    OutgoingContact,
    OutgoingLocation,
    OutgoingMedia,
    OutgoingMessage,
    OutgoingPoll,
    Refused,
)

Request = tuple[str, dict[str, Any]]
# Ours to Evolution's `mediatype`.
MEDIA_TYPES = {"image": "image", "video": "video", "document": "document", "audio": "audio"}
# Kinds whose endpoint takes only the file: (path, field).
FILE_ONLY = {
    "voice": ("/message/sendWhatsAppAudio", "audio"),
    "video_note": ("/message/sendPtv", "video"),
    "sticker": ("/message/sendSticker", "sticker"),
}


def request_for(message: OutgoingMessage) -> Request:
    common: dict[str, Any] = {"number": message.to}
    if message.quoted is not None:
        common["quoted"] = _quoted(message.quoted, message.quoted_text)
    if message.mentions:
        common["mentioned"] = [mention.partition("@")[0] for mention in message.mentions]
    if message.type == "text" and message.text:
        # A preview would make the engine fetch whatever address the agent pasted.
        return "/message/sendText", {**common, "text": message.text, "linkPreview": False}
    if message.type in MEDIA_TYPES and message.media is not None:
        return "/message/sendMedia", {**common, **_file(message.media, MEDIA_TYPES[message.type], message.text)}
    if message.type in FILE_ONLY and message.media is not None:
        path, field = FILE_ONLY[message.type]
        return path, {**common, field: _base64(message.media.content)}
    if message.type == "location" and message.location is not None:
        return "/message/sendLocation", {**common, **_place(message.location)}
    if message.type == "contacts" and message.contacts:
        return "/message/sendContact", {**common, "contact": [_card(person) for person in message.contacts]}
    if message.type == "poll" and message.poll is not None:
        return "/message/sendPoll", {**common, **_poll(message.poll)}
    raise Refused("engine.refused", f"a {message.type} without its content cannot be sent", permanent=True)


def key_body(key: MessageKey) -> dict[str, Any]:
    body: dict[str, Any] = {"id": key.provider_id, "remoteJid": key.chat, "fromMe": key.from_me}
    if key.author:
        body["participant"] = key.author
    return body


def _quoted(key: MessageKey, text: str | None) -> dict[str, Any]:
    """With the words, so that a message the engine has lost is still quoted."""
    quoted: dict[str, Any] = {"key": key_body(key)}
    if text:
        quoted["message"] = {"conversation": text}
    return quoted


def _file(media: OutgoingMedia, mediatype: str, caption: str | None) -> dict[str, Any]:
    body = {
        "mediatype": mediatype,
        "mimetype": media.mime,
        "fileName": media.name,
        "media": _base64(media.content),
    }
    return {**body, "caption": caption} if caption else body


def _place(place: OutgoingLocation) -> dict[str, Any]:
    # Evolution demands both words; a pin without them shows its coordinates.
    coordinates = f"{place.latitude:.6f}, {place.longitude:.6f}"
    return {
        "latitude": place.latitude,
        "longitude": place.longitude,
        "name": place.name or coordinates,
        "address": place.address or coordinates,
    }


def _card(person: OutgoingContact) -> dict[str, Any]:
    digits = "".join(character for character in person.phone if character.isdigit())
    card = {"fullName": person.name, "phoneNumber": person.phone, "wuid": digits}
    if person.organization:
        card["organization"] = person.organization
    if person.email:
        card["email"] = person.email
    return card


def _poll(poll: OutgoingPoll) -> dict[str, Any]:
    return {"name": poll.question, "selectableCount": poll.selectable, "values": list(poll.options)}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
