"""Starting and stopping: an own event loop in an own thread, and a handle that any thread may use."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from hunfly_box.simulator import contract, contract_call, control, linking, phone, portraits, samples, state
from hunfly_box.simulator.engine import Call, Engine
from hunfly_box.simulator.http_server import Request, Response, Server, json_response
from hunfly_box.simulator.model import Sent
from hunfly_box.simulator.options import Options
from hunfly_box.simulator.shapes import Json
from hunfly_box.simulator.webhooks import Attempt

START_SECONDS = 10
IDLE_POLL_SECONDS = 0.01


class Running:
    """The servers and the engine on the loop they were started on."""

    def __init__(self, options: Options) -> None:
        world = state.load(options.state_dir) if options.state_dir else None
        self.options = options
        self.engine = Engine(options, world)
        if options.sample:
            samples.fill(self.engine.world)
        self.servers = [Server(options.host, options.port, self._contract)]
        if options.phone_port is not None:
            self.servers.append(Server(options.host, options.phone_port, self._page))
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        for server in self.servers:
            await server.start()
        self.options.server_url = self.url
        self.engine.world.pictures_at = self.url
        if self.options.state_dir is not None:
            self._keeper = asyncio.create_task(state.keep(self.engine, self.options.state_dir))
        for instance in self.engine.world.instances.values():
            if instance.recorded_state == "open":
                linking.begin(self.engine, instance)
        if self.options.state_dir is not None:
            state.send_undelivered(self.engine, self.options.state_dir)

    async def stop(self) -> None:
        for server in self.servers:
            await server.stop()
        if self._keeper is not None:
            self._keeper.cancel()
        await self.engine.close()
        if self.options.state_dir is not None:
            state.save(self.engine, self.options.state_dir)
            state.save_undelivered(self.engine, self.options.state_dir)

    @property
    def url(self) -> str:
        return f"http://{self.options.host}:{self.servers[0].port}"

    @property
    def phone_url(self) -> str:
        if len(self.servers) == 1:
            return f"{self.url}/phone/"
        return f"http://{self.options.host}:{self.servers[1].port}/"

    async def _contract(self, request: Request) -> Response:
        if request.path.startswith("/sim/"):
            return await control.answer(self.engine, request)
        if request.path.startswith("/phone"):
            return await phone.answer(self.engine, request)
        if request.path.startswith("/store/pictures/"):
            return Response(200, portraits.draw(request.path), "image/jpeg")
        return await contract.answer(self.engine, request)

    async def _page(self, request: Request) -> Response:
        if request.path == "/" or request.path.startswith("/phone"):
            return await phone.answer(self.engine, request)
        return json_response(404, {"error": "no such page"})


class Simulator:
    """What a test holds. `command` names and fields: see the table in `commands`."""

    def __init__(self, running: Running, loop: asyncio.AbstractEventLoop) -> None:
        self._running = running
        self._loop = loop
        self.url = running.url
        self.phone_url = running.phone_url
        self.api_key = running.options.api_key

    def command(self, name: str, /, **fields: Any) -> Any:
        return self._call(control.run(self._running.engine, name, fields))

    def create_instance(self, name: str, webhook: Json | None = None, **fields: Any) -> str:
        """A number's row without going through HTTP; returns its token."""
        body = {"instanceName": name, "integration": "WHATSAPP-BAILEYS", **fields}
        if webhook is not None:
            body["webhook"] = {"events": [], **webhook}
        return str(self._call(self._created(body)))

    async def _created(self, body: Json) -> str:
        call = contract_call.Call(self._running.engine, contract.CREATE, body["instanceName"], body, {}, self.api_key)
        _, made = await contract.ROUTES[("POST", contract.CREATE)](call)
        return str(made["hash"])

    def scan(self, instance: str, number: str | None = None, name: str = "Loja", history: int = 0) -> None:
        self.command("scan", instance=instance, number=number, name=name, history=history)

    def receive(self, instance: str, contact: str, text: str | None = None, **fields: Any) -> str:
        """A customer sends; returns the message's id."""
        if text is not None:
            fields["text"] = text
        return str(self.command("receive", instance=instance, contact=contact, **fields))

    def add_contact(self, name: str, **fields: Any) -> str:
        return str(self.command("add_contact", name=name, **fields)["id"])

    def fault(self, action: str, **fields: Any) -> str:
        return str(self.command("fault", action=action, **fields))

    def webhook_fault(self, action: str, **fields: Any) -> str:
        return str(self.command("webhook_fault", action=action, **fields))

    def sent(self, **wanted: str) -> list[Sent]:
        return list(self._now(lambda: control.sent(self._running.engine, **wanted)))

    def calls(self, **wanted: str) -> list[Call]:
        return list(self._now(lambda: control.calls(self._running.engine, **wanted)))

    def deliveries(self, **wanted: str) -> list[Attempt]:
        return list(self._now(lambda: control.deliveries(self._running.engine, **wanted)))

    def messages(self, instance: str, chat: str) -> list[Json]:
        """What the customer's phone shows of this conversation."""
        query = {"instance": instance, "chat": chat}
        found = self._now(lambda: control.question(self._running.engine, "messages", query))
        return list(found)

    def wait_idle(self, seconds: float = 10) -> None:
        """Until every webhook is delivered or given up, and every tick has climbed."""
        until = time.monotonic() + seconds
        while not self.command("is_idle"):
            if time.monotonic() > until:
                raise TimeoutError("the simulator is still busy")
            time.sleep(IDLE_POLL_SECONDS)

    def _now(self, question: Any) -> Any:
        async def ask() -> Any:
            return question()

        return self._call(ask())

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)


@contextmanager
def start(port: int = 0, **settings: Any) -> Iterator[Simulator]:
    """Runs a simulator in a thread of its own until the block ends. Settings are the fields of `Options`."""
    options = Options(port=port, **settings)
    ready = threading.Event()
    held: dict[str, Any] = {}

    async def main() -> None:
        stop = held["stop"] = asyncio.Event()
        held["loop"] = asyncio.get_running_loop()
        running = held["running"] = Running(options)
        try:
            await running.start()
            ready.set()
            await stop.wait()
        finally:
            await running.stop()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001  the starter's thread must hear why
            held["error"] = error
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="simulator", daemon=True)
    thread.start()
    ready.wait(START_SECONDS)
    if "error" in held:
        raise held["error"]
    try:
        yield Simulator(held["running"], held["loop"])
    finally:
        held["loop"].call_soon_threadsafe(held["stop"].set)
        thread.join(START_SECONDS)
