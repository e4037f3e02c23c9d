"""Named places where a test may kill the process, to see that nothing is lost there.

HUNFLY_CRASH="O4" kills at the first pass of that point, "O4:3" at the third. Without the setting a point costs nothing.
"""

import os
import signal
import threading

_lock = threading.Lock()


def _parse(setting: str) -> dict[str, int]:
    points = {}
    for item in filter(None, setting.split(",")):
        name, _, nth = item.partition(":")
        points[name] = int(nth or 1)
    return points


_armed = _parse(os.environ.get("HUNFLY_CRASH", ""))


def is_armed(name: str) -> bool:
    """For the one place that has to make room for its point."""
    return name in _armed


def crash_point(name: str) -> None:
    if not _armed or name not in _armed:
        return
    with _lock:
        _armed[name] -= 1
        if _armed[name] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
