"""Where things lie: what ships with the program, and what the data folder keeps. The one place that knows."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

# A frozen program unpacks beside its own binary; from source everything hangs below the package's parent.
_FROZEN_ROOT: str | None = getattr(sys, "_MEIPASS", None)
PROGRAM_DIR = Path(_FROZEN_ROOT) if _FROZEN_ROOT else Path(__file__).resolve().parents[2]

PACKAGE_DIR = PROGRAM_DIR / "hunfly_box"
MIGRATIONS_DIR = PACKAGE_DIR / "migrations"
LOCALES_DIR = PACKAGE_DIR / "locales"
TEMPLATES_DIR = PROGRAM_DIR / "web" / "templates"
STATIC_DIR = PROGRAM_DIR / "web" / "static"

OWNER_ONLY_DIR = 0o700
OWNER_ONLY_FILE = 0o600


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The layout of HUNFLY_DATA_DIR."""

    root: Path

    @property
    def version(self) -> Path:
        """The program version that last wrote here; an older program keeps its hands off."""
        return self.root / "version"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def keys(self) -> Path:
        """Passwords and encryption keys, one file each, 0600."""
        return self.root / "keys"

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def spill(self) -> Path:
        """Deliveries that wait for Postgres."""
        return self.root / "spill"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Facts of this run: pids and endpoints. Worth nothing after a stop."""
        return self.root / "run"

    @property
    def sockets(self) -> Path:
        return self.root / "sockets"

    @property
    def simulator(self) -> Path:
        """The demonstration's pretend WhatsApp."""
        return self.root / "simulator"

    @property
    def demo_logins(self) -> Path:
        return self.root / "demo.json"


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    half_written = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(half_written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half_written.replace(path)
