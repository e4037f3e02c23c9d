"""Who types and who looks: nothing of this is kept, and nothing of it may be missed."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import live_frames, live_showing
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.database import Event, Scope
from hunfly_box.kit.hub import Audience, Watcher
from hunfly_box.providers.port import Address, TypingKind

log = logging.getLogger(__name__)

Tell = Callable[[str, dict[str, Any]], None]

# A process that died said goodbye to nobody; its viewers go by themselves.
VIEWING_SECONDS = 45.0
REFRESH_SECONDS = 20.0
# Whose address belongs to which conversation, for typing: a look-up a minute is enough.
FOUND_SECONDS = 60.0
MOST_FOUND = 5_000

ALLOWED = """
SELECT v.id, v.assignee_id FROM app.conversations v WHERE v.tenant_id = app.tenant_id() AND v.id = :id
"""
TYPIST = """
SELECT v.id AS conversation_id, v.assignee_id, k.id AS contact_id,
       coalesce(k.name, k.push_name, k.phone, i.value) AS name
FROM app.contact_identities i
JOIN app.contacts k ON k.tenant_id = i.tenant_id AND k.id = i.contact_id
JOIN app.conversations v ON v.tenant_id = i.tenant_id AND v.channel_id = :channel_id
  AND v.contact_id = coalesce((SELECT g.contact_id FROM app.contact_identities g WHERE g.tenant_id = i.tenant_id
                               AND g.kind = :chat_kind AND g.value = :chat_value), i.contact_id)
