"""A worker whose only work is to leave a file: `python -m tests.integration.outbound.sink_process`, to be killed."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources, build_resources
from hunfly_box.config import load_settings
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.hub import Hub
from hunfly_box.kit.job_queue import Job, JobQueue, Timed
from hunfly_box.kit.leases import LeaseKeeper
from hunfly_box.kit.logins import logins
from hunfly_box.kit.work import WorkKind, WorkRunner


def main() -> None:
    settings = load_settings(os.environ)
    folder = Path(os.environ["HUNFLY_TEST_SINK"])
    known = logins(str(settings.database_url), settings.data_dir / "keys" / "logins.json")
    resources = build_resources(settings, known, str(settings.redis_url), Hub())
    queue = JobQueue(resources.redis_url, threads=4)

    def leave_file(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
        if payload["key"] == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        (folder / payload["key"]).touch()

    kinds = {"sink": WorkKind(leave_file, lease_seconds=3)}
    runner = WorkRunner(resources.database, resources, kinds, LeaseKeeper(), resources.process_id)

    def run(resources: Resources, tenant_id: UUID, work_id: UUID) -> None:
        runner.run(tenant_id, work_id)

    def sweep(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
        with resources.database.fenced() as tx:
            for row in tx.all(dict[str, Any], "SELECT * FROM app.due_work(200)"):
                queue.ring(Ring(row["kind"], row["tenant_id"], row["id"]))

    queue.start(resources, {"sink": Job(run), "sweep": Job(sweep)}, [Timed("sweep", 1.0)])
    threading.Event().wait()


if __name__ == "__main__":
    main()
