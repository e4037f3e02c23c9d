"""The person or program behind a request."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hunfly_box.kit.database import Scope
from hunfly_box.kit.errors import Forbidden
from hunfly_box.kit.i18n import Viewer as Language

SUPER_ADMIN = "super_admin"
RESELLER = "reseller"
TENANT_ADMIN = "tenant_admin"
MANAGER = "manager"
AGENT = "agent"
TENANT_ROLES = (TENANT_ADMIN, MANAGER, AGENT)
ROLES = (SUPER_ADMIN, RESELLER, *TENANT_ROLES)

# What the browser starts with; stored preferences lie over these.
DEFAULT_PREFERENCES: dict[str, Any] = {"sound": "soft", "desktop": False, "private": False, "single_keys": True}


@dataclass(frozen=True, slots=True)
class Viewer:
    """`scopes` is None for a browser session (all of the role), a set for an API token."""

    user_id: UUID
    name: str
    email: str
    tenant_id: UUID | None
    role: str
    scopes: frozenset[str] | None
    locale: str
    timezone: str
    theme: str
    preferences: dict[str, Any] = field(hash=False)
    session_hash: bytes | None
    csrf_token: str | None
    token_id: UUID | None = None
    tenant_name: str | None = None
    tenant_slug: str | None = None
    reseller_id: UUID | None = None
    is_box_admin: bool = False

    def scope(self) -> Scope:
        """Those at box and reseller desks have no tenant, so no content."""
        if self.tenant_id is None:
            raise Forbidden
        return Scope(self.tenant_id, self.user_id, self.role)

    @property
    def language(self) -> Language:
        """What templates need."""
        return Language(locale=self.locale, zone=self.timezone)
