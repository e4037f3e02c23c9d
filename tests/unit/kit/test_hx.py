"""htmx 4 headers."""

from hunfly_box.kit import hx


def test_a_fragment_is_told_from_a_page() -> None:
    assert hx.is_partial({"hx-request": "true", "hx-request-type": "partial"})
    assert not hx.is_partial({"hx-request": "true", "hx-request-type": "full"})
    assert not hx.is_partial({})


def test_an_event_survives_as_ascii() -> None:
    assert hx.trigger("hb:done", {"text": "Feito é"}) == {"HX-Trigger": '{"hb:done": {"text": "Feito \\u00e9"}}'}
