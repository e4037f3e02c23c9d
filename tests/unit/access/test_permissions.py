"""The table itself: complete, without surprises."""

import pytest

from hunfly_box.access.permissions import PERMISSIONS, PUBLIC, Reach, scopes_of
from hunfly_box.access.viewer import AGENT, MANAGER, RESELLER, ROLES, SUPER_ADMIN, TENANT_ADMIN

ABOUT_CONTENT = ("conversation.", "message.", "media.", "contact.", "search.", "live.", "draft.", "label.")


def test_those_who_look_after_tenants_may_touch_no_content() -> None:
    for name, rule in PERMISSIONS.items():
        if name.startswith(ABOUT_CONTENT):
            assert not {SUPER_ADMIN, RESELLER} & rule.reach.keys(), name


def test_an_agent_reads_no_conversation_but_their_own_and_the_queue() -> None:
    for name in ("conversation.read", "message.read", "media.read", "search.messages", "live.read"):
        assert PERMISSIONS[name].reach[AGENT] is Reach.SEEN


def test_nobody_below_has_what_the_admin_of_the_tenant_lacks() -> None:
    for name, rule in PERMISSIONS.items():
        if {MANAGER, AGENT} & rule.reach.keys():
            assert TENANT_ADMIN in rule.reach, name


def test_roles_and_scopes_are_spelt_as_everywhere() -> None:
    assert PUBLIC not in PERMISSIONS
    for rule in PERMISSIONS.values():
        assert rule.reach.keys() <= set(ROLES)
        assert rule.scope is None or rule.scope.count(":") == 1


@pytest.mark.parametrize("name", [name for name in PERMISSIONS if name.startswith(("profile.", "session.", "tenant_"))])
def test_no_token_acts_for_a_persons_own_account_or_the_tenants_settings(name: str) -> None:
    assert PERMISSIONS[name].scope is None


def test_a_lower_role_never_has_more_scopes() -> None:
    assert scopes_of(AGENT) < scopes_of(MANAGER) <= scopes_of(TENANT_ADMIN)
