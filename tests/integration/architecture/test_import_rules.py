"""Each import rule turns red when somebody breaks it: a rule that cannot fail protects nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PLANTED = {
    "The house has one staircase": ("outbound/states.py", "import hunfly_box.inbox.queries"),
    "Only the composition roots import a slice's edges": ("health/__init__.py", "import hunfly_box.channels.api"),
    "Queries without a tenant are for the few": ("inbox/filters.py", "import hunfly_box.kit.unscoped"),
    "Business code knows no web framework and no queue": ("inbox/queries.py", "import litestar"),
    "The simulator is no part of the product": ("channels/queries.py", "import hunfly_box.simulator.model"),
    "Nothing goes round in circles": ("kit/errors.py", "import hunfly_box.kit.database"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rules")
    shutil.copytree(ROOT / "hunfly_box", place / "hunfly_box", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    return place


def broken_rules(place: Path) -> list[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    environment = {"PYTHONPATH": str(place), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert any(line.startswith("Contracts:") for line in lines), done.stdout + done.stderr
    return [line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")]


def test_the_program_keeps_every_rule(copy: Path) -> None:
    assert broken_rules(copy) == []


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_import_breaks(rule: str, copy: Path) -> None:
    name, line = PLANTED[rule]
    file = copy / "hunfly_box" / name
    before = file.read_text()
    file.write_text(f"{before}\n{line}\n")
    try:
        assert rule in broken_rules(copy)
    finally:
        file.write_text(before)
