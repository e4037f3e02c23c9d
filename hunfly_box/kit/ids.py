"""Ids made by the application: UUIDv7, ordered by time, telling one tenant nothing of another's traffic."""

import os
import threading
import time
import uuid

# Asked of the kernel for many ids at once.
RANDOM_BYTES = 1024

_lock = threading.Lock()
_last = 0
_random = b""


def new_id() -> uuid.UUID:
    """Strictly increasing within this process, also when the clock is set back."""
    return uuid.UUID(int=_next_value())


def new_id_text() -> str:
    """As `new_id`, for the paths where making the object would cost more than the id."""
    digits = f"{_next_value():032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _next_value() -> int:
    global _last, _random
    # 48 bits of milliseconds, then 12 bits of the millisecond's fraction: ids made in a burst keep their order.
    nanoseconds = time.time_ns()
    ticks = (nanoseconds // 1_000_000 << 12) | ((nanoseconds % 1_000_000) * 4096 // 1_000_000)
    with _lock:
        if ticks <= _last:
            ticks = _last + 1
        _last = ticks
        if not _random:
            _random = os.urandom(RANDOM_BYTES)
        tail, _random = int.from_bytes(_random[:8]) & 0x3FFF_FFFF_FFFF_FFFF, _random[8:]
    return (ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | 2 << 62 | tail
