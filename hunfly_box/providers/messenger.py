"""What a WhatsApp provider can be asked to do, in plain types, and the three ways it can fail."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from hunfly_box.providers.port import (
    Address,
    ChannelState,
    ChannelStateName,
    ContactSeen,
    Event,
    GroupSeen,
    MessageType,
    ProviderStatus,
    TypingKind,
)


class ProviderError(Exception):
    """Only its three children are raised; they say all a caller may conclude."""


class NotSent(ProviderError):
    """No byte of the request left: doing it again is safe."""


class Refused(ProviderError):
    """The provider said no. `permanent`: asking again changes nothing."""

    def __init__(self, code: str, message: str, *, permanent: bool, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.permanent = permanent
        self.retry_after = retry_after


class Unknown(ProviderError):
    """The request left and no usable answer came: it may or may not have happened.

    `is_disconnected`: the provider said that it has no connection to WhatsApp.
    """

    def __init__(self, message: str, *, is_disconnected: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.is_disconnected = is_disconnected
        self.retry_after = retry_after


class OutgoingMedia(Struct, frozen=True):
    content: bytes
    mime: str
    name: str  # with a proper extension: the provider guesses the type from it


class OutgoingLocation(Struct, frozen=True):
    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class OutgoingContact(Struct, frozen=True):
    name: str
    phone: str
    organization: str | None = None
    email: str | None = None


class OutgoingPoll(Struct, frozen=True):
    """`selectable`: how many options one person may choose; 0 is any number."""

    question: str
    options: tuple[str, ...]
    selectable: int = 1


class MessageKey(Struct, frozen=True):
    """Names a message at the provider. `chat` and `author` are raw addresses; `author` only in groups."""

    provider_id: str
    chat: str
    from_me: bool
    author: str | None = None


class OutgoingMessage(Struct, frozen=True):
    """`to` is a raw address.

    Types: text, image, video, video_note, audio, voice, document, sticker, location, contacts, poll.
    """

    to: str
    type: MessageType
    text: str | None = None
    media: OutgoingMedia | None = None
    location: OutgoingLocation | None = None
    contacts: tuple[OutgoingContact, ...] = ()
    poll: OutgoingPoll | None = None
    quoted: MessageKey | None = None
    quoted_text: str | None = None
    mentions: tuple[str, ...] = ()


class SentMessage(Struct, frozen=True):
    """`address` is where the provider really sent it: it may differ from `to` and is the one to keep."""

    provider_id: str
    address: Address | None
    status: ProviderStatus | None = None
    sent_at: float | None = None


class FetchedMedia(Struct, frozen=True):
    content: bytes
    mime: str | None = None
    name: str | None = None


class NumberCheck(Struct, frozen=True):
    number: str
    exists: bool
    address: Address | None = None
    lid: Address | None = None
    name: str | None = None


class Pairing(Struct, frozen=True):
    """The answer to connect: already open, or something to scan or type, or neither yet."""

    state: ChannelStateName
    png_base64: str | None = None
    pairing_code: str | None = None
    content: str | None = None


class WebhookSetup(Struct, frozen=True):
    """Where the provider reports to, and with which proofs."""

    url: str
    header_name: str
    header_value: str
    jwt_key: str

    def __repr__(self) -> str:
        return f"WebhookSetup({self.url!r}, {self.header_name!r})"


class Messenger(Protocol):
    """What the product asks of a provider for one channel; raises NotSent, Refused or Unknown only."""

    def create(self, webhook: WebhookSetup) -> bool: ...  # False: it was there already
    def connect(self, pairing_number: str | None = None) -> Pairing: ...
    def state(self) -> ChannelState: ...
    def own(self) -> ChannelState: ...  # with the number's own address and name
    def restart(self) -> None: ...
    def logout(self) -> None: ...
    def remove(self) -> None: ...

    def configure_webhook(self, webhook: WebhookSetup) -> None: ...
    def webhook_is(self, webhook: WebhookSetup) -> bool: ...
    def apply_settings(self) -> None: ...

    def send(self, message: OutgoingMessage) -> SentMessage: ...
    def edit(self, key: MessageKey, text: str) -> None: ...
    def delete(self, key: MessageKey) -> None: ...
    def react(self, key: MessageKey, emoji: str) -> SentMessage: ...
    def mark_read(self, keys: Sequence[MessageKey]) -> None: ...
    def typing(self, to: str, kind: TypingKind, seconds: float) -> None: ...

    def block(self, to: str, *, is_blocked: bool) -> None: ...

    def fetch_media(self, ref: str) -> FetchedMedia: ...
    def check_numbers(self, numbers: Sequence[str]) -> list[NumberCheck]: ...
    def picture_url(self, to: str) -> str | None: ...
    # Newest first, as the webhooks would have told them; a Revoked follows a message deleted since.
    def find_messages(self, since: float, chat: str | None = None, limit: int = 200) -> list[Event]: ...
    def contacts(self) -> list[ContactSeen]: ...
    def chats(self) -> list[Address]: ...
    def groups(self, *, with_participants: bool = False) -> list[GroupSeen]: ...
    def group(self, to: str) -> GroupSeen: ...

    def close(self) -> None: ...  # lets go of the connections it keeps
