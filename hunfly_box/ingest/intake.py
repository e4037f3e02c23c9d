"""The whole way in, put together; and what a stored batch tells screens and workers."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import live_frames, live_showing
from hunfly_box.inbox.live_presence import Presence
from hunfly_box.ingest import announcing, showing
from hunfly_box.ingest.batch import Batcher
from hunfly_box.ingest.connection import IngestConnection
from hunfly_box.ingest.receiver import Receiver
from hunfly_box.ingest.routes import REFRESH_SECONDS, Channel, Routes
from hunfly_box.ingest.spill import Spill
from hunfly_box.ingest.spill_file import SpillFile
from hunfly_box.ingest.storing import Stored, Storer
from hunfly_box.kit.crash import crash_point
from hunfly_box.kit.database import Database, Event
from hunfly_box.kit.hub import Audience
from hunfly_box.kit.paths import DataFolder
from hunfly_box.kit.redis import connect_async
from hunfly_box.providers.port import TypingSeen

log = logging.getLogger(__name__)

TIDY_UP_SECONDS = 1.0


class Intake:
    """Lives in the event loop. `presence`, `show_soon` and `tell_others` are those of the live stream."""

    def __init__(self, resources: Resources, presence: Presence, show_soon: Any, tell_others: Any) -> None:
        self._resources = resources
        self._presence = presence
        self._show_soon = show_soon
        self._tell_others = tell_others
        self._database = Database(resources.logins.ingest, pool_size=1)
        self.routes = Routes(self._database, resources.sealer)
        self._redis = connect_async(resources.redis_url)
        connection = IngestConnection(resources.logins.ingest, on_lost=resources.database.note_loss)
        self.storer = Storer(connection, self._stored, resources.hub.watches)
        self._spill = Spill(self._redis, SpillFile(DataFolder(resources.settings.data_dir).spill))
        self.batcher = Batcher(self.storer, self._spill)
        self.receiver = Receiver(self.routes, self.batcher, self._typing)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Also without Postgres: then deliveries are refused until the channels are known, and spilled from then on."""
        try:
            await self.storer.connection.open()
        except psycopg.Error:
            self.storer.connection.retry_in_background()
        await self._refresh()
        self.batcher.start()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work) for work in (self._keep_fresh(), self._tidy_up())]

    async def stop(self) -> None:
        """What was taken is stored or spilled before this returns."""
        self.receiver.is_closing = True
        for task in self._tasks:
            task.cancel()
        await self.batcher.stop()
        await self._spill.close()
        self._database.close()

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._refresh()

    async def _tidy_up(self) -> None:
        while True:
            await asyncio.sleep(TIDY_UP_SECONDS)
            self.receiver.give_up_silent()
            if not self.storer.connection.is_here or not self._spill.file.left():
                continue
            try:
                # Another process may have left it, with a channel that is news here.
                await asyncio.to_thread(self.routes.refresh)
                if drained := await self._spill.drain_file(self.batcher, self.routes):
                    log.info("%d deliveries that waited on the disk are stored", drained)
            except Exception:  # noqa: BLE001 - what is not stored stays on the disk
                log.exception("the spill on the disk could not be emptied")

    async def _refresh(self) -> None:
        try:
            await asyncio.to_thread(self.routes.refresh)
        except Exception as error:  # noqa: BLE001 - what is known stays known while the database is away
            log.warning("the channels could not be read: %s", type(error).__name__)

    def _typing(self, channel: Channel, event: TypingSeen) -> None:
        self._presence.customer_types(channel.tenant_id, channel.channel_id, event.chat, event.author, event.kind)

    def _stored(self, stored: Stored) -> None:
        """After COMMIT. Nothing here may fail the batch: what is not shown now is read at the next reconnect."""
        try:
            self._show(stored)
        except Exception:  # noqa: BLE001 - the rows are safe
            log.exception("a stored batch could not be shown")
        crash_point("I6")

    def _show(self, stored: Stored) -> None:
        hub = self._resources.hub
        plain, others = showing.plain_and_others(stored, hub.watches)
        live_showing.push_plain(hub, plain)
        self._push_statuses(stored.answer.summary.changes)
        self._tell_others(announcing.plain_changes_of(stored))
        self._show_soon(announcing.rare_changes_of(stored) + others)
        rings: list[Event] = [*announcing.rings_of(stored)]
        if rings:
            asyncio.get_running_loop().run_in_executor(None, self._resources.database.publish, rings)

    def _push_statuses(self, changes: Sequence[list[Any]]) -> None:
        hub = self._resources.hub
        for change in changes:
            if change[0] != announcing.STATUS:
                continue
            _, tenant, message_id, conversation_id, provider_id, status, version, assignee = change
            told = {
                "id": message_id,
                "conversation_id": conversation_id,
                "provider_id": provider_id,
                "status": status,
                "version": version,
                "error": None,
            }
            tenant_id = UUID(tenant)
            body = live_frames.plain_frame("message.status", told, version)
            audience = Audience(UUID(assignee) if assignee else None)
            hub.push_alike(tenant_id, body, audience.has)
            hub.note_shown(message_id, version)
