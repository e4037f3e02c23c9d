"""`python -m tests.bench [--peer FOLDER] [--quick]`: measures, writes docs/benchmarks.md, fails when a figure is not held."""

import argparse
import sys
import time
from pathlib import Path

from tests.bench import report
from tests.bench.box import CannotMeasure
from tests.bench.gates import judged
from tests.bench.scenarios import FULL, QUICK, Bench


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--peer", type=Path, metavar="FOLDER", help="the Node stack to compare with")
    parser.add_argument("--quick", action="store_true", help="one short run of everything, within a minute")
    chosen = parser.parse_args()
    began = time.monotonic()
    try:
        results = Bench(QUICK if chosen.quick else FULL, chosen.peer, say).run()
    except CannotMeasure as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    gates = judged(results)
    command = "make bench" + (" PEER=<folder>" if chosen.peer else "") + (" QUICK=1" if chosen.quick else "")
    report.write(report.INGEST, report.of_ingest(results, gates, command))
    for gate in gates:
        say(f"{'held    ' if gate.is_held else 'NOT HELD'}  {gate.figure}: {gate.shown} ({gate.limit})")
    for line in results.noisy:
        say(f"noisy: {line}")
    say(f"{time.monotonic() - began:.0f} s; written to docs/benchmarks.md")
    return 0 if all(gate.is_held for gate in gates) else 1


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
