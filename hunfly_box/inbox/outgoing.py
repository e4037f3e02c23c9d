"""What a person may send: the rules by type, before anything is written."""

import re
from uuid import UUID

from msgspec import Struct

from hunfly_box.inbox.payloads import Location, SharedContact
from hunfly_box.kit.errors import FieldError, Invalid

# WhatsApp's own limit for a text.
TEXT_LIMIT = 65_536
CONTACTS_LIMIT = 10
PHONES_LIMIT = 10
CONTACT_NAME_LIMIT = 200
# A number as people write it.
PHONE = re.compile(r"[+\d\s()./-]{1,40}")
CAPTIONED = ("image", "video", "document")
# The beginning of the mime type that each type of message needs; a document may be anything.
MIME_OF = {
    "image": "image/",
    "video": "video/",
    "audio": "audio/",
    "voice": "audio/",
    "sticker": "image/",
    "document": "",
}
TYPES = ("text", *MIME_OF, "location", "contacts", "forward")


class Outgoing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`media_id` names an upload, or the media of a message the person may read.

    Type `forward` sends on all that the message `forward_id` says: its text, file, place, cards or poll.
    """

    type: str
    text: str | None = None
    media_id: UUID | None = None
    quoted_id: UUID | None = None
    location: Location | None = None
    contacts: list[SharedContact] | None = None
    forwarded: bool = False
    forward_id: UUID | None = None


def check(message: Outgoing) -> None:
    """Raises Invalid with every field at fault."""
    errors = list(_problems(message))
    if errors:
        raise Invalid(errors[0].detail, errors=tuple(errors))


def invalid(field: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, errors=(FieldError(field, code, detail),))


def _problems(message: Outgoing) -> list[FieldError]:
    if message.type != "note" and message.type not in TYPES:
        return [FieldError("type", "value", f"One of {', '.join((*TYPES, 'note'))}.")]
    problems = []
    if message.type in ("text", "note") and not (message.text or "").strip():
        problems.append(FieldError("text", "required", "There is nothing to send."))
    if len(message.text or "") > TEXT_LIMIT:
        problems.append(FieldError("text", "too_long", f"At most {TEXT_LIMIT} characters."))
    problems += _misplaced(message)
    if message.type == "contacts" and not 0 < len(message.contacts or ()) <= CONTACTS_LIMIT:
        problems.append(FieldError("contacts", "required", f"One to {CONTACTS_LIMIT} contacts."))
    problems += [problem for n, card in enumerate(message.contacts or ()) for problem in _card_problems(n, card)]
    if message.type == "location" and message.location and not _on_earth(message.location):
        problems.append(FieldError("location", "value", "Not a place on earth."))
    return problems


def _misplaced(message: Outgoing) -> list[FieldError]:
    """Each field belongs to some types: there it is needed, elsewhere it would be lost in silence."""
    problems = []
    for field, given, needed in (
        ("media_id", message.media_id is not None, message.type in MIME_OF),
        ("location", message.location is not None, message.type == "location"),
        ("contacts", message.contacts is not None, message.type == "contacts"),
        ("forward_id", message.forward_id is not None, message.type == "forward"),
    ):
        if needed and not given:
            problems.append(FieldError(field, "required", f"A message of type {message.type} needs it."))
        if given and not needed:
            problems.append(FieldError(field, "unexpected", f"A message of type {message.type} has none."))
    if message.text and message.type not in ("text", "note", *CAPTIONED):
        problems.append(FieldError("text", "unexpected", f"A message of type {message.type} has none."))
    if message.type == "note" and message.quoted_id is not None:
        problems.append(FieldError("quoted_id", "unexpected", "A note quotes nothing."))
    return problems


def _card_problems(n: int, card: SharedContact) -> list[FieldError]:
    problems = []
    if not 0 < len(card.name.strip()) <= CONTACT_NAME_LIMIT:
        problems.append(FieldError(f"contacts[{n}].name", "required", f"1 to {CONTACT_NAME_LIMIT} characters."))
    if not 0 < len(card.phones) <= PHONES_LIMIT or not all(_is_phone(phone) for phone in card.phones):
        problems.append(FieldError(f"contacts[{n}].phones", "phone", f"1 to {PHONES_LIMIT} telephone numbers."))
    return problems


def _is_phone(text: str) -> bool:
    return PHONE.fullmatch(text) is not None and any(letter.isdigit() for letter in text)


def _on_earth(location: Location) -> bool:
    return -90 <= location.lat <= 90 and -180 <= location.lng <= 180
