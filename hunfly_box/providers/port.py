"""Plain types for what comes in from a WhatsApp provider. What it can be asked to do: messenger.py."""

from typing import Any, Literal

from msgspec import Struct

AddressKind = Literal["phone", "lid", "group"]
Direction = Literal["in", "out"]
MessageType = Literal[
    "text",
    "image",
    "video",
    "video_note",
    "audio",
    "voice",
    "document",
    "sticker",
    "location",
    "live_location",
    "contacts",
    "poll",
    "poll_vote",
    "reply_button",
    "order",
    "event",
    "view_once",
    "system",
    "unsupported",
]
# Only what a provider can report; queued, waiting_channel and unconfirmed are the box's own.
ProviderStatus = Literal["sending", "sent", "delivered", "read", "played", "failed"]
ChannelStateName = Literal[
    "qr",
    "connecting",
    "open",
    "reconnecting",
    "logged_out",
    "banned",
    "restricted",
    "replaced",
    "engine_down",
]
TypingKind = Literal["composing", "recording", "paused", "available", "unavailable"]


class Address(Struct, frozen=True):
    """Who or where: `value` identifies (E.164 with + for a phone), `raw` is what to send to."""

    kind: AddressKind
    value: str
    raw: str


class MediaRef(Struct, frozen=True):
    """A file the provider still holds; `ref` is what fetch_media needs."""

    ref: str
    mime: str | None = None
    name: str | None = None
    size: int | None = None
    seconds: int | None = None
    width: int | None = None
    height: int | None = None
    is_voice: bool = False
    is_animated: bool = False
    peaks: tuple[int, ...] = ()  # 0-100, as WhatsApp draws a voice note


class QuotedRef(Struct, frozen=True):
    provider_id: str
    text: str | None = None
    author: Address | None = None
    type: MessageType | None = None


class Person(Struct, frozen=True):
    """One member of a group, by all the addresses the provider told."""

    addresses: tuple[Address, ...]
    name: str | None = None
    is_admin: bool = False
    picture_url: str | None = None


class IncomingMessage(Struct, frozen=True):
    """A message of either direction that the provider reports, live or from its history.

    `alt_addresses`: further addresses of the same person, the chat in a direct chat, the author in a group.
    `payload` by type: location and live_location {latitude, longitude, name, address};
    contacts {contacts: [{name, phones: [{number, wa_id}], emails, organization}]};
    poll {question, options, selectable};
    poll_vote {poll_provider_id, options}; reply_button {kind, id, title, description};
    order {kind, title, note, item_count, total, currency};
    event {name, description, place, starts_at, ends_at, is_canceled}.
    """

    provider_id: str
    direction: Direction
    chat: Address
    type: MessageType
    sent_at: float  # 0.0: not told
    text: str | None = None
    author: Address | None = None
    author_name: str | None = None
    alt_addresses: tuple[Address, ...] = ()
    media: MediaRef | None = None
    payload: dict[str, Any] | None = None
    quoted: QuotedRef | None = None
    mentions: tuple[Address, ...] = ()
    is_forwarded: bool = False
    is_view_once: bool = False
    referral: dict[str, Any] | None = None
    status: ProviderStatus | None = None  # outgoing only
    from_history: bool = False
    is_api_echo: bool = False  # the provider repeats what was sent through its API, not typed on the phone
    raw: dict[str, Any] | None = None  # redacted, only of the type "unsupported"


class StatusChange(Struct, frozen=True):
    """Match by `provider_id` alone among outgoing messages: `chat` may be another address of the person."""

    provider_id: str
    status: ProviderStatus
    chat: Address | None = None
    author: Address | None = None


class Edited(Struct, frozen=True):
    provider_id: str
    text: str
    at_ms: int | None = None
    chat: Address | None = None


class Revoked(Struct, frozen=True):
    provider_id: str
    chat: Address | None = None


class ReactionChanged(Struct, frozen=True):
    """An empty `emoji` takes the reaction away. `provider_id` is the reaction's own id.

    `target_from_me` helps where both sides used one id; None when the provider did not say.
    """

    provider_id: str
    chat: Address
    target_provider_id: str
    target_from_me: bool | None
    emoji: str
    from_me: bool
    reactor: Address | None = None  # None: the channel's own number
    reactor_name: str | None = None
    alt_addresses: tuple[Address, ...] = ()  # further addresses of the reactor
    at_ms: int | None = None
    from_history: bool = False


class PollOption(Struct, frozen=True):
    name: str
    voters: tuple[Address, ...] = ()


class PollTally(Struct, frozen=True):
    """The standing of a poll after a vote; replaces what was known."""

    poll_provider_id: str
    options: tuple[PollOption, ...]


class ContactSeen(Struct, frozen=True):
    """All `addresses` belong to one person. None means nothing was said, not that there is none."""

    addresses: tuple[Address, ...]
    name: str | None = None
    picture_url: str | None = None

    @property
    def picture_mark(self) -> str | None:
        return picture_mark(self.picture_url)


class GroupSeen(Struct, frozen=True):
    group: Address
    subject: str | None = None
    participants: tuple[Person, ...] | None = None  # None: not told
    picture_url: str | None = None


class ParticipantsChanged(Struct, frozen=True):
    group: Address
    action: Literal["add", "remove", "promote", "demote", "modify"]
    participants: tuple[Person, ...]
    author: Address | None = None


class ChannelState(Struct, frozen=True):
    """`cause` is a stable code for the words a person reads.

    Cause "unspecified" comes beside a more precise event in any order: it must not overwrite one.
    """

    state: ChannelStateName
    cause: str | None = None
    code: int | None = None
    own_address: Address | None = None
    own_name: str | None = None
    own_picture_url: str | None = None


class QrShown(Struct, frozen=True):
    png_base64: str | None
    pairing_code: str | None = None
    content: str | None = None  # the text inside the code
    count: int | None = None


class TypingSeen(Struct, frozen=True):
    chat: Address
    author: Address
    kind: TypingKind


class CallSeen(Struct, frozen=True):
    provider_id: str
    chat: Address
    status: str
    caller: Address | None = None
    is_video: bool = False
    is_group: bool = False
    at: float | None = None


class ChatGone(Struct, frozen=True):
    """The chat was deleted on the phone; the box keeps its history."""

    chat: Address


class Ignored(Struct, frozen=True):
    """Never concerns an inbox: newsletter, status_broadcast, key_share, protocol, no_content."""

    reason: str


class Parked(Struct, frozen=True):
    """Cannot be used now and is kept for replay: unknown_event, parse_error, limit."""

    reason: str


Event = (
    IncomingMessage
    | StatusChange
    | Edited
    | Revoked
    | ReactionChanged
    | PollTally
    | ContactSeen
    | GroupSeen
    | ParticipantsChanged
    | ChannelState
    | QrShown
    | TypingSeen
    | CallSeen
    | ChatGone
    | Ignored
    | Parked
)


class Delivery(Struct, frozen=True):
    """One webhook, read. `kind` is the provider's word for it, for the journal only.

    `channel_ref` is the channel the body claims to be about; the caller compares it with the
    one it authenticated.
    """

    kind: str | None
    channel_ref: str | None
    events: tuple[Event, ...]


def picture_mark(url: str | None) -> str | None:
    """Which picture an address leads to: its query is a signature that changes by the hour."""
    return url.partition("?")[0] if url else None
