"""What a committed transaction announces: something on screens changed, or work is waiting.

Both carry ids only. Losing one costs a moment: screens catch up by their cursor, work by the sweeper.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

ChangeKind = Literal["message", "conversation", "channel", "contact", "label", "access"]


@dataclass(frozen=True, slots=True)
class Changed:
    """A screen may show this. Kind "access": what this user may see has changed (role, disabled, sessions)."""

    tenant_id: UUID
    kind: ChangeKind
    entity_id: UUID
    conversation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """Wakes a worker for a row that is already committed. `job` is a name of the worker's table.

    `is_urgent`: somebody looks at the screen and waits; it overtakes what is only to be done some time.
    """

    job: str
    tenant_id: UUID
    entity_id: UUID
    is_urgent: bool = False
