"""Chooses the folder of the unix sockets: the data folder's own, unless too long or closed to the servers."""

import contextlib
import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from hunfly_box.embedded.errors import StartError
from hunfly_box.embedded.server_user import ServerUser
from hunfly_box.kit.paths import OWNER_ONLY_DIR, DataFolder

# The kernel's limit for a socket's path is 107 bytes; the longest name in the folder takes 15.
LONGEST_FOLDER_BYTES = 107 - len("/.s.PGSQL.5432") - 1

# libpq splits a host at commas, and both configurations quote in their own ways.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.+-]+")


def choose(folder: DataFolder, user: ServerUser) -> Path:
    if _is_fit(folder.sockets) and user.can_enter(folder.root):
        folder.sockets.mkdir(mode=OWNER_ONLY_DIR, exist_ok=True)
        user.owns(folder.sockets)
        return folder.sockets
    digest = hashlib.sha256(os.fsencode(folder.root.resolve())).hexdigest()[:12]
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - ownership is checked below
        place = parent / f"hunfly-{user.uid}-{digest}"
        if _is_fit(place) and user.can_enter(parent):
            return _private(place, user)
    raise StartError("No temporary folder is fit for the servers' sockets.", "Set TMPDIR to a short path.")


def leave(place: Path, folder: DataFolder) -> None:
    """What lies in the temporary folder does not outlive the box."""
    if place != folder.sockets:
        for socket in place.glob("*sock"):
            socket.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            place.rmdir()


def _is_fit(place: Path) -> bool:
    return len(os.fsencode(place)) <= LONGEST_FOLDER_BYTES and PLAIN_PATH.fullmatch(str(place)) is not None


def _private(place: Path, user: ServerUser) -> Path:
    """Everybody may write in the temporary folder: what lies there under our name must prove to be ours."""
    try:
        place.mkdir(mode=OWNER_ONLY_DIR)
        user.owns(place)
    except FileExistsError:
        facts = place.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != user.uid or facts.st_mode & 0o077:
            raise StartError(f"{place} belongs to somebody else.", "Remove it, or set TMPDIR.") from None
    return place
