"""Work of this slice: files to fetch, profile pictures to look for."""

from typing import Any
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.kit.database import Scope
from hunfly_box.kit.work import WorkKind
from hunfly_box.media import avatars, fetching

ATTEMPTS = """
SELECT attempts FROM app.work WHERE kind = 'media.fetch' AND dedup_key = :media_id AND state = 'claimed'
"""


def fetch(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        attempts = tx.scalar(ATTEMPTS, media_id=payload["media_id"]) or 0
    is_last_try = attempts >= fetching.MOST_ATTEMPTS
    fetching.fetch(resources, tenant_id, UUID(payload["media_id"]), is_last_try=is_last_try)


def fetch_avatar(resources: Resources, tenant_id: UUID, payload: dict[str, Any]) -> None:
    avatars.fetch(resources, tenant_id, UUID(payload["contact_id"]))


WORK = {
    "media.fetch": WorkKind(fetch, lease_seconds=300, max_attempts=fetching.MOST_ATTEMPTS),
    "contacts.avatar": WorkKind(fetch_avatar, lease_seconds=120, max_attempts=4),
}
