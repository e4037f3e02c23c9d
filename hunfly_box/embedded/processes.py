"""Starts server processes, and ends those that an earlier, killed supervisor left behind."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from hunfly_box.embedded.errors import StartError
from hunfly_box.embedded.programs import child_environment
from hunfly_box.embedded.server_user import ServerUser

LOG_LIMIT_BYTES = 5_000_000

# How long one stop signal may work before the next, harder one.
PATIENCE_SECONDS = 15.0
POLL_SECONDS = 0.02


def spawn(
    command: Sequence[str | Path], directory: Path, user: ServerUser, log: Path, stdin_text: str | None = None
) -> subprocess.Popen[bytes]:
    """Enters `directory` before it becomes the server's user: it can lie where that user may not go.

    The new session keeps the terminal's Ctrl-C away: the box decides when its servers stop."""
    _rotate(log)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=directory,
            env=child_environment(),
            stdin=subprocess.DEVNULL if stdin_text is None else subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user.uid if user.is_other else None,
            group=user.gid if user.is_other else None,
            extra_groups=[] if user.is_other else None,
            umask=0o077,
        )
    if child.stdin is not None and stdin_text is not None:
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(stdin_text.encode())
    return child


def running_in(directory: Path, programs: Collection[str]) -> list[int]:
    """Pids by what they are and where they work; never by name alone or by a pid from an old file."""
    try:
        place = directory.stat()
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # Processes end while we look, and those of others are closed to an ordinary user.
        with contextlib.suppress(OSError):
            works_at = (entry / "cwd").stat()
            program = str((entry / "exe").readlink()).removesuffix(" (deleted)")
            if os.path.samestat(works_at, place) and Path(program).name in programs:
                found.append(int(entry.name))
    return found


def stop_orphans(
    directory: Path, programs: Collection[str], leader: int | None, signals: Sequence[signal.Signals]
) -> None:
    """The leader gets one signal after the other; without it, its children get all but the first."""
    family = running_in(directory, programs)
    if leader in family:
        for chosen in signals:
            _signal([leader], chosen)
            if _all_gone(directory, programs):
                return
    for chosen in signals[1:]:
        _signal(running_in(directory, programs), chosen)
        if _all_gone(directory, programs):
            return
    raise StartError(
        f"Processes of an earlier run in {directory} do not end.",
        "End them: kill -9 " + " ".join(map(str, running_in(directory, programs))),
    )


def stop(child: subprocess.Popen[bytes], signals: Sequence[signal.Signals]) -> None:
    for chosen in signals:
        if child.poll() is not None:
            return
        child.send_signal(chosen)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE_SECONDS)


def last_lines(log: Path, count: int = 5) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return " / ".join(lines[-count:])


def _signal(pids: Collection[int], chosen: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, chosen)


def _all_gone(directory: Path, programs: Collection[str]) -> bool:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while running_in(directory, programs):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(log.name + ".1"))
