"""How a simulator is set up. Times are the real engine's; `time_scale` shrinks them all for tests."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Retry:
    max_attempts: int = 10
    initial_seconds: float = 5.0
    max_seconds: float = 300.0
    jitter: float = 0.2
    non_retryable: tuple[int, ...] = (400, 401, 403, 404, 422)

    def wait(self, attempt: int, dice: random.Random) -> float:
        wanted = min(self.initial_seconds * 2.0 ** (attempt - 1), self.max_seconds)
        return max(self.initial_seconds, wanted * dice.uniform(1 - self.jitter, 1 + self.jitter))


@dataclass
class Options:
    host: str = "127.0.0.1"
    port: int = 0
    # None: no second port; the page is then at /phone/ of the only one.
    phone_port: int | None = None
    api_key: str = field(default_factory=lambda: secrets.token_hex(24))
    time_scale: float = 1.0
    # Where conversations outlive a restart; None keeps everything in memory.
    state_dir: Path | None = None
    sample: bool = False
    seed: int | None = None
    retry: Retry = field(default_factory=Retry)
    webhook_timeout_seconds: float = 30.0
    # The published image runs in São Paulo time.
    clock_offset_hours: float = -3.0
    # The engine's own default puts the number's token into every webhook body.
    expose_token: bool = True
    qr_seconds: float = 45.0
    qr_limit: int = 30
    server_url: str = ""
    # Receipts climb by themselves; off, a test moves them with the `status` command.
    automatic_receipts: bool = True
