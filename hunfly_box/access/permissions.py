"""The one table of who may do what. Guards, the pages' rail and the tests read it; policies repeat its reach in SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hunfly_box.access.viewer import AGENT, MANAGER, RESELLER, SUPER_ADMIN, TENANT_ADMIN, Viewer

# The permission of a route that everybody may call, signed in or not.
PUBLIC = "public"

# What a token of the box's owner may hold beyond the scopes of the role they have in its tenant.
BOX_SCOPES = frozenset({"metrics:read"})


class Reach(StrEnum):
    """How far a role's permission goes. Narrower than ALL is enforced by the policies, or by the query it is about."""

    ALL = "all"  # everything in the person's own scope: the box, the reseller's tenants, the tenant
    SEEN = "seen"  # what is assigned to the agent and, where the tenant allows it, the unassigned queue
    ASSIGNED = "assigned"  # what is assigned to the agent, not the queue
    OWN = "own"  # the person's own records
    NAMES = "names"  # names only


@dataclass(frozen=True, slots=True)
class Permission:
    """`scope` is what an API token must hold for it; None: not for tokens at all."""

    reach: Mapping[str, Reach]
    scope: str | None = None


def _team(agent: Reach | None, scope: str | None, manager: Reach | None = Reach.ALL) -> Permission:
    """Of people inside a tenant; its admin has it whole."""
    wanted = {TENANT_ADMIN: Reach.ALL, MANAGER: manager, AGENT: agent}
    return Permission({role: reach for role, reach in wanted.items() if reach is not None}, scope)


EVERYBODY = dict.fromkeys((SUPER_ADMIN, RESELLER, TENANT_ADMIN, MANAGER, AGENT), Reach.OWN)
DESKS = {SUPER_ADMIN: Reach.ALL, RESELLER: Reach.ALL}

PERMISSIONS: dict[str, Permission] = {
    # The box and its tenants
    "metrics.read": Permission({SUPER_ADMIN: Reach.ALL}, "metrics:read"),
    "health.deep": Permission({SUPER_ADMIN: Reach.ALL}, "metrics:read"),
    "tenant.list": Permission(DESKS),
    "tenant.create": Permission(DESKS),
    "tenant_settings.read": _team(agent=None, scope=None),
    "tenant_settings.update": _team(agent=None, scope=None, manager=None),
    # Oneself
    "profile.read": Permission(EVERYBODY),
    "profile.update": Permission(EVERYBODY),
    "session.end": Permission(EVERYBODY),
    "session.switch_tenant": Permission(EVERYBODY),
    # People
    "user.list": _team(agent=Reach.NAMES, scope="users:read"),
    # Numbers
    "channel.read": _team(agent=Reach.NAMES, scope="channels:read"),
    "channel.create": _team(agent=None, scope=None, manager=None),
    "channel.connect": _team(agent=None, scope=None, manager=None),
    "channel.disconnect": _team(agent=None, scope=None, manager=None),
    "channel.update": _team(agent=None, scope=None, manager=None),
    # What came in and could not be used
    "journal.list": _team(agent=None, scope=None),
    "journal.show": _team(agent=None, scope=None, manager=None),
    "journal.replay": _team(agent=None, scope=None),
    # Conversations
    "conversation.read": _team(Reach.SEEN, "conversations:read"),
    "conversation.update": _team(Reach.SEEN, "conversations:write"),
    "conversation.assign": _team(Reach.SEEN, "conversations:write"),
    "message.read": _team(Reach.SEEN, "messages:read"),
    "message.send": _team(Reach.SEEN, "messages:write"),
    "message.start": _team(Reach.ALL, "messages:write"),
    "message.retry": _team(Reach.ASSIGNED, "messages:write"),
    "message.edit": _team(Reach.OWN, "messages:write"),
    "message.delete": _team(Reach.OWN, "messages:write"),
    "message.react": _team(Reach.SEEN, "messages:write"),
    "draft.write": _team(Reach.OWN, None),
    "media.read": _team(Reach.SEEN, "media:read"),
    "media.upload": _team(Reach.ALL, "media:write"),
    "media.retry": _team(Reach.SEEN, "media:write"),
    "search.messages": _team(Reach.SEEN, "messages:read"),
    "live.read": _team(Reach.SEEN, "live:read"),
    # People who write to us
    "contact.read": _team(Reach.SEEN, "contacts:read"),
    "contact.update": _team(Reach.SEEN, "contacts:write"),
    "contact.block": _team(Reach.SEEN, "contacts:write"),
    # Labels
    "label.read": _team(Reach.ALL, "labels:read"),
    "label.write": _team(agent=None, scope="labels:write"),
}


def reach(role: str, permission: str) -> Reach | None:
    return PERMISSIONS[permission].reach.get(role)


def may(viewer: Viewer, permission: str) -> bool:
    """Raises KeyError for a permission that is not in the table: a typing mistake must not pass for a refusal."""
    rule = PERMISSIONS[permission]
    if viewer.role not in rule.reach:
        return viewer.is_box_admin and viewer.scopes is not None and _by_box_token(viewer.scopes, rule)
    return viewer.scopes is None or (rule.scope is not None and rule.scope in viewer.scopes)


def scopes_of(role: str) -> frozenset[str]:
    """Every scope a token of this role may hold."""
    return frozenset(rule.scope for rule in PERMISSIONS.values() if rule.scope is not None and role in rule.reach)


def _by_box_token(scopes: frozenset[str], rule: Permission) -> bool:
    """A box owner's token belongs to a tenant, as all tokens do; the box's own figures are open to it all the same."""
    return SUPER_ADMIN in rule.reach and rule.scope is not None and rule.scope in scopes
