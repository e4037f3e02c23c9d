"""Work of this slice: files to fetch, profile pictures to look for."""

from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.kit.work import WorkKind
from hunfly_box.media import avatars, fetching


def fetch(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
    fetching.fetch(resources, tenant_id, UUID(payload["media_id"]))


def give_up(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
    fetching.give_up(resources, tenant_id, UUID(payload["media_id"]))


def fetch_avatar(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
    avatars.fetch(resources, tenant_id, UUID(payload["contact_id"]))


WORK = {
    "media.fetch": WorkKind(
        fetch, lease_seconds=300, max_attempts=fetching.MOST_ATTEMPTS, asks_provider=True, on_parked=give_up
    ),
    "contacts.avatar": WorkKind(fetch_avatar, lease_seconds=120, max_attempts=4, asks_provider=True),
}
