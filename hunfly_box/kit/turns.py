"""One at a time across processes, by a mark in Redis that runs out by itself when its holder dies."""

import redis

from hunfly_box.kit.ids import new_id

GIVE_BACK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def take(client: "redis.Redis", place: str, seconds: int) -> str | None:
    """What to give back; None while somebody else has it. Raises redis.RedisError."""
    mine = new_id().hex
    return mine if client.set(place, mine, nx=True, ex=seconds) else None


def give_back(client: "redis.Redis", place: str, mine: str) -> None:
    """Never somebody else's. Without Redis the mark runs out."""
    try:
        client.eval(GIVE_BACK, 1, place, mine)
    except redis.RedisError:
        return
