"""Which channel a delivery is for, and which secrets prove it. Held in memory; read anew when it may have changed."""

import logging
import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from hunfly_box.ingest.proof import Secrets
from hunfly_box.kit.crypto import SealBroken, Sealer
from hunfly_box.kit.database import Database

log = logging.getLogger(__name__)

# Changes made by other processes are seen this late at most.
REFRESH_SECONDS = 2.0
# Strangers who ask for routes that do not exist must not make us read the table for each.
MISS_REFRESH_SECONDS = 0.5

ROUTES = "SELECT * FROM app.channel_routes()"
STAMP = "SELECT count(*) AS count, max(version) AS newest FROM app.channel_routes()"


@dataclass(frozen=True, slots=True)
class Channel:
    """`tenant` and `id` as text: they go into statements, not into comparisons."""

    tenant_id: UUID
    channel_id: UUID
    tenant: str
    id: str
    provider: str
    instance: str
    route_key: str
    locale: str
    secrets: tuple[Secrets, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    tenant_id: UUID
    channel_id: UUID
    provider: str
    instance: str
    route_key: str
    secrets: bytes
    version: int
    locale: str


class Routes:
    """`refresh` blocks and runs in threads; look-ups run in the event loop on what the last refresh left."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        """`database` logs in as hb_ingest."""
        self._database = database
        self._sealer = sealer
        self._lock = threading.Lock()
        self._tried_at = 0.0
        # When the last read that succeeded began; what was written before is in it.
        self.read_at = 0.0
        self._stamp: tuple[int, int | None] | None = None
        self._opened: dict[UUID, tuple[bytes, Channel]] = {}
        self._by_route: dict[str, Channel] = {}
        self._by_instance: dict[str, tuple[Channel, ...]] = {}
        self._by_id: dict[UUID, Channel] = {}
        self.is_loaded = False

    def of_route(self, route_key: str) -> Channel | None:
        return self._by_route.get(route_key)

    def of_instance(self, instance: str) -> tuple[Channel, ...]:
        return self._by_instance.get(instance, ())

    def of_id(self, channel_id: UUID) -> Channel | None:
        return self._by_id.get(channel_id)

    @property
    def seconds_to_next_read(self) -> float:
        """For those who look for what is not there."""
        return max(0.0, self._tried_at + MISS_REFRESH_SECONDS - time.monotonic())

    def refresh(self) -> None:
        with self._lock:
            began = self._tried_at = time.monotonic()
            with self._database.fenced() as tx:
                count, newest = tx.one(_stamp, STAMP)
                if (count, newest) == self._stamp:
                    self.read_at = began
                    return
                lines = tx.all(_Line, ROUTES)
            self._stamp = (count, newest)
            self._replace(channel for line in lines if (channel := self._channel(line)) is not None)
            self.is_loaded = True
            self.read_at = began

    def _channel(self, line: _Line) -> Channel | None:
        """Opening costs; only what was sealed anew is opened again."""
        known = self._opened.get(line.channel_id)
        if (
            known is not None
            and known[0] == line.secrets
            and known[1].instance == line.instance
            and known[1].route_key == line.route_key
            and known[1].locale == line.locale
        ):
            return known[1]
        place = f"channels.secrets/{line.tenant_id}/{line.channel_id}"
        try:
            secrets = tuple(read_secrets(self._sealer.open(line.secrets, place)))
        except (SealBroken, ValueError):
            log.error("the secrets of channel %s do not open; its deliveries are refused", line.channel_id)
            secrets = ()
        channel = Channel(
            line.tenant_id,
            line.channel_id,
            str(line.tenant_id),
            str(line.channel_id),
            line.provider,
            line.instance,
            line.route_key,
            line.locale,
            secrets,
        )
        self._opened[line.channel_id] = (line.secrets, channel)
        return channel

    def _replace(self, channels: Iterable[Channel]) -> None:
        by_route: dict[str, Channel] = {}
        by_instance: dict[str, tuple[Channel, ...]] = {}
        by_id: dict[UUID, Channel] = {}
        for channel in channels:
            by_route[channel.route_key] = channel
            by_id[channel.channel_id] = channel
            by_instance[channel.instance] = (*by_instance.get(channel.instance, ()), channel)
        self._by_route, self._by_instance, self._by_id = by_route, by_instance, by_id
        for gone in self._opened.keys() - by_id.keys():
            del self._opened[gone]


def _stamp(count: int, newest: int | None) -> tuple[int, int | None]:
    return count, newest


def read_secrets(plain: bytes) -> list[Secrets]:
    """The current set, and the previous one while a rotation lasts. Raises ValueError."""
    sealed: dict[str, Any] = msgspec.json.decode(plain)
    found = [_secrets(sealed)]
    previous = sealed.get("previous")
    if isinstance(previous, dict):
        found.append(_secrets({**sealed, **previous}))
    return found


def _secrets(fields: dict[str, Any]) -> Secrets:
    try:
        return Secrets(
            hmac=fields["hmac"].encode(),
            header_name=fields["header_name"].lower().encode(),
            header_value=fields["header_value"].encode(),
            jwt_key=fields["jwt_key"].encode(),
            until=float(fields.get("until", math.inf)),
        )
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError("secrets are incomplete") from error
