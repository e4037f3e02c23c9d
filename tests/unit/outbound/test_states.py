"""Statuses only climb, and nothing that may have left goes back into a line."""

from hypothesis import given
from hypothesis import strategies as st

from hunfly_box.outbound.states import BLOCKING, RANKS, STEPS, climbed, is_blocking, may_step

STATUSES = st.sampled_from(sorted(RANKS))


@given(st.lists(STATUSES, min_size=1))
def test_a_status_only_climbs_whatever_order_reports_come_in(reports: list[str]) -> None:
    shown = None
    for report in reports:
        before = shown
        shown = climbed(shown, report)
        assert before is None or RANKS[shown] >= RANKS[before]
    assert shown == max(reports, key=RANKS.__getitem__)


@given(st.lists(STATUSES, min_size=1), st.randoms())
def test_the_order_of_reports_does_not_matter(reports: list[str], dice: object) -> None:
    def ends(order: list[str]) -> str | None:
        shown: str | None = None
        for report in order:
            shown = climbed(shown, report)
        return shown

    shuffled = list(reports)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ends(reports) == ends(shuffled) == ends(reports + reports)


def test_a_late_proof_lifts_unconfirmed() -> None:
    assert climbed("unconfirmed", "sent") == "sent"
    assert climbed("failed", "delivered") == "delivered"
    assert climbed("delivered", "sent") == "delivered"


def test_what_has_ended_stays_ended_but_for_a_late_proof() -> None:
    assert all(not STEPS[state] for state in ("accepted", "failed", "cancelled"))
    assert may_step("unconfirmed", "accepted")
    assert not may_step("unconfirmed", "queued")


def test_only_what_is_on_its_way_or_waits_holds_up_the_line() -> None:
    assert {state for state in STEPS if is_blocking(state)} == set(BLOCKING)
    assert not is_blocking("failed")
    assert not is_blocking("unconfirmed")
    assert not is_blocking("asking")
