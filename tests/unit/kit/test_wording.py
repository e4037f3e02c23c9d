"""Values as people read them, in the viewer's language and the tenant's zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hunfly_box.kit import wording
from hunfly_box.kit.i18n import Viewer, speaking_to

AFTER_MIDNIGHT_IN_LONDON = "2026-11-23T01:30:00.000Z"


@pytest.fixture(autouse=True)
def in_sao_paulo() -> Iterator[None]:
    with speaking_to(Viewer("pt_BR", "America/Sao_Paulo")):
        yield


def test_a_time_is_shown_in_the_tenants_zone() -> None:
    assert wording.clock(AFTER_MIDNIGHT_IN_LONDON) == "22:30"
    assert wording.day_key(AFTER_MIDNIGHT_IN_LONDON) == "2026-11-22"


def test_text_datetime_and_seconds_mean_the_same_moment() -> None:
    moment = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    assert wording.iso(moment) == wording.iso(AFTER_MIDNIGHT_IN_LONDON) == wording.iso(moment.timestamp())


def test_nothing_is_shown_for_no_time() -> None:
    assert [wording.clock(None), wording.row_time(""), wording.ago(None), wording.wait(None)] == ["", "", "", ""]


def test_today_and_yesterday_have_names() -> None:
    now = datetime.now(UTC)
    assert wording.day_name(now) == "Hoje"
    assert wording.day_name(now - timedelta(days=1)) == "Ontem"


def test_waiting_is_told_in_the_largest_fitting_unit() -> None:
    now = datetime.now(UTC)
    waits = [timedelta(minutes=28), timedelta(hours=1, minutes=7), timedelta(hours=2), timedelta(days=3, hours=2)]
    assert [wording.wait(now - waited) for waited in waits] == ["28 min", "1 h 7 min", "2 h", "3 d"]


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (602, "602 B"), (188_416, "184 kB"), (1_572_864, "1,5 MB"), (None, "0 B")]
)
def test_sizes_are_rounded(size: int | None, shown: str) -> None:
    assert wording.file_size(size) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [("+5531995550148", "+55 31 99555-0148"), (None, ""), ("not a number", "not a number")]
)
def test_phones_are_grouped(number: str | None, shown: str) -> None:
    assert wording.phone(number) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("Mariana Alves", "MA"), ("Ana", "A"), ("", "#"), ("😀", "#"), ("Seu Jorge Padaria", "SP")]
)
def test_initials_stand_for_a_missing_picture(name: str, shown: str) -> None:
    assert wording.initials(name) == shown


def test_a_colour_stays_with_its_id() -> None:
    identifier = "01900000-0000-7000-8000-05ff3f7f528d"
    assert wording.hue(identifier) == 0x528D % 8
    assert wording.hue(None) == 0


@pytest.mark.parametrize(
    ("text", "is_large"), [("🥰", True), ("👍👍", True), ("ok 👍", False), ("", False), ("1", False)]
)
def test_emoji_alone_are_large(text: str, is_large: bool) -> None:
    assert wording.is_only_emoji(text) is is_large


def test_another_language_brings_its_own_forms() -> None:
    with speaking_to(Viewer("en", "America/Sao_Paulo")):
        assert wording.day_name(datetime.now(UTC)) == "Today"
        assert wording.file_size(1_572_864) == "1.5 MB"
