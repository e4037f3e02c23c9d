"""Bodies that nobody who means well sends: a real delivery with something broken in it. The same seed makes the same bodies."""

import gzip
import json
import random
from collections.abc import Callable, Iterator

DEEP = 50_000
LONG_NUMBER = 1_000_000
MANY = 100_000

Spoil = Callable[[bytes, random.Random], bytes]


def hostile_bodies(good: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Most are cheap variants of a good delivery; one in fifty is large."""
    dice = random.Random(seed)
    for n in range(count):
        spoil = dice.choice(LARGE) if n % 50 == 0 else dice.choice(SMALL)
        yield spoil(good, dice)


def _cut(good: bytes, dice: random.Random) -> bytes:
    return good[: dice.randrange(len(good))]


def _flip(good: bytes, dice: random.Random) -> bytes:
    changed = bytearray(good)
    for _ in range(dice.randint(1, 8)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _double(good: bytes, dice: random.Random) -> bytes:
    at, to = sorted(dice.randrange(len(good)) for _ in range(2))
    return good[:to] + good[at:]


def _swap_types(good: bytes, dice: random.Random) -> bytes:
    """Every field that is read may hold something of another kind."""
    told = json.loads(good)
    holders = [told, told["data"], told["data"]["key"], told["data"]["message"]]
    holder = dice.choice(holders)
    if holder:
        holder[dice.choice(list(holder))] = dice.choice(STRANGE)
    return json.dumps(told).encode()


def _deep(good: bytes, dice: random.Random) -> bytes:
    opening, closing = dice.choice([(b"[", b"]"), (b'{"a":', b"}")])
    bomb = opening * DEEP + b"1" + closing * DEEP
    return dice.choice([bomb, good[:-1] + b',"more":' + bomb + b"}"])


def _long_number(good: bytes, dice: random.Random) -> bytes:
    return good.replace(b'"messageTimestamp": ', b'"messageTimestamp": ' + b"9" * LONG_NUMBER)


def _many(good: bytes, dice: random.Random) -> bytes:
    item = dice.choice([b"null", b"{}", b"[]", b"0"])
    return good[:-1] + b',"data":[' + b",".join([item] * MANY) + b"]}"


def _zipped(good: bytes, dice: random.Random) -> bytes:
    return gzip.compress(good * dice.choice([1, 1000]))


STRANGE = [None, True, -1, 1e308, 10**400, "", "\x00", "\ud800", "a" * 70_000, [], {}, [[]], {"low": -1}, {"0": 255}]
SMALL: list[Spoil] = [_cut, _flip, _double, _swap_types]
LARGE: list[Spoil] = [_deep, _long_number, _many, _zipped]
