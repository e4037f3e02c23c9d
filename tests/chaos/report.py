"""The figures of a long run, for people: on the screen, and in docs/chaos.md."""

import os
import statistics
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.boxes import Back
from tests.chaos.checking import MUST_BE_ZERO, Verdict

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"
BEGIN = "<!-- The figures below are written by make chaos. -->"


@dataclass(frozen=True)
class Run:
    seed: int
    minutes: float
    kills: int
    done: Counter[str]
    ready_after: list[Back]
    verdict: Verdict
    seconds: float


def summary(run: Run) -> str:
    lines = [f"{name}: {count}" for name, count in sorted(run.done.items())]
    lines += [f"{name}: {value}" for name, value in run.verdict.figures.items()]
    lines += [f"{name}: {run.verdict.count(name)}" for name in MUST_BE_ZERO]
    return "\n".join([*lines, _ready(run.ready_after)])


def write(run: Run) -> None:
    kept = PAGE.read_text(encoding="utf-8").split(BEGIN)[0]
    PAGE.write_text(kept + BEGIN + "\n" + _figures(run), encoding="utf-8")


def _figures(run: Run) -> str:
    now = datetime.now(UTC)
    minutes = run.seconds / 60
    return "\n".join(
        [
            "",
            f'`make chaos CHAOS_ARGS="--seed {run.seed} --kills {run.kills} --minutes {run.minutes:g}"`, {now:%Y-%m-%d %H:%M} UTC,'
            f" {minutes:.1f} minutes, {os.cpu_count()} processors shared with other work"
            f" (load average {os.getloadavg()[2]:.1f}).",
            "",
            "| Must be zero | Found |",
            "|---|---:|",
            *(f"| {name} | {run.verdict.count(name)} |" for name in MUST_BE_ZERO),
            "",
            "| What was done to it | Times |",
            "|---|---:|",
            *(f"| {name} | {count} |" for name, count in sorted(run.done.items())),
            "",
            "| What went through it meanwhile | |",
            "|---|---:|",
            *(f"| {name.strip()} | {_plain(value)} |" for name, value in run.verdict.figures.items()),
            "",
            _ready(run.ready_after),
            "",
        ]
    )


def _plain(value: object) -> str:
    return ", ".join(f"{name} {count}" for name, count in value.items()) if isinstance(value, dict) else str(value)


def _ready(backs: list[Back]) -> str:
    clock = [back.seconds for back in backs]
    own = [back.own_seconds for back in backs]
    return (
        f"Ready again {len(backs)} times: median {statistics.median(clock):.1f} s and worst {max(clock):.1f} s by the clock;"
        f" median {statistics.median(own):.1f} s and worst {max(own):.1f} s counted by the share of a processor it got."
    )