WHERE i.tenant_id = app.tenant_id() AND i.kind = :kind AND i.value = :value
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation and who may see it."""

    conversation_id: UUID
    audience: Audience


@dataclass(frozen=True, slots=True)
class Typist:
    place: Place
    contact_id: UUID
    name: str


@dataclass(slots=True)
class _Viewing:
    tenant_id: UUID
    place: Place
    user_id: UUID
    name: str
    until: float
    is_here: bool


class Presence:
    def __init__(self, resources: Resources, tell: Tell) -> None:
        self._resources = resources
        self._tell = tell
        # By socket: one person may look from two devices.
        self._viewing: dict[str, _Viewing] = {}
        self._found: dict[tuple[UUID, Address, Address], tuple[float, Typist | None]] = {}

    def place(self, viewer: Viewer, conversation_id: UUID) -> Place | None:
        """From a thread. None: not there for this person."""
        with self._resources.database.transaction(viewer.scope()) as tx:
            line = tx.maybe(dict[str, Any], ALLOWED, id=conversation_id)
        return Place(line["id"], Audience(line["assignee_id"])) if line else None

    def customer_types(
        self, tenant_id: UUID, channel_id: UUID, chat: Address, author: Address, kind: TypingKind
    ) -> None:
        """From the event loop; asks the database only for tenants somebody watches."""
        if not self._resources.hub.watches(tenant_id) or kind in ("available", "unavailable"):
            return
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(None, self._typist, tenant_id, channel_id, chat, author)
        work.add_done_callback(lambda done: self._customer_found(tenant_id, kind, done))

    def _typist(self, tenant_id: UUID, channel_id: UUID, chat: Address, author: Address) -> Typist | None:
        known = self._found.get((channel_id, chat, author))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        with self._resources.database.transaction(Scope.system(tenant_id)) as tx:
            line = tx.maybe(
                dict[str, Any],
                TYPIST,
                channel_id=channel_id,
                chat_kind=chat.kind,
                chat_value=chat.value,
                kind=author.kind,
                value=author.value,
            )
        found = None
        if line is not None:
            place = Place(line["conversation_id"], Audience(line["assignee_id"]))
            found = Typist(place, line["contact_id"], line["name"])
        if len(self._found) >= MOST_FOUND:
            self._found.clear()
        self._found[channel_id, chat, author] = time.monotonic() + FOUND_SECONDS, found
        return found

    def _customer_found(self, tenant_id: UUID, kind: TypingKind, done: "asyncio.Future[Typist | None]") -> None:
        if done.cancelled() or done.exception() is not None:
            return
        typist = done.result()
        if typist is not None:
            by = {"kind": "contact", "id": str(typist.contact_id), "name": typist.name}
            self._typing(tenant_id, typist.place, by, is_on=kind != "paused", is_recording=kind == "recording")

    def agent_types(self, viewer: Viewer, place: Place, *, is_on: bool) -> None:
        """From the event loop. The customer sees it too, where the number is connected."""
        tenant_id = viewer.scope().tenant_id
        by = {"kind": "user", "id": str(viewer.user_id), "name": viewer.name}
        self._typing(tenant_id, place, by, is_on=is_on, is_recording=False)
        if is_on:
            rings: list[Event] = [Ring("outbound.typing", tenant_id, place.conversation_id)]
            asyncio.get_running_loop().run_in_executor(None, self._resources.database.publish, rings)

    def _typing(self, tenant_id: UUID, place: Place, by: dict[str, str], *, is_on: bool, is_recording: bool) -> None:
        told = {"conversation_id": str(place.conversation_id), "by": by, "on": is_on, "recording": is_recording}
        self._show_typing(tenant_id, place, told)
        self._tell("typing", {"tenant_id": str(tenant_id), "assignee_id": _text(place), **told})

    def _show_typing(self, tenant_id: UUID, place: Place, told: dict[str, Any]) -> None:
        hub = self._resources.hub
        body = live_frames.plain_frame("typing", told)
        typist = told["by"]["id"]

        def sees(watcher: Watcher) -> bool:
            return place.audience.has(watcher) and str(watcher.user_id) != typist

        hub.push_alike(tenant_id, body, sees)

    def looks_at(self, socket: str, viewer: Viewer, place: Place | None) -> None:
        """None: at no conversation any more."""
        tenant_id = viewer.scope().tenant_id
        before = self._viewing.pop(socket, None)
        if place is not None:
            until = time.monotonic() + VIEWING_SECONDS
            self._viewing[socket] = _Viewing(tenant_id, place, viewer.user_id, viewer.name, until, True)
            self._tell_viewing(socket)
        elif before is not None:
            self._tell("viewing", {"socket": socket})
        if before is not None and (place is None or before.place.conversation_id != place.conversation_id):
            self._show_viewers(before.tenant_id, before.place)
        if place is not None:
            self._show_viewers(tenant_id, place)

    def _tell_viewing(self, socket: str) -> None:
        one = self._viewing[socket]
        told = {"socket": socket, "tenant_id": str(one.tenant_id), "conversation_id": str(one.place.conversation_id)}
        self._tell("viewing", {**told, "assignee_id": _text(one.place), "user_id": str(one.user_id), "name": one.name})

    def _show_viewers(self, tenant_id: UUID, place: Place) -> None:
        here = [one for one in self._viewing.values() if one.place.conversation_id == place.conversation_id]
        viewers = [{"id": str(id_), "name": name} for id_, name in {one.user_id: one.name for one in here}.items()]
        hub = self._resources.hub
        told = {"conversation_id": str(place.conversation_id), "viewers": viewers}
        body = live_frames.plain_frame("presence", told)
        hub.push_alike(tenant_id, body, place.audience.has)

    def hear(self, event: str, fields: dict[str, Any]) -> None:
        """What another process told."""
        if event == "viewing" and "conversation_id" not in fields:
            gone = self._viewing.pop(fields["socket"], None)
            if gone is not None:
                self._show_viewers(gone.tenant_id, gone.place)
            return
        assignee = fields.pop("assignee_id")
        tenant_id = UUID(fields.pop("tenant_id"))
        place = Place(UUID(fields["conversation_id"]), Audience(UUID(assignee) if assignee else None))
        if event == "typing":
            self._show_typing(tenant_id, place, fields)
        elif event == "viewing":
            before = self._viewing.get(fields["socket"])
            until = time.monotonic() + VIEWING_SECONDS
            user_id = UUID(fields["user_id"])
            self._viewing[fields["socket"]] = _Viewing(tenant_id, place, user_id, fields["name"], until, False)
            if before is None or before.place.conversation_id != place.conversation_id:
                self._show_viewers(tenant_id, place)
                if before is not None:
                    self._show_viewers(before.tenant_id, before.place)

    def tell_person(self, tenant_id: UUID, user_id: UUID, event: str, told: dict[str, Any]) -> None:
        """To every screen of one person, on whichever process it hangs."""
        fields = {"tenant_id": str(tenant_id), "user_id": str(user_id), "name": event, "told": told}
        self.show_to_person(fields)
        self._tell("person", fields)

    def show_to_person(self, fields: dict[str, Any]) -> None:
        body = live_frames.plain_frame(fields["name"], fields["told"])
        live_showing.to_person(self._resources.hub, UUID(fields["tenant_id"]), UUID(fields["user_id"]), body)

    async def expire(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            now = time.monotonic()
            for socket, one in list(self._viewing.items()):
                if one.is_here:
                    one.until = now + VIEWING_SECONDS
                    self._tell_viewing(socket)
                elif one.until < now:
                    del self._viewing[socket]
                    self._show_viewers(one.tenant_id, one.place)


def _text(place: Place) -> str | None:
    return str(place.audience.assignee_id) if place.audience.assignee_id else None
