"""The Range header of one part: what players ask for when they seek."""

import re

SINGLE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte, inclusive. None: the whole file. Raises ValueError for what cannot be satisfied."""
    if header is None:
        return None
    match = SINGLE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        # Several ranges or another unit: the whole file is a correct answer.
        return None
    if not match[1]:
        length = int(match[2])
        if length == 0 or size == 0:
            raise ValueError("empty range")
        return max(0, size - length), size - 1
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if first >= size or last < first:
        raise ValueError("range outside the file")
    return first, last
