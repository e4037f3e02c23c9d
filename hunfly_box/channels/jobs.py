"""Watching the numbers: every 30 s what the engine says of each, every 5 minutes that it still reports to us."""

import logging
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import connecting
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.errors import HunflyError
from hunfly_box.kit.job_queue import Job, Timed

log = logging.getLogger("hunfly.channels")

ALL = "SELECT tenant_id, channel_id FROM app.all_channels()"
NOT_NEW = "SELECT tenant_id, channel_id FROM app.all_channels() WHERE state <> 'new'"


def poll_all(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
    _ring_each(resources, "channels.poll", NOT_NEW)


def reconcile_all(resources: Resources, tenant_id: UUID, entity_id: UUID) -> None:
    _ring_each(resources, "channels.reconcile", NOT_NEW)


def poll(resources: Resources, tenant_id: UUID, channel_id: UUID) -> None:
    connecting.poll(resources, tenant_id, channel_id)


def reconcile(resources: Resources, tenant_id: UUID, channel_id: UUID) -> None:
    try:
        connecting.reconcile_webhook(resources, tenant_id, channel_id)
    except HunflyError as error:
        # The next round comes in minutes; the state poll tells people about the engine.
        log.warning("the webhook of channel %s could not be checked: %s", channel_id, error.detail)


def _ring_each(resources: Resources, job: str, query: str) -> None:
    with resources.database.fenced() as tx:
        for row in tx.all(dict[str, UUID], query):
            tx.announce(Ring(job, row["tenant_id"], row["channel_id"]))


JOBS = {
    "channels.poll_all": Job(poll_all),
    "channels.reconcile_all": Job(reconcile_all),
    "channels.poll": Job(poll, is_slow=True),
    "channels.reconcile": Job(reconcile, is_slow=True),
}
TIMETABLE = (
    Timed("channels.poll_all", every_seconds=30),
    Timed("channels.reconcile_all", every_seconds=300),
)
