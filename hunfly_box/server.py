"""The process: granian in our own event loop, and the switch before the web framework. Streams end first at a stop."""

import asyncio
import logging
import resource
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvloop
from granian import _futures
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from hunfly_box import reactions, worker
from hunfly_box.app import create_app
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import live, live_socket
from hunfly_box.inbox.live import Live
from hunfly_box.inbox.live_socket import Sockets
from hunfly_box.ingest.arrivals import Arrivals
from hunfly_box.ingest.intake import Intake
from hunfly_box.kit import memory
from hunfly_box.kit.job_queue import JobQueue

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

# The default of 128 counts connections: the 129th stream would hang without an error.
BACKLOG = 2048
BACKPRESSURE = 16_384
STOP_SECONDS = 20.0
USUAL_SCHEDULING: Any = _futures._cbsched_aioschedule  # noqa: SLF001
# What runs off the loop besides database work: rights of streams, look-ups of channels.
SPARE_THREADS = 4


class Switch:
    """Which part of the process answers. The receiver and the streams never enter the framework."""

    def __init__(self, intake: Intake, live_: Live, sockets: Sockets, app: ASGIApp) -> None:
        self._intake = intake
        self._live = live_
        self._sockets = sockets
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http":
            if self._intake.receiver.serves(path):
                await self._intake.receiver(scope, receive, send)
                return
            if path == live.PATH and scope["method"] == "GET":
                await self._live(scope, receive, send)
                return
        elif scope["type"] == "websocket":
            if path == live_socket.PATH:
                await self._sockets(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": live_socket.REFUSED})
            return
        await self._app(scope, receive, send)


def run(resources: Resources, role: str = "all", on_ready: Callable[[], None] = lambda: None) -> None:
    """Until SIGTERM or SIGINT. `role`: web answers, worker works, all does both."""
    _raise_file_limit()
    memory.use_few_arenas()
    queue = JobQueue(resources.redis_url, threads=resources.settings.workers)
    reactions.connect(resources, queue, live.push_changes)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(resources, queue, role, on_ready))


async def _serve(resources: Resources, queue: JobQueue, role: str, on_ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    # As many as the pool has connections: more threads would only wait for each other.
    executor = ThreadPoolExecutor(resources.settings.workers + SPARE_THREADS, thread_name_prefix="hb")
    loop.set_default_executor(executor)
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    running = await asyncio.to_thread(worker.start, resources, queue) if role != "web" else None
    try:
        if role == "worker":
            memory.forget_the_start()
            on_ready()
            await stopping.wait()
        else:
            await _serve_web(resources, stopping, on_ready)
    finally:
        if running is not None:
            await asyncio.to_thread(running.stop, STOP_SECONDS)


async def _serve_web(resources: Resources, stopping: asyncio.Event, on_ready: Callable[[], None]) -> None:
    live_ = Live(resources)
    live_.start()
    intake = Intake(resources, live_.presence, live_.show_soon, live_.relay.tell_changes)
    await intake.start()
    sockets = Sockets(resources, live_.presence)
    app: Any = create_app(resources)
    bind = resources.settings.bind
    _let_deliveries_wait(intake)
    server = Server(
        Switch(intake, live_, sockets, app),
        address=bind.host,
        port=bind.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=True,
        backlog=BACKLOG,
        backpressure=BACKPRESSURE,
        log_enabled=False,
    )
    serving = asyncio.ensure_future(server.serve())
    announced = asyncio.ensure_future(_announce(bind.host, bind.port, on_ready))
    await asyncio.wait({serving, asyncio.ensure_future(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    announced.cancel()
    # Hooks are answered 503 from here on; what was taken is stored, screens are told to come back.
    await intake.stop()
    sockets.close()
    await live_.stop()
    await asyncio.sleep(0)
    if not serving.done():
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({serving}, timeout=STOP_SECONDS)
    serving.result()


def _let_deliveries_wait(intake: Intake) -> None:
    """Granian has no word for it: what its scheduler does with a request is replaced by what asks `Arrivals` first."""

    def scheduling(loop: asyncio.AbstractEventLoop, context: Any, call: Any) -> Callable[[Any], None]:
        at_once = USUAL_SCHEDULING(loop, context, call)

        def let_in(watcher: Any) -> None:
            watcher.taskref(loop.create_task(call(watcher), context=context))

        arrivals = Arrivals(loop, intake.receiver.serves, let_in)

        def schedule(watcher: Any) -> None:
            if not arrivals.take(watcher):
                at_once(watcher)

        return schedule

    _futures._cbsched_aioschedule = scheduling  # noqa: SLF001


async def _announce(host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Ready is when the port answers, not when the server was told to open it."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host if host not in ("0.0.0.0", "::") else "localhost", port)  # noqa: S104
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        memory.forget_the_start()
        on_ready()
        return


def _raise_file_limit() -> None:
    """Each stream is a socket."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
