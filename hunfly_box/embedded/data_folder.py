"""Claims the data folder: it must be writable, not newer than the program, and used by one box at a time."""

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path

from hunfly_box import VERSION
from hunfly_box.embedded.errors import StartError
from hunfly_box.kit.paths import OWNER_ONLY_DIR, OWNER_ONLY_FILE, DataFolder, write_private

OTHER_FOLDER = "set HUNFLY_DATA_DIR to another folder"

# Root's servers run as another user, who must be able to pass through the folder but not to list it.
PASS_THROUGH_DIR = 0o711

# Long enough for a box that is just stopping, and for a command that only looks whether somebody holds the lock.
LOCK_WAIT_SECONDS = 1.0


def prepare(data_dir: Path) -> DataFolder:
    """Also for a box with external servers: several of its processes may share one folder."""
    folder = DataFolder(data_dir)
    try:
        _make_root(folder.root)
        _refuse_newer(folder)
        for part in (folder.keys, folder.logs, folder.run):
            part.mkdir(mode=OWNER_ONLY_DIR, exist_ok=True)
        write_private(folder.version, VERSION + "\n")
    except OSError as error:
        raise StartError(
            f"The data folder {folder.root} cannot be written: {error.strerror}.",
            f"Give user {os.geteuid()} the right to write there, or {OTHER_FOLDER}.",
        ) from None
    return folder


def secret(folder: DataFolder, name: str) -> str:
    """A random password, made once and kept 0600."""
    path = folder.keys / name
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8").strip()
    write_private(path, secrets.token_urlsafe(32) + "\n")
    return path.read_text(encoding="utf-8").strip()


class Lock:
    """Held by the process that supervises the servers; the kernel frees it, however that process dies."""

    def __init__(self, folder: DataFolder) -> None:
        self._path = folder.lock
        self._root = folder.root
        self._descriptor: int | None = None

    def acquire(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, OWNER_ONLY_FILE)
        give_up_at = time.monotonic() + LOCK_WAIT_SECONDS
        while not _locked(descriptor):
            if time.monotonic() > give_up_at:
                holder = os.read(descriptor, 20).decode("utf-8", "replace").strip() or "unknown"
                os.close(descriptor)
                raise StartError(
                    f"The data folder {self._root} is in use by another Hunfly Box (process {holder}).",
                    f"Stop that one, or {OTHER_FOLDER}.",
                )
            time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_held_by_anyone(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            return not _locked(descriptor)
        finally:
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def empty(folder: DataFolder) -> None:
    """Removes what a box keeps here and nothing else: the folder may be somebody's home."""
    parts = (
        folder.postgres,
        folder.valkey,
        folder.media,
        folder.spill,
        folder.keys,
        folder.logs,
        folder.run,
        folder.sockets,
        folder.simulator,
    )
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
    for file in (folder.demo_logins, folder.version):
        file.unlink(missing_ok=True)


def _make_root(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise StartError(f"The data folder {root} is a file.", f"Move it away, or {OTHER_FOLDER}.")
    if not root.exists():
        root.mkdir(parents=True)
        root.chmod(PASS_THROUGH_DIR if os.geteuid() == 0 else OWNER_ONLY_DIR)


def _refuse_newer(folder: DataFolder) -> None:
    try:
        text = folder.version.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return
    if _as_numbers(text) > _as_numbers(VERSION):
        raise StartError(
            f"The data folder {folder.root} was written by Hunfly Box {text}, newer than this program ({VERSION}).",
            f"Start that version, or {OTHER_FOLDER}.",
        )


def _as_numbers(version: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in version.split(".") if part.isdecimal())
    # An unreadable version counts as newer: better to ask than to damage.
    return numbers if len(numbers) == len(version.split(".")) else (1_000_000,)
