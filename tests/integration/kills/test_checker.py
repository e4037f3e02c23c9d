"""The judge itself: what it must see, it sees."""

from typing import Any
from uuid import UUID

from hunfly_box.channels.credentials import new_secrets
from tests.chaos.checking import Sent, Verdict, _incoming, _order, _replies, _watched, over_limit
from tests.chaos.history import History, Said
from tests.chaos.watching import Watcher
from tests.chaos.world import Shop

SHOP = Shop("alfa", UUID(int=1), UUID(int=2), "alfa-1", "5511", "token", new_secrets(), "/hook", "canário-alfa")


def said(text: str, n: int = 0) -> Said:
    return Said("alfa", "5511", n, text, answered=1.0)


def row(text: str, direction: str = "in", **fields: Any) -> dict[str, Any]:
    known = {"id": text, "type": "text", "status": None, "provider_id": None, "version": 1}
    return {**known, "text": text, "direction": direction, **fields}


def test_a_lost_and_a_doubled_message_are_seen() -> None:
    history, verdict = History(), Verdict()
    for text in ("lost", "twice", "fine"):
        history.note("in", said(text))
    _incoming(verdict, SHOP, history, [row("twice"), row("twice"), row("fine")])
    assert verdict.faults["acknowledged and lost"] == ["lost"]
    assert verdict.faults["doubled rows"] == ["twice"]


def test_replies_sent_twice_never_sent_and_taken_for_another_are_seen() -> None:
    history, verdict = History(), Verdict()
    for text in ("twice", "never", "other", "unsure"):
        history.note("out", said(text))
    sends = [Sent(n, n, "alfa-1", text, text) for n, text in enumerate(("twice", "twice", "other"))]
    rows = [
        row("twice", "out", status="sent", provider_id="twice"),
        row("never", "out", status="sent"),
        row("other", "out", status="sent", provider_id="somebody else's"),
        row("unsure", "out", status="unconfirmed"),
    ]
    _replies(verdict, SHOP, history, rows, sends)
    assert verdict.faults["doubled sends"] == ["twice"]
    assert verdict.faults["said to be sent"] == ["never: sent"]
    assert verdict.faults["wrongly adopted"] == ["other"]


def test_a_later_reply_that_went_first_is_seen() -> None:
    verdict = Verdict()
    texts = [f"canário-alfa resposta 5511 n{n}" for n in (0, 2, 1)]
    _order(verdict, [Sent(n, n, "alfa-1", text, text) for n, text in enumerate(texts)])
    assert verdict.count("out of order") == 1


def test_a_minute_with_one_too_many_is_seen_wherever_it_begins() -> None:
    assert over_limit([0, 30, 59.9, 60.1], 2) == ["3 sends in 59.900 s", "3 sends in 30.100 s"]
    assert over_limit([0, 30, 60.0, 90.1], 2) == []


def test_a_stream_that_missed_kept_or_lowered_something_is_seen() -> None:
    watcher, verdict = Watcher("", SHOP), Verdict()
    for version, status in ((1, "delivered"), (2, "sent")):
        watcher._apply("message", row("falls", "out", status=status, version=version))
    watcher._apply("message", row("stale", version=1))
    watcher._apply("message", row("phantom", version=1))
    rows = [row("falls", "out", status="sent", version=2), row("stale", version=2), row("missed")]
    _watched(verdict, watcher, rows, [SHOP])
    assert verdict.count("statuses that fell") == 1
    assert verdict.count("missed by a stream") == 1
    assert verdict.count("stale on a stream") == 1
    assert verdict.faults["only on a stream"] == ["phantom"]


def test_a_program_drops_what_it_has_and_what_is_older() -> None:
    watcher = Watcher("", SHOP)
    for version in (2, 2, 1):
        watcher._apply("message", row("once", version=version))
    assert (watcher.dropped, watcher.appeared) == (2, {"once": 1})
