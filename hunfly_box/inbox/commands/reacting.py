"""Our own reaction to a message; there is one for the whole number, as on the phone."""

from uuid import UUID

from hunfly_box.inbox.outgoing import invalid
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.outbound import commands as outbound

# The longest emoji are families joined of many code points.
EMOJI_LIMIT = 32


def react(tx: TenantTransaction, message_id: UUID, emoji: str) -> None:
    has_letters = any(letter.isascii() and letter.isalpha() for letter in emoji)
    if not emoji.strip() or len(emoji) > EMOJI_LIMIT or has_letters:
        raise invalid("emoji", "value", "One emoji.")
    outbound.react(tx, message_id, emoji, user_id=tx.scope.user_id)


def take_back(tx: TenantTransaction, message_id: UUID) -> None:
    outbound.react(tx, message_id, "", user_id=tx.scope.user_id)
