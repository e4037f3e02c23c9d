"""The load: signed Evolution webhooks go in, the live streams of fifty tenants are listened to.

A process of its own on a core of its own; reads a plan as JSON from standard input, answers with a JSON report. It knows
of the server only what the plan says, so the same load drives the box and the stack it is compared with. Each message has
an id `HB` + 18 hex digits; it is delivered when those bytes come out of a stream, whatever is around them. Latency is from
the last byte of the webhook written to the id seen, on one clock.
"""

import asyncio
import hmac
import json
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

from tests.bench.machine import Stopwatch, Watched, family, memory

ID = re.compile(rb"HB[0-9a-f]{18}")
ID_LENGTH = 20
WORDS = (
    "bom",
    "dia",
    "preciso",
    "de",
    "ajuda",
    "com",
    "meu",
    "pedido",
    "favor",
    "obrigado",
    "entrega",
    "amanha",
    "boleto",
    "pix",
)
WORDS_EACH = 46
# Nothing new for so long, although messages are missing: they will not come.
PATIENCE_SECONDS = 4.0
LONGEST_DRAIN_SECONDS = 60.0
clock = time.perf_counter


@dataclass(frozen=True)
class Target:
    """One tenant's number: where its webhooks go, what signs them, and how to open its stream."""

    instance: str
    secret: str
    webhook_path: str
    stream_path: str
    stream_headers: dict[str, str]


@dataclass(frozen=True)
class Plan:
    """`rate` 0 and `connections` > 0: as fast as answers come. Both 0: streams are only held open."""

    host: str
    port: int
    signature_header: str
    signature_prefix: str
    targets: list[Target]
    watched: list[Watched]
    contacts: int = 40
    connections: int = 0
    rate: float = 0.0
    streams: int = 50
    seconds: float = 10.0
    warm_up_seconds: float = 2.0

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        given = json.loads(text)
        given["targets"] = [Target(**one) for one in given["targets"]]
        given["watched"] = [Watched(**one) for one in given["watched"]]
        return cls(**given)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class Tally:
    """What one measured stretch brought."""

    sent_at: dict[bytes, float] = field(default_factory=dict)
    accepted: set[bytes] = field(default_factory=set)
    delivered: set[bytes] = field(default_factory=set)
    deliveries: int = 0
    latencies: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    answer_seconds: list[float] = field(default_factory=list)
    last_delivery: float = 0.0


class Sender(asyncio.Protocol):
    """One connection that is kept open; one webhook at a time."""

    def __init__(self) -> None:
        self.transport: Any = None
        self._received = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def post(self, request: bytes) -> "asyncio.Future[int]":
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        if self.transport is None:
            self._answer.set_result(0)
        else:
            self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._answer is None or self._answer.done():
            return
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        if len(body) >= int(length[1] if length else 0):
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)


class Listener(asyncio.Protocol):
    """One live stream."""

    def __init__(self, load: "Load", request: bytes) -> None:
        self._load = load
        self._request = request
        self._tail = b""
        self._seen: set[bytes] = set()
        self.transport: Any = None
        self.status = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = clock()
        if not self.status:
            self.status = data[9:12]
        text = self._tail + data
        self._tail = text[-ID_LENGTH + 1 :]
        tally = self._load.tally
        for id_ in ID.findall(text):
            sent_at = tally.sent_at.get(id_)
            if sent_at is None or id_ in self._seen:
                continue
            self._seen.add(id_)
            tally.latencies.append(now - sent_at)
            tally.delivered.add(id_)
            tally.deliveries += 1
            tally.last_delivery = now

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None


def webhook_body(instance: str, phone: int, name: str, text: str) -> bytes:
    """A short text as Evolution 2.3.7 sends it, about 1.1 kB; @ID@ and @TIME@ are filled in for each message."""
    devices = {"senderKeyHash": "5nDe4lAFxQ4G6A==", "senderTimestamp": "1717689000"}
    devices |= {"recipientKeyHash": "Ui7pY2e2Yb5V7w==", "recipientTimestamp": "1717680000"}
    secret = "J0z6rQd1tq3C1q8wq0P2m4Nn7Z1bq0w7c2r9S1t8u6A="
    about = {"deviceListMetadata": devices, "deviceListMetadataVersion": 2, "messageSecret": secret}
    record = {
        "key": {"remoteJid": f"{phone}@s.whatsapp.net", "fromMe": False, "id": "@ID@"},
        "pushName": name,
        "status": "DELIVERY_ACK",
        "message": {"conversation": text, "messageContextInfo": about},
        "contextInfo": None,
        "messageType": "conversation",
        "messageTimestamp": "@TIME@",
        "instanceId": "0f6b1f1e-3f5a-4b8a-9d0c-1a2b3c4d5e6f",
        "source": "android",
    }
    envelope = {
        "event": "messages.upsert",
        "instance": instance,
        "data": record,
        "destination": "https://box.example.com/api/webhooks/whatsapp/evolution",
        "date_time": "2026-11-23T12:00:00.000Z",
        "sender": "5511900000000@s.whatsapp.net",
        "server_url": "https://evolution.example.com",
        "apikey": "B6D711FCDE4D4FD5936544120E713976",
    }
    return json.dumps(envelope, separators=(",", ":")).replace('"@TIME@"', "@TIME@").encode()


