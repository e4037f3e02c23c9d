"""Keeps a long-lived process small: what only its start needed is given back."""

import ctypes
import gc
import re
from collections.abc import Iterator
from pathlib import Path

M_ARENA_MAX = -8
# Each arena keeps free memory of its own; threads that take turns at one interpreter gain nothing from more than one.
ARENAS = 1
MADV_DONTNEED = 4

MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (r-[-x]p) \S+ \S+ \S+ +/")


def use_few_arenas() -> None:
    """Before the threads start."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def forget_the_start() -> None:
    """When everything is loaded. Collections then skip what lives for ever, and pauses are short."""
    gc.collect()
    gc.freeze()
    libc = ctypes.CDLL(None)
    malloc_trim = getattr(libc, "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
    for start, end in _untouched_library_pages():
        # They stay in the kernel's cache; what is used again is back without reading the disk.
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)


def _untouched_library_pages() -> Iterator[tuple[int, int]]:
    """Read-only parts of libraries that the loader has not written to: their contents are those of the file."""
    mapping: re.Match[str] | None = None
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if line[0] in "0123456789abcdef":
            mapping = MAPPING.match(line)
        elif mapping is not None and line.startswith("Anonymous:"):
            if int(line.split()[1]) == 0:
                yield int(mapping[1], 16), int(mapping[2], 16)
            mapping = None
