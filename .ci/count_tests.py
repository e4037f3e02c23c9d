# ruff: noqa: T201, S314 - a command of the terminal speaks by print; the files are our own test run's
"""Adds up the junit files of a run; fails when a suite is missing or a test was skipped that is not on the list."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree


def main(results: Path, allowed_file: Path) -> int:
    allowed = [
        re.split(r"\t|  +", line)[0] for line in allowed_file.read_text().splitlines() if line[:1] not in ("", "#")
    ]
    unexpected: list[str] = []
    files = sorted(results.glob("*.xml"))
    for file in files:
        cases = list(ElementTree.parse(file).iter("testcase"))
        skipped = [case for case in cases if case.find("skipped") is not None]
        broken = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        passed = len(cases) - len(skipped) - len(broken)
        print(f"{file.stem:24} {passed:5} passed {len(broken):4} failed {len(skipped):4} skipped")
        for case in skipped:
            name = f"{case.get('classname')}::{case.get('name')}"
            if not any(part in name for part in allowed):
                unexpected.append(f"{file.stem}: {name}: {case.find('skipped').get('message')}")  # type: ignore[union-attr]
    for line in unexpected:
        print(f"skipped, and not allowed to be: {line}")
    return 1 if unexpected or not files else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
