"""From our rows to what the provider is asked: the message, whom it goes to, what it quotes, its file."""

import mimetypes
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import connecting
from hunfly_box.channels.queries import Line
from hunfly_box.kit.crypto import SealBroken
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.media import store
from hunfly_box.providers.messenger import (
    MessageKey,
    Messenger,
    OutgoingContact,
    OutgoingLocation,
    OutgoingMedia,
    OutgoingMessage,
    OutgoingPoll,
    Refused,
)
from hunfly_box.providers.port import Address

# The engine guesses the type from the file's name, and the standard table lacks or varies these.
EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "video/mp4": ".mp4",
    "video/3gpp": ".3gp",
    "video/webm": ".webm",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/webm": ".webm",
    "audio/wav": ".wav",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything a delivery needs, read in one go."""

    type: str
    text: str | None
    payload: dict[str, Any] | None
    direction: str
    provider_id: str | None
    to_kind: str | None
    to_value: str | None
    to_address: str | None
    author_address: str | None
    is_group: bool
    quoted_provider_id: str | None
    quoted_text: str | None
    quoted_direction: str | None
    quoted_author_address: str | None
    sent_to: str | None
    sha256: str | None
    mime: str | None
    name: str | None

    @property
    def to(self) -> Address:
        if self.to_address is None or self.to_value is None:
            raise Refused("contact.no_address", "nobody knows where this contact is reached", permanent=True)
        kind: Any = self.to_kind
        return Address(kind, self.to_value, self.to_address)

    def key(self) -> MessageKey:
        """Names the message at the provider, to edit, delete or react to it."""
        if self.provider_id is None:
            raise Refused("message.not_sent", "the message has not reached the provider", permanent=True)
        is_ours = self.direction == "out"
        # The engine knows it under the address it went to, whatever we have learned about the person since.
        chat = self.sent_to or self.to.raw
        return MessageKey(self.provider_id, chat, is_ours, None if is_ours else self._in_group(self.author_address))

    def quoted_key(self) -> MessageKey | None:
        if self.quoted_provider_id is None:
            return None
        is_ours = self.quoted_direction == "out"
        author = None if is_ours else self._in_group(self.quoted_author_address)
        return MessageKey(self.quoted_provider_id, self.to.raw, is_ours, author)

    def _in_group(self, address: str | None) -> str | None:
        return address if self.is_group else None


def read_draft(tx: TenantTransaction, message_id: UUID) -> Draft:
    return tx.one(Draft, DRAFT, tenant_id=tx.tenant_id, id=message_id)


def messenger(resources: Resources, tenant_id: UUID, line: Line) -> Messenger:
    """Raises Refused when the channel's row cannot be used: an address that is none, a seal that does not open."""
    try:
        return connecting.messenger_of(resources, tenant_id, line)[1]
    except (SealBroken, ValueError) as error:
        raise Refused("channel.misconfigured", str(error), permanent=True) from error


def compose(resources: Resources, tenant_id: UUID, draft: Draft) -> OutgoingMessage:
    """Reads the file, so it is called outside any transaction. Raises Refused for what cannot be sent at all."""
    payload = draft.payload or {}
    message_type: Any = draft.type
    return OutgoingMessage(
        to=draft.to.raw,
        type=message_type,
        text=draft.text,
        media=_media(resources, tenant_id, draft),
        location=_location(payload) if draft.type == "location" else None,
        contacts=_contacts(payload) if draft.type == "contacts" else (),
        poll=_poll(payload) if draft.type == "poll" else None,
        quoted=draft.quoted_key(),
        quoted_text=draft.quoted_text,
        mentions=tuple(_mentions(payload)),
    )


def _media(resources: Resources, tenant_id: UUID, draft: Draft) -> OutgoingMedia | None:
    if draft.mime is None:
        return None
    if draft.sha256 is None:
        raise Refused("media.unavailable", "the file is no longer here", permanent=True)
    try:
        content = store.read(resources.media_folder, tenant_id, draft.sha256)
    except FileNotFoundError:
        raise Refused("media.unavailable", "the file is no longer here", permanent=True) from None
    return OutgoingMedia(content, draft.mime, file_name(draft.type, draft.mime, draft.name))


