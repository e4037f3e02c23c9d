"""What processes cost, read from /proc: CPU time, resident and proportional memory, and how busy everybody else is."""

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Watched:
    """A process by a name of ours; `with_children` counts what it started and what that started."""

    name: str
    pid: int
    with_children: bool = True


@dataclass
class Memory:
    rss_mb: float = 0.0
    pss_mb: float = 0.0


@dataclass
class Stopwatch:
    """CPU seconds of each watched process between `start` and `stop`, and of everything else on the machine."""

    watched: list[Watched]
    seconds: dict[str, float] = field(default_factory=dict)
    main_thread_seconds: dict[str, float] = field(default_factory=dict)
    system_seconds: dict[str, float] = field(default_factory=dict)
    own_seconds: float = 0.0
    other_seconds: float = 0.0

    def start(self) -> None:
        self._before = self._now()

    def stop(self) -> None:
        before, after = self._before, self._now()
        machine, own, *each = (late - early for early, late in zip(before, after, strict=True))
        for number, one in enumerate(self.watched):
            self.seconds[one.name], self.system_seconds[one.name], self.main_thread_seconds[one.name] = each[
                number * 3 : number * 3 + 3
            ]
        self.own_seconds = own
        self.other_seconds = max(0.0, machine - own - sum(self.seconds.values()))

    def _now(self) -> list[float]:
        readings = [machine_seconds(), own_seconds()]
        for one in self.watched:
            readings += [*cpu_seconds(one), main_thread_seconds(one.pid)]
        return readings


def family(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        with suppress(OSError):
            for thread in (PROC / str(member) / "task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found


def cpu_seconds(one: Watched) -> tuple[float, float]:
    """All of it, and the kernel's part. With children also those that have ended and were waited for."""
    whole = kernel = 0
    for pid in family(one.pid) if one.with_children else [one.pid]:
        with suppress(OSError):
            user, system, ended_user, ended_system = map(int, _stat(PROC / str(pid) / "stat")[11:15])
            whole += user + system
            kernel += system
            if one.with_children:
                whole += ended_user + ended_system
                kernel += ended_system
    return whole / TICKS, kernel / TICKS


def main_thread_seconds(pid: int) -> float:
    """Of a Python server that is the event loop's thread."""
    try:
        return sum(map(int, _stat(PROC / str(pid) / "task" / str(pid) / "stat")[11:13])) / TICKS
    except OSError:
        return 0.0


def memory(pids: Iterator[int] | list[int]) -> Memory:
    """Pages that several processes share count once in each one's RSS, and in shares in their PSS."""
    sum_of = Memory()
    for pid in pids:
        with suppress(OSError):
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
            amounts = {line.split(":")[0]: int(line.split()[1]) * 1024 / MEGABYTE for line in lines if "kB" in line}
            sum_of.rss_mb += amounts["Rss"]
            sum_of.pss_mb += amounts["Pss"]
    return sum_of


def own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def machine_seconds() -> float:
    """Busy time of all cores, stolen time included."""
    fields = list(map(int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]))
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / TICKS


def description() -> dict[str, str]:
    """What a reader must know to compare figures; nothing that names this very machine."""
    info = (PROC / "cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")
    total = (PROC / "meminfo").read_text().split(None, 2)[1]
    kernel = os.uname()
    return {
        "processor": f"{len(os.sched_getaffinity(0))} × {model}",
        "memory": f"{int(total) / 1024 / 1024:.0f} GB",
        "system": f"{kernel.sysname} {kernel.release.split('-')[0]}, {kernel.machine}",
    }


def _stat(path: Path) -> list[str]:
    """Fields after the name, which may hold anything."""
    return path.read_text().rsplit(")", 1)[1].split()
