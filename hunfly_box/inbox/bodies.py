"""Request bodies of the inbox. Unknown fields are refused: what nobody reads must not look as if it worked."""

from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from hunfly_box.inbox.objects import Conversation, Message
from hunfly_box.inbox.outgoing import Outgoing


class ConversationList(Struct, frozen=True):
    items: list[Conversation]
    next: str | None


class MessageList(Struct, frozen=True):
    items: list[Message]
    next: str | None


class ConversationChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Only what is given changes. `assignee_id` null: nobody; `labels`: exactly these."""

    status: str | UnsetType = UNSET
    snoozed_until: datetime | None | UnsetType = UNSET
    assignee_id: UUID | None | UnsetType = UNSET
    labels: list[UUID] | UnsetType = UNSET


class FirstMessage(Outgoing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message to a number, whether or not we have talked to it before."""

    channel_id: UUID
    to: str


class TextChange(Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class ReactionChange(Struct, frozen=True, forbid_unknown_fields=True):
    emoji: str


class LabelBody(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    color: int = 0


class LabelChange(Struct, frozen=True, forbid_unknown_fields=True):
    name: str | UnsetType = UNSET
    color: int | UnsetType = UNSET
