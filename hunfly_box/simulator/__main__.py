"""`python -m hunfly_box.simulator`: the simulator as a process of its own, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from hunfly_box.simulator.options import Options
from hunfly_box.simulator.running import Running

# The key comes by the environment: arguments are seen by every user of the machine.
API_KEY_VARIABLE = "HUNFLY_SIMULATOR_API_KEY"


def options_from(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="hunfly_box.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--phone-port", type=int, help="serve the customer's phone on a port of its own")
    parser.add_argument("--state-dir", type=Path, help="keep conversations in this folder")
    parser.add_argument("--sample", action="store_true", help="begin with sample customers")
    parser.add_argument("--time-scale", type=float, default=1.0, help="0.01 makes waits a hundred times shorter")
    given = parser.parse_args(arguments)
    options = Options(**vars(given))
    if os.environ.get(API_KEY_VARIABLE):
        options.api_key = os.environ[API_KEY_VARIABLE]
    return options


async def run(options: Options) -> None:
    running = Running(options)
    await running.start()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    sys.stdout.write(f"simulator {running.url} phone {running.phone_url}\n")
    sys.stdout.flush()
    try:
        await stop.wait()
    finally:
        await running.stop()


def main() -> None:
    try:
        asyncio.run(run(options_from(sys.argv[1:])))
    except (OSError, ValueError) as error:
        sys.exit(f"simulator: {error}")


if __name__ == "__main__":
    main()