def file_name(message_type: str, mime: str, name: str | None) -> str:
    """With an extension that fits: without one the engine sends a file of no type."""
    bare = mime.partition(";")[0].strip().lower()
    if name and mimetypes.guess_type(name)[0] is not None:
        return name
    extension = EXTENSIONS.get(bare) or mimetypes.guess_extension(bare) or ".bin"
    return (name or message_type) + extension


def _location(payload: dict[str, Any]) -> OutgoingLocation:
    try:
        return OutgoingLocation(
            float(payload["latitude"]),
            float(payload["longitude"]),
            payload.get("name") or "",
            payload.get("address") or "",
        )
    except (KeyError, TypeError, ValueError):
        raise Refused("message.malformed", "a location without a place", permanent=True) from None


def _contacts(payload: dict[str, Any]) -> tuple[OutgoingContact, ...]:
    """The engine writes one number on a card: who has several gets several cards, so that none is lost."""
    return tuple(
        OutgoingContact(card.get("name") or number, number, card.get("organization"), _first(card.get("emails")))
        for card in payload.get("contacts") or ()
        for number in _numbers(card)
    )


def _poll(payload: dict[str, Any]) -> OutgoingPoll:
    return OutgoingPoll(
        str(payload.get("question") or ""),
        tuple(str(option) for option in payload.get("options") or ()),
        int(payload.get("selectable") or 0),
    )


def _numbers(card: dict[str, Any]) -> list[str]:
    told = (phone.get("number") if isinstance(phone, dict) else phone for phone in card.get("phones") or ())
    return [str(number) for number in told if number]


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None


def _mentions(payload: dict[str, Any]) -> list[str]:
    return [str(one["handle"]) for one in payload.get("mentions") or () if isinstance(one, dict) and one.get("handle")]


# A person is addressed by the number where we know it, else by the LID itself; a group by its own.
ADDRESS_OF = """
SELECT i.kind, i.value, i.address FROM app.contact_identities i
WHERE i.tenant_id = m.tenant_id AND i.contact_id = {contact}
ORDER BY CASE i.kind WHEN 'group' THEN 0 WHEN 'phone' THEN 1 ELSE 2 END, i.created_at LIMIT 1
"""
DRAFT = f"""
SELECT m.type, m.text, m.payload, m.direction, m.provider_id,
       i.kind AS to_kind, i.value AS to_value, i.address AS to_address, a.address AS author_address,
       coalesce(p.is_group, false) AS is_group,
       m.quoted_provider_id, m.quoted_text, q.direction AS quoted_direction, qa.address AS quoted_author_address,
       m.payload ->> 'sent_to' AS sent_to, f.sha256, f.mime, f.name
FROM app.messages m
JOIN app.conversations v ON v.tenant_id = m.tenant_id AND v.id = m.conversation_id
JOIN app.contacts p ON p.tenant_id = v.tenant_id AND p.id = v.contact_id
LEFT JOIN LATERAL ({ADDRESS_OF.format(contact="v.contact_id")}) i ON true
LEFT JOIN LATERAL ({ADDRESS_OF.format(contact="m.author_id")}) a ON m.author_kind = 'contact'
LEFT JOIN LATERAL (
  SELECT o.direction, o.author_id FROM app.messages o
  WHERE o.tenant_id = m.tenant_id AND o.conversation_id = m.conversation_id AND o.provider_id = m.quoted_provider_id
  LIMIT 1) q ON m.quoted_provider_id IS NOT NULL
LEFT JOIN LATERAL ({ADDRESS_OF.format(contact="q.author_id")}) qa ON q.direction = 'in'
LEFT JOIN app.media f ON f.tenant_id = m.tenant_id AND f.id = m.media_id
WHERE m.tenant_id = :tenant_id AND m.id = :id
"""
