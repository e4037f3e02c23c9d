import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hunfly_box.embedded import supervisor
from hunfly_box.kit.paths import DataFolder
from tests.integration.embedded.boxes import Box, StartBox

PROJECT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("supervised_box.py")


@pytest.fixture(scope="session")
def made_folder() -> Iterator[Path]:
    """A data folder as a first start leaves it; a copy costs a tenth of making another."""
    with _open_folder() as parent:
        servers = supervisor.EmbeddedServers(parent / "data")
        servers.start()
        servers.stop()
        yield parent / "data"


@pytest.fixture
def new_data_dir() -> Iterator[Path]:
    with _open_folder() as parent:
        yield parent / "data"
        if (parent / "data").exists():
            supervisor.reset(parent / "data")


@pytest.fixture
def data_dir(new_data_dir: Path, made_folder: Path) -> Path:
    subprocess.run(["cp", "-a", made_folder, new_data_dir], check=True)
    return new_data_dir


@contextlib.contextmanager
def _open_folder() -> Iterator[Path]:
    """In the temporary folder itself: pytest's own is closed to the user who runs the servers for root."""
    parent = Path(tempfile.mkdtemp(prefix="hb"))
    parent.chmod(0o755)
    yield parent
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def launch(new_data_dir: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def launch_process(place: Path = new_data_dir, *user: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(place), *user],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), *sys.path])},
        )
        started.append(process)
        return process

    yield launch_process
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture
def start_box(data_dir: Path, launch: Callable[..., subprocess.Popen[str]]) -> StartBox:
    def start(place: Path = data_dir, *user: str) -> Box:
        box = Box(launch(place, *user), DataFolder(place))
        assert box.process.stdout is not None
        line = box.process.stdout.readline().strip()
        assert line.startswith("postgresql://"), line
        box.database_url, box.redis_url = line.split()
        return box

    return start


@pytest.fixture
def refused(data_dir: Path, launch: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    def start(place: Path = data_dir, *user: str) -> str:
        process = launch(place, *user)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1, said
        return said.strip()

    return start
