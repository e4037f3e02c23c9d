"""Settings → resources: the only place where the long-lived objects of the process are built."""

import uuid
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import redis

from hunfly_box.config import Settings
from hunfly_box.kit.crypto import Sealer, load_or_make_key
from hunfly_box.kit.database import Database, Publish
from hunfly_box.kit.logging import PHONES
from hunfly_box.kit.logins import Logins
from hunfly_box.kit.paths import DataFolder
from hunfly_box.kit.redis import connect
from hunfly_box.kit.templates import Templates
from hunfly_box.kit.unscoped import ControlDatabase

if TYPE_CHECKING:
    from hunfly_box.kit.hub import Hub


@dataclass
class Resources:
    """What every part of the process shares. `publish` is set by the composition root (reactions.connect)."""

    settings: Settings
    logins: Logins
    database: Database
    control: ControlDatabase
    redis: "redis.Redis"
    redis_url: str
    sealer: Sealer
    hub: "Hub"
    process_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @cached_property
    def templates(self) -> Templates:
        return Templates()

    @property
    def media_folder(self) -> Path:
        return DataFolder(self.settings.data_dir).media

    def publish_through(self, publish: Publish) -> None:
        self.database.publish = publish
        self.control.publish = publish

    def close(self) -> None:
        self.database.close()
        self.control.close()
        self.redis.close()


def build_resources(settings: Settings, logins: Logins, redis_url: str, hub: "Hub") -> Resources:
    """Connections open on first use, so this does not fail for a server that is away. Raises KeyFileError."""
    key = load_or_make_key(DataFolder(settings.data_dir).keys / "secrets.key")
    PHONES.use_key(key)
    return Resources(
        settings=settings,
        logins=logins,
        database=Database(logins.app, pool_size=settings.workers),
        control=ControlDatabase(logins.admin),
        redis=connect(redis_url),
        redis_url=redis_url,
        sealer=Sealer(key),
        hub=hub,
    )
