"""The same world as the inbox's tests: a tenant with a number, and customers who write to it."""

from tests.integration.inbox.conftest import programs, strangers_world, world

__all__ = ["programs", "strangers_world", "world"]
