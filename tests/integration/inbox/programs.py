"""A program with a token, talking to the application in this process."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx

from hunfly_box.access.commands.tokens import create_token
from hunfly_box.app import create_app
from tests.cast import Person
from tests.conftest import Box


class Programs:
    """One application; a token for each person that asks."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._app = create_app(box.resources)
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self._app, raise_app_exceptions=False), base_url="http://box.example"
        )
        self._tokens: dict[UUID, str] = {}

    def call(self, who: Person, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.together([(who, method, path, body, headers)])[0]

    def send_bytes(self, who: Person, path: str, body: bytes, media_type: str, **more: str) -> httpx.Response:
        """As they are, to be refused or not."""
        headers = {"authorization": f"Bearer {self._token(who)}", "content-type": media_type, **more}
        return self._runner.run(self._client.post(path, content=body, headers=headers))

    def together(self, calls: list[tuple[Person, str, str, Any, dict[str, str]]]) -> list[httpx.Response]:
        """All at once."""

        async def run() -> list[httpx.Response]:
            return await asyncio.gather(*[self._send(*call) for call in calls])

        for who, *_ in calls:
            self._token(who)
        return self._runner.run(run())

    async def _send(self, who: Person, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        sent = {"authorization": f"Bearer {self._token(who)}", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body, default=str)
        return await self._client.request(method, path, content=content, headers=sent)

    def _token(self, who: Person) -> str:
        if who.id not in self._tokens:
            assert who.tenant_id is not None
            with self._box.resources.control.transaction() as tx:
                self._tokens[who.id] = create_token(tx, who.tenant_id, who.id)
        return self._tokens[who.id]

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()
