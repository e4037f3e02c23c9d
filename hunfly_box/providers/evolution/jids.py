"""WhatsApp's ids (`<user>[:device]@<server>`) as addresses."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from hunfly_box.providers.addresses import MAX_DIGITS, MIN_DIGITS, canonical_phone
from hunfly_box.providers.port import Address

PHONE_SERVERS = frozenset({"s.whatsapp.net", "c.us", "hosted"})
LID_SERVERS = frozenset({"lid", "hosted.lid"})
# Channels to read and stories: they never concern an inbox.
NEWSLETTER = "newsletter"
BROADCAST = "broadcast"
# Longer than any real id; what is longer is not even looked at.
MAX_LENGTH = 128
# Evolution's own rule: bare digits this long are a group.
GROUP_MIN_DIGITS = 18

_USER = re.compile(r"[0-9]{1,40}", re.ASCII)
_GROUP = re.compile(r"[0-9]{1,40}(-[0-9]{1,40})?", re.ASCII)


@lru_cache(maxsize=8192)
def address(jid: str) -> Address | None:
    """None for what is nobody's address: broadcasts, newsletters, WhatsApp's own chat, nonsense."""
    if len(jid) > MAX_LENGTH:
        return None
    user, _, server = jid.partition("@")
    user = user.partition(":")[0].partition("_")[0]
    if not server:
        server = "g.us" if "-" in user or len(user) >= GROUP_MIN_DIGITS else "s.whatsapp.net"
    if server == "g.us":
        return Address("group", user, f"{user}@g.us") if _GROUP.fullmatch(user) else None
    if not _USER.fullmatch(user):
        return None
    if server in PHONE_SERVERS:
        if not MIN_DIGITS <= len(user) <= MAX_DIGITS:
            return None
        return Address("phone", canonical_phone(user), f"{user}@s.whatsapp.net")
    if server in LID_SERVERS:
        return Address("lid", user, f"{user}@lid")
    return None


def address_in(value: Any) -> Address | None:
    return address(value) if isinstance(value, str) and value else None


def addresses_in(values: Any) -> tuple[Address, ...]:
    if not isinstance(values, list):
        return ()
    return tuple(found for value in values if (found := address_in(value)) is not None)


def server_of(value: Any) -> str:
    return value.rpartition("@")[2] if isinstance(value, str) and len(value) <= MAX_LENGTH else ""


def best_first(candidates: Iterable[Address | None]) -> tuple[Address, ...]:
    """Without repetitions, phones before LIDs: a number can be shown, marked as read and answered everywhere."""
    unique: dict[str, Address] = {}
    for candidate in candidates:
        if candidate is not None:
            unique.setdefault(candidate.value, candidate)
    return tuple(sorted(unique.values(), key=_is_lid))


def _is_lid(found: Address) -> bool:
    return found.kind == "lid"
