"""The figures to hold, and whether they were."""

from dataclasses import dataclass

from tests.bench.scenarios import Results, box_rss, cpu_of_all, share_of_core

LEAST_RATIO = 8.0
MOST_SHARE_PCT = 40.0
MOST_P95_MS = 25.0
MOST_RSS_MB = 120.0
MOST_AT_REST_MB = 160.0


@dataclass(frozen=True)
class Gate:
    """`value` None: not measured in this run, so not judged."""

    figure: str
    limit: str
    value: float | None
    shown: str
    is_held: bool


def judged(results: Results) -> list[Gate]:
    ours = results.median("saturated", cpu_of_all)
    theirs = results.median("peer saturated", cpu_of_all)
    ratio = theirs / ours if ours and theirs else None
    share = results.median("paced", share_of_core)
    p95 = results.median("paced", lambda report: float(report["latency_ms"]["p95"]))
    rss = results.median("1,000 streams", box_rss)
    rest = sum(part.pss_mb for part in results.rest.values()) if results.rest else None
    missing = float(sum(report["missing"] for name in OURS for report in results.runs.get(name, ())))
    return [
        _least("CPU per message at saturation, against the peer", LEAST_RATIO, ratio, "times less"),
        _most("share of one core at 167 messages/s", MOST_SHARE_PCT, share, "%"),
        _most("webhook → stream, P95 at 167 messages/s", MOST_P95_MS, p95, "ms"),
        _most("memory (RSS) of the process with 1,000 live streams", MOST_RSS_MB, rss, "MB"),
        _most("embedded box at rest, everything (PSS)", MOST_AT_REST_MB, rest, "MB"),
        _most("accepted messages that no stream showed", 0.0, missing, ""),
    ]


OURS = ("saturated", "paced", "1,000 streams")


def _most(figure: str, limit: float, value: float | None, unit: str) -> Gate:
    return Gate(figure, f"≤ {limit:g} {unit}".strip(), value, _shown(value, unit), value is None or value <= limit)


def _least(figure: str, limit: float, value: float | None, unit: str) -> Gate:
    return Gate(figure, f"≥ {limit:g} {unit}".strip(), value, _shown(value, unit), value is None or value >= limit)


def _shown(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{value:.1f} {unit}".strip()