class Load:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self._prefix = b"HB%08x" % random.getrandbits(32)
        self._count = 0
        self._listeners: list[Listener] = []
        self._bodies = [
            [self._body(number, target, contact) for contact in range(plan.contacts)]
            for number, target in enumerate(plan.targets)
        ]
        self._heads = [self._head(target) for target in plan.targets]

    def _body(self, number: int, target: Target, contact: int) -> bytes:
        rand = random.Random(number * 1_000 + contact)
        text = " ".join(rand.choices(WORDS, k=WORDS_EACH))
        return webhook_body(target.instance, 5511900000000 + number * 100_000 + contact, f"Cliente {contact}", text)

    def _head(self, target: Target) -> bytes:
        host = f"{self.plan.host}:{self.plan.port}"
        return f"POST {target.webhook_path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n".encode()

    def _request(self, number: int, contact: int) -> tuple[bytes, bytes]:
        self._count += 1
        id_ = self._prefix + b"%010x" % self._count
        body = self._bodies[number][contact].replace(b"@ID@", id_).replace(b"@TIME@", b"%d" % time.time())
        signature = hmac.digest(self.plan.targets[number].secret.encode(), body, "sha256").hex()
        signed = f"{self.plan.signature_header}: {self.plan.signature_prefix}{signature}\r\n".encode()
        return id_, self._heads[number] + signed + b"Content-Length: %d\r\n\r\n" % len(body) + body

    async def _send(self, sender: Sender, number: int, contact: int) -> int:
        tally = self.tally
        id_, request = self._request(number, contact)
        before = tally.sent_at[id_] = clock()
        status = await sender.post(request)
        tally.answer_seconds.append(clock() - before)
        tally.answers[str(status)] += 1
        if 200 <= status < 300:
            tally.accepted.add(id_)
        return status

    async def _connect(self, factory: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(factory, self.plan.host, self.plan.port))[1]

    async def open_streams(self) -> None:
        for count in range(self.plan.streams):
            target = self.plan.targets[count % len(self.plan.targets)]
            lines = [f"GET {target.stream_path} HTTP/1.1", f"Host: {self.plan.host}:{self.plan.port}"]
            lines += [
                "Accept: text/event-stream",
                *(f"{name}: {value}" for name, value in target.stream_headers.items()),
            ]
            request = "\r\n".join([*lines, "", ""]).encode()
            self._listeners.append(await self._connect(lambda request=request: Listener(self, request)))
            if count % 20 == 19:
                await asyncio.sleep(0.01)
        until = clock() + 30
        while any(not one.status for one in self._listeners) and clock() < until:
            await asyncio.sleep(0.05)
        refused = Counter(one.status.decode() for one in self._listeners if one.status != b"200")
        if refused:
            raise SystemExit(f"streams were not opened: {dict(refused)}")

    async def everybody_writes(self) -> None:
        """Each contact once, so that no measured message has to make a person and a conversation."""
        waiting = [(number, contact) for contact in range(self.plan.contacts) for number in range(len(self._bodies))]

        async def one_sender() -> None:
            sender = await self._connect(Sender)
            while waiting:
                await self._send(sender, *waiting.pop())
            if sender.transport is not None:
                sender.transport.close()

        await asyncio.gather(*(one_sender() for _ in range(32)))
        await self._drained()

    async def saturate(self, until: float) -> None:
        """A new webhook leaves as soon as the last one on its connection is answered."""

        async def one_sender() -> None:
            sender = await self._connect(Sender)
            while clock() < until:
                if await self._send(sender, *self._anybody()) == 0:
                    raise SystemExit("the server closed a connection")
            sender.transport.close()

        await asyncio.gather(*(one_sender() for _ in range(self.plan.connections)))

    async def keep_pace(self, until: float) -> None:
        """Webhooks leave when they are due, whatever became of the earlier ones."""
        idle: list[Sender] = [await self._connect(Sender) for _ in range(self.plan.connections or 64)]
        running: set[asyncio.Task[None]] = set()

        async def one(sender: Sender) -> None:
            if await self._send(sender, *self._anybody()) == 0:
                sender = await self._connect(Sender)
            idle.append(sender)

        began, count = clock(), 0
        while (now := clock()) < until:
            while count < (now - began) * self.plan.rate:
                count += 1
                if not idle:
                    self.tally.answers["not sent: no connection free"] += 1
                    continue
                task = asyncio.ensure_future(one(idle.pop()))
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.sleep(max(0.0005, (count + 1) / self.plan.rate - (clock() - began)))
        if running:
            await asyncio.wait(running, timeout=10)
        for sender in idle:
            if sender.transport is not None:
                sender.transport.close()

    def _anybody(self) -> tuple[int, int]:
        return random.randrange(len(self._bodies)), random.randrange(self.plan.contacts)

    async def _drained(self) -> None:
        """Until every accepted message was seen on a stream, or hope is lost."""
        if not self._listeners:
            return
        count, since = -1, clock()
        began = since
        while self.tally.accepted - self.tally.delivered:
            if len(self.tally.delivered) != count:
                count, since = len(self.tally.delivered), clock()
            elif clock() - since > PATIENCE_SECONDS or clock() - began > LONGEST_DRAIN_SECONDS:
                return
            await asyncio.sleep(0.02)

    async def _stretch(self, seconds: float) -> None:
        until = clock() + seconds
        if self.plan.rate:
            await self.keep_pace(until)
        elif self.plan.connections:
            await self.saturate(until)
        else:
            await asyncio.sleep(seconds)

    async def run(self) -> dict[str, Any]:
        await self.open_streams()
        if self.plan.rate or self.plan.connections:
            await self.everybody_writes()
        await self._stretch(self.plan.warm_up_seconds)
        await self._drained()
        self.tally = Tally()
        watch = Stopwatch(self.plan.watched)
        watch.start()
        began = clock()
        await self._stretch(self.plan.seconds)
        loaded_until = clock()
        await self._drained()
        watch.stop()
        report = self._report(watch, began, loaded_until, clock())
        for listener in self._listeners:
            if listener.transport is not None:
                listener.transport.abort()
        return report

    def _report(self, watch: Stopwatch, began: float, loaded_until: float, ended: float) -> dict[str, Any]:
        tally = self.tally
        messages = max(1, len(tally.delivered) or len(tally.accepted))
        delivered_until = max(tally.last_delivery, loaded_until)
        lost_streams = sum(one.transport is None for one in self._listeners)
        return {
            "seconds": loaded_until - began,
            "answers": dict(tally.answers),
            "accepted": len(tally.accepted),
            "accepted_per_second": len(tally.accepted) / (loaded_until - began),
            "delivered": len(tally.delivered),
            "deliveries": tally.deliveries,
            "delivered_per_second": len(tally.delivered) / (delivered_until - began),
            "missing": len(tally.accepted - tally.delivered),
            "streams": len(self._listeners) - lost_streams,
            "streams_lost": lost_streams,
            "latency_ms": percentiles(tally.latencies),
            "answer_ms": percentiles(tally.answer_seconds),
            "cpu": {
                one.name: {
                    "pct": 100 * watch.seconds[one.name] / (ended - began),
                    "us_per_message": 1e6 * watch.seconds[one.name] / messages,
                    "kernel_us_per_message": 1e6 * watch.system_seconds[one.name] / messages,
                    "main_thread_us_per_message": 1e6 * watch.main_thread_seconds[one.name] / messages,
                    "rss_mb": memory(family(one.pid) if one.with_children else [one.pid]).rss_mb,
                    "pss_mb": memory(family(one.pid) if one.with_children else [one.pid]).pss_mb,
                }
                for one in self.plan.watched
            },
            "load_cpu_pct": 100 * watch.own_seconds / (ended - began),
            "other_cpu_pct": 100 * watch.other_seconds / (ended - began),
        }


def percentiles(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {f"p{part}": 1000 * ordered[min(last, len(ordered) * part // 100)] for part in (50, 95, 99, 100)}


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plan = Plan.from_json(sys.stdin.read())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(Load(plan).run())
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
