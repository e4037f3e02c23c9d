"""Who runs on which core: the servers share the first one, as on the smallest rented machine; the load has another."""

import os
from collections.abc import Callable

CORES = sorted(os.sched_getaffinity(0))
SERVERS = {CORES[0]}
# With one core everything is on it, and the figures say more about the load than about the servers.
LOAD = {CORES[1]} if len(CORES) > 1 else SERVERS


def pinned_to(cores: set[int]) -> Callable[[], None]:
    """For subprocess's preexec_fn; children inherit it."""

    def pin() -> None:
        os.sched_setaffinity(0, cores)

    return pin
