"""Which conversations a list shows."""

from uuid import UUID

import pytest

from hunfly_box.inbox import filters
from hunfly_box.kit import cursors
from hunfly_box.kit.cursors import Position
from hunfly_box.kit.errors import Invalid
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.moments import rfc3339


def test_nothing_asked_is_no_condition() -> None:
    assert filters.conditions(filters.parse(), new_id()) == ("", {})
    assert filters.parse(status="", assignee="", channel="", label="") == filters.Filter()


def test_me_is_who_asks() -> None:
    me = new_id()

    sql, values = filters.conditions(filters.parse(assignee="me"), me)

    assert values == {"assignee": me}
    assert ":assignee" in sql


def test_values_never_stand_in_the_statement() -> None:
    label = new_id()

    sql, values = filters.conditions(filters.parse(status="open", label=str(label)), new_id())

    assert str(label) not in sql
    assert values == {"status": "open", "label": label}


@pytest.mark.parametrize("field", ["status", "assignee", "channel", "label"])
def test_what_is_wrong_is_named(field: str) -> None:
    with pytest.raises(Invalid) as refused:
        filters.parse(**{field: "' OR 1=1"})

    assert [error.field for error in refused.value.errors] == [field]


def test_a_cursor_comes_back_as_it_went() -> None:
    from datetime import UTC, datetime

    position = Position(datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), new_id())

    assert cursors.decode(cursors.encode(position)) == position
    assert cursors.decode(None) is None


@pytest.mark.parametrize("cursor", ["x", "!!!!", "AAAA", "W10", "é", "a" * 4000])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        cursors.decode(cursor)

    assert [error.field for error in refused.value.errors] == ["cursor"]


def test_times_are_written_in_utc_with_milliseconds() -> None:
    from datetime import datetime, timedelta, timezone

    moment = datetime(2026, 1, 2, 3, 4, 5, 678999, tzinfo=timezone(timedelta(hours=-3)))

    assert rfc3339(moment) == "2026-01-02T06:04:05.678Z"


def test_an_id_is_an_id() -> None:
    wanted = filters.parse(assignee="018f0000-0000-7000-8000-000000000000")

    assert wanted.assignee == UUID("018f0000-0000-7000-8000-000000000000")
