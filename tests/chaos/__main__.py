"""`python -m tests.chaos --seed N --kills 20 --minutes M`: a box under load is disturbed by a seed, then judged."""

import argparse
import os
import random
import secrets
import sys
import time

from tests.chaos import report
from tests.chaos.checking import Verdict
from tests.chaos.nemesis import Nemesis
from tests.chaos.trial import Trial, trial
from tests.chaos.world import embedded_world

# Low, so that the limiter is at work all the time and has a queue to clear after each disturbance.
SENDS_PER_MINUTE = 30
PACES = {"customer_pace": 0.6, "stranger_pace": 0.6, "reply_pace": 2.2}
# Of sends without an answer proof is looked for during two minutes; the queue behind them goes at the limit's pace.
REST_SECONDS = 300.0
# The engine's real waits, a fifth of them: its ten tries outlast several outages in a row.
TIME_SCALE = 0.2
PAUSE_SECONDS = (1.5, 4.0)


def main() -> int:
    asked = arguments()
    seed = asked.seed if asked.seed is not None else secrets.randbelow(10**6)
    say(f"seed {seed}, {asked.kills} kills, {asked.minutes:g} minutes at least")
    began = time.monotonic()
    with (
        embedded_world(seed, TIME_SCALE, HUNFLY_SENDS_PER_MINUTE=str(SENDS_PER_MINUTE)) as (world, box),
        trial(world, SENDS_PER_MINUTE, box, **PACES) as made,
    ):
        nemesis = Nemesis(made, box, seed, lambda line: say(f"{time.monotonic() - began:6.0f} s  {line}"))
        try:
            disturb(made, nemesis, asked.kills, asked.minutes)
            verdict = made.end(REST_SECONDS, hurry=False, shown_seconds=30.0)
        except BaseException:
            say(box.log())
            raise
        figures = report.Run(
            seed, asked.minutes, nemesis.kills, nemesis.done, made.ready_after, verdict, time.monotonic() - began
        )
    return tell(figures, verdict, asked)


def disturb(made: Trial, nemesis: Nemesis, kills: int, minutes: float) -> None:
    dice = random.Random(nemesis.seed)
    until = time.monotonic() + minutes * 60
    while nemesis.kills < kills or time.monotonic() < until:
        nemesis.kill_something()
        time.sleep(dice.uniform(*PAUSE_SECONDS))
        nemesis.trouble()
        time.sleep(dice.uniform(*PAUSE_SECONDS))
        made.look()
    nemesis.calm()


def tell(figures: report.Run, verdict: Verdict, asked: argparse.Namespace) -> int:
    say(report.summary(figures))
    if not asked.no_report:
        report.write(figures)
    wrong = {name: found[:10] for name, found in verdict.faults.items() if found}
    for name, found in wrong.items():
        say(f"NOT ZERO: {name}: {found}")
    return 1 if wrong else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(os.environ["SEED"]) if "SEED" in os.environ else None)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5.0, help="go on at least so long")
    parser.add_argument("--no-report", action="store_true", help="leave docs/chaos.md as it is")
    return parser.parse_args()


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
