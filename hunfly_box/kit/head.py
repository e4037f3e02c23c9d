"""HEAD is answered as GET would be, without the body."""

from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPDisconnectEvent, Message, Receive, Scope, Send

GONE = HTTPDisconnectEvent(type="http.disconnect")


class HeadAsGet:
    """For every route at once, so that none can forget it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        is_answered = False

        async def send_head(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def receive_until_answered() -> Any:
            # A file that nobody hears is not read to its end.
            return GONE if is_answered else await receive()

        as_get: Any = {**scope, "method": "GET"}
        await self._app(as_get, receive_until_answered, send_head)
