"""A receiving process of its own on the shared servers, and senders that knock at its door over real connections."""

import hmac
import http.client
import json
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hunfly_box.ingest.receiver import PATH
from hunfly_box.kit.database import Scope
from tests.chaos.boxes import BoxProcess
from tests.conftest import Box
from tests.integration.ingest.harness import SECRETS, add_channel, upsert

CHAT = "5511977770000@s.whatsapp.net"
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """Zero: the connection broke, and nobody knows what became of the delivery."""

    status: int
    seconds: float


@dataclass
class Front:
    box: Box
    process: BoxProcess
    instance: str

    @property
    def path(self) -> str:
        return f"{PATH}/{self.instance}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=ANSWER_SECONDS)

    def head(self, body: bytes) -> dict[str, str]:
        signature = hmac.digest(SECRETS["hmac"].encode(), body, "sha256").hex()
        return {"Content-Type": "application/json", "X-Webhook-Signature": signature}

    def post(self, connection: http.client.HTTPConnection, body: bytes, **headers: str) -> Answer:
        began = time.perf_counter()
        try:
            connection.request("POST", self.path, body, self.head(body) | headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return Answer(0, time.perf_counter() - began)
        return Answer(answer.status, time.perf_counter() - began)

    def post_all(self, bodies: Iterable[bytes], threads: int = 8) -> list[Answer]:
        """By so many senders side by side, each on one connection."""
        waiting, answers, lock = iter(bodies), [], threading.Lock()

        def send() -> None:
            connection = self.connect()
            while True:
                with lock:
                    body = next(waiting, None)
                if body is None:
                    break
                answer = self.post(connection, body)
                with lock:
                    answers.append(answer)
            connection.close()

        crowd = [threading.Thread(target=send) for _ in range(threads)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        return answers

    def text(self, id_: str, text: str = "oi") -> bytes:
        return json.dumps(upsert(self.instance, CHAT, id_, text)).encode()

    def texts(self, name: str, count: int) -> list[bytes]:
        return [self.text(f"{name}-{n}") for n in range(count)]

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        with self.box.resources.database.transaction(Scope.system(self.box.cast.tenant_a)) as tx:
            return tx.all(dict, sql, **params)

    def execute(self, sql: str, **params: Any) -> None:
        with self.box.resources.database.transaction(Scope.system(self.box.cast.tenant_a)) as tx:
            tx.execute(sql, **params)

    def resident_mb(self) -> float:
        assert self.process.process is not None
        for line in Path(f"/proc/{self.process.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the process is gone")


def slowest(answers: Sequence[Answer], share: float = 0.99) -> float:
    """Seconds within which that share was answered."""
    ordered = sorted(one.seconds for one in answers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@contextmanager
def front_of(box: Box, instance: str) -> Iterator[Front]:
    """Not started yet."""
    add_channel(box.resources, box.cast.tenant_a, instance, route_key=instance)
    folder = Path(box.environment["HUNFLY_DATA_DIR"])
    process = BoxProcess(folder, folder / f"{instance}.log", role="web", environment=box.environment)
    try:
        yield Front(box, process, instance)
    finally:
        if process.is_running():
            process.kill()
