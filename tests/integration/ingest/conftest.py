"""One channel of tenant A for each test, named after it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Box
from tests.integration.ingest.harness import add_channel, rows

MESSAGES = """
SELECT m.* FROM app.messages m JOIN app.channels c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id
WHERE c.instance = :instance ORDER BY m.sent_at, m.provider_id
"""
CONVERSATIONS = """
SELECT v.*, k.phone, k.push_name, k.name FROM app.conversations v
JOIN app.contacts k ON k.tenant_id = v.tenant_id AND k.id = v.contact_id
JOIN app.channels c ON c.tenant_id = v.tenant_id AND c.id = v.channel_id
WHERE c.instance = :instance ORDER BY v.id
"""

Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def instance(box: Box, request: pytest.FixtureRequest) -> str:
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:80]
    add_channel(box.resources, box.cast.tenant_a, name)
    return name


@pytest.fixture
def read(box: Box) -> Read:
    def rows_of(sql: str, **params: Any) -> list[dict[str, Any]]:
        return rows(box.resources, box.cast.tenant_a, sql, **params)

    return rows_of


@pytest.fixture
def messages(read: Read, instance: str) -> Callable[[], list[dict[str, Any]]]:
    return lambda: read(MESSAGES, instance=instance)


@pytest.fixture
def conversations(read: Read, instance: str) -> Callable[[], list[dict[str, Any]]]:
    return lambda: read(CONVERSATIONS, instance=instance)
