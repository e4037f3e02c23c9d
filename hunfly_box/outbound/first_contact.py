"""Whether a number is on WhatsApp, before the first word to it.

Asked one at a time: checking in bulk gets numbers banned.
"""

import time
from contextlib import closing
from uuid import UUID

import msgspec
import redis

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import connecting
from hunfly_box.channels import queries as channel_queries
from hunfly_box.channels.connecting import EngineDown, EngineRefused
from hunfly_box.kit import turns
from hunfly_box.kit.database import Scope
from hunfly_box.kit.errors import TooMany
from hunfly_box.kit.redis import key
from hunfly_box.providers.messenger import Messenger, NotSent, NumberCheck, Refused, Unknown

KEPT_SECONDS = 7 * 24 * 3600
# Somebody who just got a number of their own must not stay unknown for a week.
ABSENCE_KEPT_SECONDS = 3600
# Longer than any answer takes; a holder that died is not waited for longer.
TURN_SECONDS = 70
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.1


def check_number(resources: Resources, tenant_id: UUID, channel_id: UUID, phone: str) -> NumberCheck:
    """`phone` is E.164. Raises NotFound, TooMany, EngineDown, EngineRefused. Not to be called inside a transaction."""
    place = key(tenant_id, "number", channel_id, phone)
    known = _recall(resources.redis, place)
    if known is not None:
        return known
    turn = key(tenant_id, "number-turn", channel_id)
    mine = _take_turn(resources.redis, turn)
    try:
        # Whoever had the turn before may have asked for the same number.
        known = _recall(resources.redis, place)
        if known is not None:
            return known
        with resources.database.transaction(Scope.system(tenant_id)) as tx:
            line = channel_queries.line(tx, channel_id)
        _, messenger = connecting.messenger_of(resources, tenant_id, line)
        with closing(messenger):
            check = _ask(messenger, phone)
        _keep(resources.redis, place, check)
        return check
    finally:
        if mine is not None:
            turns.give_back(resources.redis, turn, mine)


def _ask(messenger: Messenger, phone: str) -> NumberCheck:
    try:
        told = messenger.check_numbers([phone])
    except (NotSent, Unknown) as error:
        raise EngineDown(str(error)) from error
    except Refused as refusal:
        raise EngineRefused(refusal.message, code=refusal.code) from refusal
    return told[0] if told else NumberCheck(phone, exists=False)


def _take_turn(client: "redis.Redis", turn: str) -> str | None:
    """Without Redis nobody holds a turn; people type a number so rarely that this is no danger."""
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        while (mine := turns.take(client, turn, TURN_SECONDS)) is None:
            if time.monotonic() > until:
                raise TooMany("Another number is being checked", retry_after_seconds=5)
            time.sleep(LOOK_SECONDS)
    except redis.RedisError:
        return None
    return mine


def _recall(client: "redis.Redis", place: str) -> NumberCheck | None:
    try:
        kept = client.get(place)
    except redis.RedisError:
        return None
    return msgspec.json.decode(bytes(kept), type=NumberCheck) if isinstance(kept, bytes) else None


def _keep(client: "redis.Redis", place: str, check: NumberCheck) -> None:
    try:
        client.set(place, msgspec.json.encode(check), ex=KEPT_SECONDS if check.exists else ABSENCE_KEPT_SECONDS)
    except redis.RedisError:
        return
