"""/ws: what a browser says about typing and looking. Nothing that must not be lost comes this way."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from uuid import UUID

import msgspec
from msgspec import Struct

from hunfly_box.access import authentication, csrf
from hunfly_box.access.permissions import may
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox.live import PERMISSION, Receive, Scope, Send, canceller
from hunfly_box.inbox.live_presence import Place, Presence
from hunfly_box.kit.errors import Forbidden, HunflyError, Unauthorized

log = logging.getLogger(__name__)

PATH = "/ws"
# Far above anything a browser of ours says.
MAX_MESSAGE_BYTES = 1024
REFUSED, SIGNED_OUT, TOO_MUCH = 4403, 4401, 1009
REAUTHORISE_SECONDS = 30.0


class Said(Struct):
    t: str
    conversation_id: UUID | None = None
    on: bool = True


_decode = msgspec.json.Decoder(Said).decode


class Sockets:
    """One socket for each visible tab; its end ends typing and viewing."""

    def __init__(self, resources: Resources, presence: Presence) -> None:
        self._resources = resources
        self._presence = presence
        self._open: set[Callable[[], None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            viewer = await asyncio.to_thread(self._admit, headers)
        except HunflyError as error:
            code = SIGNED_OUT if isinstance(error, Unauthorized) else REFUSED
            await send({"type": "websocket.close", "code": code, "reason": error.code})
            return
        await send({"type": "websocket.accept"})
        cancel = canceller()
        self._open.add(cancel)
        socket = uuid.uuid4().hex
        try:
            await self._listen(socket, viewer, headers, receive, send)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await send({"type": "websocket.close", "code": 1012})
        finally:
            self._open.discard(cancel)
            self._presence.looks_at(socket, viewer, None)

    def close(self) -> None:
        for cancel in tuple(self._open):
            cancel()

    def _admit(self, headers: dict[str, str]) -> Viewer:
        """Browsers send the cookie along from any site, so the origin decides, and there must be one."""
        csrf.check_origin(self._resources.settings, headers)
        if "origin" not in headers and "authorization" not in headers:
            raise Forbidden
        viewer = authentication.viewer_from_headers(self._resources, headers)
        if viewer is None:
            raise Unauthorized
        if viewer.tenant_id is None or not may(viewer, PERMISSION):
            raise Forbidden
        return viewer

    async def _listen(self, socket: str, viewer: Viewer, headers: dict[str, str], receive: Receive, send: Send) -> None:
        checked = asyncio.get_running_loop().time()
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            raw = message.get("text") or message.get("bytes") or ""
            if len(raw) > MAX_MESSAGE_BYTES:
                await send({"type": "websocket.close", "code": TOO_MUCH})
                return
            now = asyncio.get_running_loop().time()
            if now - checked > REAUTHORISE_SECONDS:
                checked = now
                try:
                    viewer = await asyncio.to_thread(self._admit, headers)
                except HunflyError:
                    await send({"type": "websocket.close", "code": SIGNED_OUT})
                    return
            try:
                said = _decode(raw)
            except msgspec.MsgspecError:
                continue
            await self._take(socket, viewer, said)

    async def _take(self, socket: str, viewer: Viewer, said: Said) -> None:
        place: Place | None = None
        if said.conversation_id is not None and said.t in ("typing", "viewing"):
            place = await asyncio.to_thread(self._presence.place, viewer, said.conversation_id)
            if place is None:
                return
        if said.t == "typing" and place is not None:
            self._presence.agent_types(viewer, place, is_on=said.on)
        elif said.t == "viewing":
            self._presence.looks_at(socket, viewer, place)
