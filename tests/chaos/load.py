"""Who writes: customers through the engine, strangers by signed deliveries, people by REST. Each line in its order."""

import hmac
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import urllib3

from hunfly_box.channels.commands import WEBHOOK_PATH
from hunfly_box.kit.ids import new_id
from tests.chaos.history import History, Said
from tests.chaos.world import Shop, World

# A final answer of the receiver would lose the message at a real engine.
FINAL = (400, 401, 403, 404, 422)
RETRY_SECONDS = 0.2
# A box that starts on a busy machine is away for long; nobody may give up because of that.
GIVE_UP_SECONDS = 150.0


@dataclass
class Load:
    """`pace`: seconds between two messages of one kind. It runs until `stop`; `finish` waits for the last answers."""

    world: World
    history: History
    seed: int = 1
    customer_pace: float = 0.25
    stranger_pace: float = 0.25
    reply_pace: float = 0.4
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._attempts_seen = 0
        self._http = urllib3.PoolManager(
            maxsize=16, retries=False, timeout=urllib3.Timeout(connect=1, read=15), block=False
        )

    def start(self) -> None:
        for n, shop in enumerate(self.world.shops):
            for work in (self._customers, self._strangers, self._people):
                dice = random.Random(f"{self.seed}/{n}/{work.__name__}")
                thread = threading.Thread(target=self._guarded, args=(work, shop, dice), daemon=True)
                thread.start()
                self._threads.append(thread)
        thread = threading.Thread(target=self._guarded, args=(self._listen_to_engine, None, None), daemon=True)
        thread.start()
        self._threads.append(thread)

    def finish(self, seconds: float = 90.0) -> None:
        """Nothing new; what was asked is asked on until it is answered."""
        self._stopping.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.1, until - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), "somebody never got an answer"
        self.world.sim.wait_idle(max(5.0, until - time.monotonic()))
        self._note_answers()
        assert not self.errors, self.errors

    def engine_forgets(self, command: str, **fields: Any) -> None:
        """What waited in its memory is gone with it, and nobody had taken it."""
        self._note_answers()
        self.world.sim.command(command, **fields)
        strangers = {number for shop in self.world.shops for number in shop.strangers}
        waiting = [one for one in self.history.all_of("in") if one.answered is None and one.line not in strangers]
        self.history.forgotten.update(one.text for one in waiting)
        self.history.has_died = True

    def abandon(self) -> None:
        """At the end of a failed test: the threads end by themselves."""
        self._stopping.set()

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001  the test's thread must hear why
            self.errors.append(f"{work.__name__}: {type(error).__name__}: {error}")

    def _rounds(self, lines: list[Any], pace: float, dice: random.Random) -> Iterator[tuple[Any, int]]:
        n = 0
        while not self._stopping.is_set():
            yield lines[n % len(lines)], n // len(lines)
            n += 1
            self._stopping.wait(pace * dice.uniform(0.2, 1.8))

    def _customers(self, shop: Shop, dice: random.Random) -> None:
        for customer, n in self._rounds(shop.customers, self.customer_pace, dice):
            said = Said(shop.slug, customer.number, n, f"{shop.canary} cliente {customer.number} n{n}")
            self.history.note("in", said)
            self.world.sim.receive(shop.instance, customer.id, said.text)

    def _listen_to_engine(self, *_: None) -> None:
        """The engine remembers its last attempts only."""
        while not self._stopping.wait(1.0):
            self._note_answers()

    def _note_answers(self) -> None:
        for attempt in self.world.sim.deliveries():
            if attempt.status is None and attempt.error is None:
                continue
            if attempt.status in (200, 202) and attempt.event == "messages.upsert":
                text = _text_of(json.loads(attempt.body))
                said = self.history.customers.get(text)
                if said is not None and said.answered is None:
                    said.answered = time.monotonic()
            if attempt.n > self._attempts_seen:
                self.history.count(f"webhook {attempt.status or 'unanswered'}")
                if attempt.status in FINAL:
                    self.errors.append(f"the receiver answered the engine {attempt.status}")
                self._attempts_seen = attempt.n

    def _strangers(self, shop: Shop, dice: random.Random) -> None:
        for number, n in self._rounds(shop.strangers, self.stranger_pace, dice):
            said = self.history.note("in", Said(shop.slug, number, n, f"{shop.canary} direto {number} n{n}"))
            body = upsert(shop.instance, number, said.text)
            # By its route or by the instance's name: both roads are open.
            path = shop.webhook_path if n % 2 else WEBHOOK_PATH
            while said.answered is None:
                status = self.deliver(shop, path, body)
                self.history.count(f"signed {status or 'unanswered'}")
                if status in (200, 202):
                    said.answered = time.monotonic()
                elif status in FINAL:
                    raise AssertionError(f"a good delivery was answered {status}")
                else:
                    self._patience(said)

    def deliver(self, shop: Shop, path: str, body: bytes, base: str = "") -> int:
        """A signed delivery; the answer's status, zero without one."""
        signature = hmac.digest(shop.secrets.hmac.encode(), body, "sha256").hex()
        headers = {"Content-Type": "application/json", "X-Webhook-Signature": signature}
        return self._ask("POST", path, headers, body, base)[0]

    def _people(self, shop: Shop, dice: random.Random) -> None:
        for customer, n in self._rounds(shop.customers, self.reply_pace, dice):
            said = Said(shop.slug, customer.conversation_id, n, f"{shop.canary} resposta {customer.number} n{n}")
            self.history.note("out", said)
            body = json.dumps({"type": "text", "text": said.text}).encode()
            headers = {**shop.headers, "Content-Type": "application/json", "Idempotency-Key": new_id().hex}
            path = f"/api/v1/conversations/{customer.conversation_id}/messages"
            while said.answered is None:
                status, answer = self._ask("POST", path, headers, body)
                self.history.count(f"reply {status or 'unanswered'}")
                if status == 201:
                    said.message_id = json.loads(answer)["id"]
                    said.answered = time.monotonic()
                elif status in (400, 401, 403, 404, 422):
                    raise AssertionError(f"a good reply was answered {status}: {answer[:300]!r}")
                else:
                    self._patience(said)

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes, base: str = "") -> tuple[int, bytes]:
        """Zero: no answer, and nobody knows what became of it."""
        try:
            answer = self._http.request(method, (base or self.world.url) + path, headers=headers, body=body)
        except urllib3.exceptions.HTTPError:
            return 0, b""
        return answer.status, answer.data

    def _patience(self, said: Said) -> None:
        if time.monotonic() - said.invoked > GIVE_UP_SECONDS:
            raise AssertionError(f"nobody took {said.text!r}")
        time.sleep(RETRY_SECONDS)


def upsert(instance: str, number: str, text: str) -> bytes:
    """What the engine says of a customer's message."""
    key = {"remoteJid": f"{number}@s.whatsapp.net", "fromMe": False, "id": new_id().hex.upper()}
    data = {
        "key": key,
        "pushName": f"Direto {number[-4:]}",
        "message": {"conversation": text},
        "messageType": "conversation",
        "messageTimestamp": int(time.time()),
    }
    return json.dumps({"event": "messages.upsert", "instance": instance, "data": data}).encode()


def _text_of(payload: dict[str, Any]) -> str:
    message = payload.get("data", {}).get("message") or {}
    return str(message.get("conversation") or message.get("extendedTextMessage", {}).get("text") or "")
