"""docs/benchmarks.md: what was measured, on what, with which command; medians, ranges, and where the time goes."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import machine
from tests.bench.box import ROOT
from tests.bench.gates import Gate
from tests.bench.scenarios import Report, Results, box_rss, cpu_of_all, share_of_core

FILE = ROOT / "docs" / "benchmarks.md"
# Each part of the file is written by the script that measured it; the others stay.
INGEST, BROWSER, SEARCH = "ingest", "browser", "search"
TITLES = {INGEST: "Messages", BROWSER: "Browser", SEARCH: "Search"}

INTRODUCTION = """\
# Benchmarks

Figures of one machine on one day. Ratios travel, absolute ones do not: run `make bench PEER=<folder>` on yours.
"""


def write(part: str, text: str, file: Path = FILE) -> None:
    """Replaces one part and leaves the others as they are."""
    parts = _parts(file.read_text(encoding="utf-8")) if file.exists() else {}
    parts[part] = text.strip()
    body = [f"<!-- {name} -->\n## {title}\n\n{parts[name]}\n" for name, title in TITLES.items() if name in parts]
    file.parent.mkdir(exist_ok=True)
    file.write_text(INTRODUCTION + "\n" + "\n".join(body), encoding="utf-8")


def _parts(text: str) -> dict[str, str]:
    found = {}
    for piece in text.split("<!-- ")[1:]:
        name, rest = piece.split(" -->\n", 1)
        found[name] = rest.split("\n\n", 1)[1].strip() if "\n\n" in rest else ""
    return found


def measured_on(command: str) -> str:
    about = machine.description()
    return (
        f"{time.strftime('%d %B %Y', time.gmtime())}; {about['processor']}, {about['memory']}, {about['system']}. "
        f"Command: `{command}`. Load average when it ended: {os.getloadavg()[0]:.1f}."
    )


def of_ingest(results: Results, gates: list[Gate], command: str) -> str:
    pieces = [measured_on(command), LAYOUT, _gates(gates), _scenarios(results), _breakdown(results), _rest(results)]
    if results.noisy:
        noisy = "\n".join(f"* {line}" for line in results.noisy)
        pieces.append(
            f"Runs that were not quiet, after several tries (they make figures worse, not better):\n\n{noisy}"
        )
    return "\n\n".join(piece for piece in pieces if piece)


LAYOUT = """\
Box, Postgres and Valkey share the first core, as on the smallest rented machine; the load generator has the second. Fifty
tenants with forty contacts each; signed `messages.upsert` webhooks of about 1.1 kB; one live stream a tenant unless said
otherwise. Latency runs from the webhook's last byte written to its message seen on a stream. CPU is the box with all its
threads and its two servers. The table gives medians, with the range of the runs in brackets."""


def _gates(gates: list[Gate]) -> str:
    lines = ["| figure | to hold | measured | |", "|---|---|---|---|"]
    for gate in gates:
        verdict = "held" if gate.is_held else "**not held**"
        lines.append(f"| {gate.figure} | {gate.limit} | {gate.shown} | {verdict if gate.value is not None else '–'} |")
    return "\n".join(lines)


def _scenarios(results: Results) -> str:
    lines = [
        "| scenario | messages/s | P50 ms | P95 ms | P99 ms | CPU µs/message | % of the core | RSS MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for scenario in results.runs:

        def cell(read: Callable[[Report], float], digits: int = 0, scenario: str = scenario) -> str:
            return _with_range(results.values(scenario, read), digits)

        if "idle" in scenario:
            speed = ["–"] * 5
        else:
            latencies = [
                cell(lambda one, part=part: float(one["latency_ms"].get(part, 0)), 1) for part in ("p50", "p95", "p99")
            ]
            speed = [cell(lambda one: float(one["delivered_per_second"])), *latencies, cell(cpu_of_all)]
        memory = cell(_own_rss)
        lines.append(f"| {' | '.join([scenario, *speed, cell(share_of_core, 1), memory])} |")
    return "\n".join(lines)


def _own_rss(report: Report) -> float:
    return box_rss(report) if "box" in report["cpu"] else float(report["cpu"]["node"]["rss_mb"])


def _with_range(values: list[float], digits: int) -> str:
    middle = sorted(values)[len(values) // 2]
    if len(values) == 1:
        return f"{middle:,.{digits}f}"
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def _breakdown(results: Results) -> str:
    lines = ["Where the time goes, µs of CPU a message (medians):", ""]
    lines += [
        "| scenario | event loop | other threads | Postgres | Valkey | of all, in the kernel |",
        "|---|---|---|---|---|---|",
    ]
    for scenario in ("saturated", "paced", "1,000 streams"):
        if scenario not in results.runs:
            continue
        figures = [results.median(scenario, read) or 0.0 for read in (_loop, _threads, _postgres, _valkey, _kernel)]
        lines.append(f"| {scenario} | {' | '.join(f'{figure:,.0f}' for figure in figures)} |")
    return "\n".join(lines)


def _loop(report: Report) -> float:
    return float(report["cpu"]["box"]["main_thread_us_per_message"])


def _threads(report: Report) -> float:
    return float(report["cpu"]["box"]["us_per_message"]) - _loop(report)


def _postgres(report: Report) -> float:
    return float(report["cpu"]["postgres"]["us_per_message"])


def _valkey(report: Report) -> float:
    return float(report["cpu"]["valkey"]["us_per_message"])


def _kernel(report: Report) -> float:
    return sum(float(part["kernel_us_per_message"]) for part in report["cpu"].values())


def _rest(results: Results) -> str:
    lines = [
        "At rest (`hunfly-box serve`, no tenants, embedded servers):",
        "",
        "| part | PSS MB | RSS MB |",
        "|---|---|---|",
    ]
    for name, part in results.rest.items():
        if part.rss_mb:
            lines.append(f"| {name} | {part.pss_mb:.1f} | {part.rss_mb:.1f} |")
    lines.append(f"| everything | {sum(part.pss_mb for part in results.rest.values()):.1f} | |")
    return "\n".join(lines)
