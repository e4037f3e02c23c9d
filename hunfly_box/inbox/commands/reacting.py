"""Our own reaction to a message; there is one for the whole number, as on the phone."""

import re
from uuid import UUID

from hunfly_box.inbox.outgoing import invalid
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.outbound import commands as outbound

# What Unicode calls a pictograph, near enough: no letters, no digits, no punctuation.
PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a-\u23fa\u24c2\u25aa-\u25fe"
    "\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
# Its variation, skin and flag letters; and several joined to one, such as a family.
ELEMENT = f"{PICTURE}\ufe0f?[\U0001f3fb-\U0001f3ff]?(?:[\U000e0020-\U000e007e]+\U000e007f)?"
ONE_EMOJI = re.compile(
    f"{ELEMENT}(?:\u200d{ELEMENT}){{0,9}}|[\U0001f1e6-\U0001f1ff]{{2}}|[#*0-9]\ufe0f?\u20e3",
)


def react(tx: TenantTransaction, message_id: UUID, emoji: str) -> None:
    """The engine refuses what is not one emoji, so it is refused while somebody is there to read why."""
    if not ONE_EMOJI.fullmatch(emoji):
        raise invalid("emoji", "value", "One emoji.")
    outbound.react(tx, message_id, emoji, user_id=tx.scope.user_id)


def take_back(tx: TenantTransaction, message_id: UUID) -> None:
    outbound.react(tx, message_id, "", user_id=tx.scope.user_id)
