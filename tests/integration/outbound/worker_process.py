"""A worker as a process of its own, to be killed: `python -m tests.integration.outbound.worker_process`."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

from hunfly_box import reactions, worker
from hunfly_box.bootstrap import build_resources
from hunfly_box.channels import jobs
from hunfly_box.config import load_settings
from hunfly_box.kit.hub import Hub
from hunfly_box.kit.job_queue import JobQueue
from hunfly_box.kit.logins import logins
from hunfly_box.outbound.pacing import Gaps
from tests.integration.outbound.shop import QUICK_GAPS


def main() -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(relativeCreated)d %(name)s %(message)s")
    settings = load_settings(os.environ)
    url = str(settings.database_url)
    known = logins(url, Path(settings.data_dir) / "keys" / "logins.json")
    resources = build_resources(settings, known, str(settings.redis_url), Hub())
    queue = JobQueue(resources.redis_url, threads=6)
    reactions.connect(resources, queue, lambda resources, changes: None)
    # The test says what state the number is in.
    jobs.TIMETABLE = ()
    gaps = Gaps(limit=int(os.environ["HUNFLY_TEST_LIMIT"])) if "HUNFLY_TEST_LIMIT" in os.environ else QUICK_GAPS
    running = worker.start(resources, queue, gaps)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    stopped.wait()
    running.stop(5.0)
    resources.close()


if __name__ == "__main__":
    main()
