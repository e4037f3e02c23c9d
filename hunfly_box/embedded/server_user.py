"""Postgres refuses to run as root, and Valkey should not: root's servers run as the system user `hunfly`."""

import os
import pwd
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from hunfly_box.embedded.errors import StartError

NAME = "hunfly"
CREATE_COMMAND = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]

# Another box on this machine may be creating the same user at this moment.
CREATION_WAIT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class ServerUser:
    uid: int
    gid: int
    is_other: bool
    """True when we are root and the servers are somebody else."""

    def owns(self, path: Path) -> None:
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def takes_over(self, directory: Path) -> None:
        """A folder brought here by root (a copy, a restored backup) belongs to root; the servers need it."""
        if self.is_other and directory.exists() and directory.stat().st_uid != self.uid:
            for parent, directories, files in os.walk(directory):
                for name in (*directories, *files):
                    self.owns(Path(parent, name))
            self.owns(directory)

    def can_enter(self, directory: Path) -> bool:
        """Whether this user gets through every folder above, and into this one."""
        resolved = directory.resolve()
        return not self.is_other or all(self._has(path, 0o1) for path in (resolved, *resolved.parents))

    def can_read(self, path: Path) -> bool:
        resolved = path.resolve()
        wanted = 0o5 if resolved.is_dir() else 0o4
        return not self.is_other or (self.can_enter(resolved.parent) and self._has(resolved, wanted))

    def _has(self, path: Path, wanted: int) -> bool:
        try:
            facts = path.stat()
        except OSError:
            return False
        shift = 6 if facts.st_uid == self.uid else 3 if facts.st_gid == self.gid else 0
        return (facts.st_mode >> shift) & wanted == wanted


def choose(postgres_dir: Path) -> ServerUser:
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), is_other=False)
    if postgres_dir.exists() and (facts := postgres_dir.stat()).st_uid != 0:
        return ServerUser(facts.st_uid, facts.st_gid, is_other=True)
    entry = _find() or _create()
    return ServerUser(entry.pw_uid, entry.pw_gid, is_other=True)


def _find() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd:
    try:
        made = subprocess.run(CREATE_COMMAND, capture_output=True, text=True, check=False)
        reason = made.stderr.strip()
    except OSError as error:
        reason = str(error)
    give_up_at = time.monotonic() + CREATION_WAIT_SECONDS
    while (entry := _find()) is None:
        if time.monotonic() > give_up_at:
            raise StartError(
                f"The system user {NAME}, who runs the database for root, could not be created: {reason}",
                f"Create it by hand ({' '.join(CREATE_COMMAND)}), or start as an ordinary user.",
            )
        time.sleep(0.2)
    return entry
