"""The verdict: pure functions over what was asked, what the box holds, what the engine sent and what streams showed."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hunfly_box.ingest import spill
from tests.chaos.boxes import wait_until
from tests.chaos.history import History
from tests.chaos.watching import Watcher
from tests.chaos.world import Shop, World

# They only climb; where two events race, the higher one stays.
RANKS = (
    "queued",
    "waiting_channel",
    "sending",
    "unconfirmed",
    "sent",
    "failed",
    "delivered",
    "read",
    "played",
)
# Of a reply that did not reach the engine, a person must be able to see that.
VISIBLE = ("queued", "waiting_channel", "unconfirmed", "failed")
MUST_BE_ZERO = (
    "acknowledged and lost",
    "never taken",
    "doubled rows",
    "doubled sends",
    "out of nowhere",
    "said to be sent",
    "wrongly adopted",
    "out of order",
    "over the limit",
    "behind the wall",
    "missed by a stream",
    "stale on a stream",
    "only on a stream",
    "applied twice",
    "statuses that fell",
    "ticks that never came",
    "parked for no reason",
)
NUMBERED = re.compile(r"canário-\S+ (?:cliente|direto|resposta) (\d+) n(\d+)")
WINDOW_SECONDS = 60.0

MESSAGES = """
SELECT id::text AS id, conversation_id::text AS conversation_id, direction, type, text, status, provider_id, version, author_kind
FROM app.messages ORDER BY conversation_id, sent_at, id
"""
# Everything the simulated engine tells is something the box knows.
PARKED = "SELECT event, reason FROM app.journal WHERE state = 'parked'"
# For what nobody could prove, proof is looked for every few minutes for an hour; that is rest.
OPEN = """
SELECT (SELECT count(*) FROM app.deliveries WHERE state IN ('queued', 'claimed', 'dispatching')) AS deliveries,
       (SELECT count(*) FROM app.work WHERE state IN ('queued', 'claimed') AND kind <> 'outbound.look_again') AS work
"""


@dataclass(frozen=True)
class Sent:
    """One send as the engine carried it out."""

    n: int
    at: float
    instance: str
    id: str
    text: str


@dataclass
class Verdict:
    """Everything that must be zero, by name with its evidence, and the figures beside it."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, evidence: list[str]) -> None:
        self.faults.setdefault(name, []).extend(evidence)

    def count(self, name: str) -> int:
        return len(self.faults.get(name, []))

    def refuse(self) -> None:
        """Raises with the first lines of evidence."""
        wrong = {name: found[:5] for name, found in self.faults.items() if found}
        assert not wrong, wrong


def wait_for_rest(world: World, seconds: float = 60.0, meanwhile: Callable[[], None] | None = None) -> float:
    """Seconds until no delivery and no work row is open and no delivery lies in the spill."""
    began = time.monotonic()

    def is_quiet() -> bool:
        if meanwhile is not None:
            meanwhile()
        lines = [world.rows(shop, OPEN)[0] for shop in world.shops]
        return not any(line["deliveries"] or line["work"] for line in lines) and not spill.waiting(
            world.resources.redis
        )

    try:
        wait_until(is_quiet, "rest", seconds, 0.25)
    except AssertionError:
        raise AssertionError(f"no rest in {seconds} s: {stories(world)}") from None
    return time.monotonic() - began


def stories(world: World) -> list[dict[str, Any]]:
    """Of what is still open, for a person who has to find out why."""
    found = []
    for shop in world.shops:
        found += world.rows(
            shop,
            "SELECT kind, state, attempts, run_at, lease_until, error_code, error_detail, dispatched_at FROM app.deliveries"
            " WHERE state IN ('queued', 'claimed', 'dispatching') LIMIT 5",
        )
        found += world.rows(
            shop,
            "SELECT kind, state, attempts, run_at, last_error FROM app.work WHERE state IN ('queued', 'claimed') LIMIT 5",
        )
        found += world.rows(shop, "SELECT state, cause FROM app.channels")
    return found


def judge(world: World, history: History, watchers: list[Watcher], sends_per_minute: int) -> Verdict:
    verdict = Verdict()
    # In this order: while the load goes on, what a row tells of has been sent already.
    rows = {shop.slug: world.rows(shop, MESSAGES) for shop in world.shops}
    sends = [
        Sent(one.n, one.at, one.instance, one.id, one.text or "") for one in sorted(world.sim.sent(), key=lambda s: s.n)
    ]
    for shop in world.shops:
        own = [send for send in sends if send.instance == shop.instance]
        _incoming(verdict, shop, history, rows[shop.slug])
        _replies(verdict, shop, history, rows[shop.slug], own)
        _order(verdict, own)
        verdict.add("over the limit", over_limit([send.at for send in own], sends_per_minute))
        _walls(verdict, shop, world.shops, rows[shop.slug])
        verdict.add("parked for no reason", [f"{row['event']}: {row['reason']}" for row in world.rows(shop, PARKED)])
    if not history.has_died:
        verdict.add("ticks that never came", _late_ticks(world, rows))
    else:
        # Receipts that waited in the engine are gone with it: ours may stand lower than the phone's.
        verdict.figures["ticks"] = "not judged, the engine forgot some when it died"
    for watcher in watchers:
        _watched(verdict, watcher, rows[watcher.shop.slug], world.shops)
    _figures(verdict, world, history, watchers, rows, sends)
    return verdict


def _incoming(verdict: Verdict, shop: Shop, history: History, rows: list[dict[str, Any]]) -> None:
    stored = Counter(row["text"] for row in rows if row["direction"] == "in")
    said = [one for one in history.all_of("in") if one.shop == shop.slug]
    verdict.add(
        "acknowledged and lost", [one.text for one in said if one.answered is not None and not stored[one.text]]
    )
    verdict.add(
        "never taken",
        [
            one.text
            for one in said
            if one.answered is None and not stored[one.text] and one.text not in history.forgotten
        ],
    )
    known = {one.text for one in said}
    for text, times in stored.items():
        if text not in known and not text.endswith("olá"):
            verdict.add("out of nowhere", [text])
        if times > 1 and not text.endswith("olá"):
            verdict.add("doubled rows", [text])


def _replies(verdict: Verdict, shop: Shop, history: History, rows: list[dict[str, Any]], sends: list[Sent]) -> None:
    stored: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["direction"] == "out" and row["type"] != "system":
            stored.setdefault(row["text"], []).append(row)
    by_text = Counter(send.text for send in sends)
    names = {send.text: send.id for send in sends}
    verdict.add("doubled rows", [text for text, found in stored.items() if len(found) > 1])
    verdict.add("doubled sends", [text for text, times in by_text.items() if times > 1])
    said = {one.text: one for one in history.all_of("out") if one.shop == shop.slug}
    verdict.add("out of nowhere", [text for text in (*by_text, *stored) if text not in said])
    for text, one in said.items():
        row = (stored.get(text) or [None])[0]
        if row is None:
            if one.answered is not None or by_text[text]:
                verdict.add("acknowledged and lost", [text])
            continue
        if not by_text[text] and row["status"] not in VISIBLE:
            verdict.add("said to be sent", [f"{text}: {row['status']}"])
        if row["provider_id"] is not None and row["provider_id"] != names.get(text):
            verdict.add("wrongly adopted", [text])


def _order(verdict: Verdict, sends: list[Sent]) -> None:
    last: dict[str, int] = {}
    for send in sends:
        match = NUMBERED.match(send.text)
        if match is None:
            continue
        line, n = match[1], int(match[2])
        if n < last.get(line, -1):
            verdict.add("out of order", [f"{send.text} after {last[line]}"])
        last[line] = max(n, last.get(line, -1))


def over_limit(moments: list[float], most: int) -> list[str]:
    """Every window of a minute that holds more than `most`, by the moment it ends."""
    ordered = sorted(moments)
    return [
        f"{most + 1} sends in {later - earlier:.3f} s"
        for earlier, later in zip(ordered, ordered[most:], strict=False)
        if later - earlier < WINDOW_SECONDS
    ]


def _walls(verdict: Verdict, shop: Shop, shops: list[Shop], rows: list[dict[str, Any]]) -> None:
    for other in shops:
        if other is not shop:
            verdict.add("behind the wall", [row["id"] for row in rows if other.canary in (row["text"] or "")])


def _late_ticks(world: World, rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What the customer's phone shows as delivered shows so here too."""
    late = []
    for shop in world.shops:
        for customer in shop.customers:
            bubbles = world.sim.messages(shop.instance, customer.id)
            there = {
                bubble["id"] for bubble in bubbles if not bubble["mine"] and bubble["tick"] in ("delivered", "read")
            }
            late += [row["text"] for row in rows[shop.slug] if row["provider_id"] in there and row["status"] == "sent"]
    return late


def _watched(verdict: Verdict, watcher: Watcher, rows: list[dict[str, Any]], shops: list[Shop]) -> None:
    for row in rows:
        held = watcher.held.get(("message", row["id"]))
        if held is None:
            verdict.add("missed by a stream", [f"{row['text']} ({row['type']})"])
        elif (held["version"], held["status"], held["provider_id"]) != (
            row["version"],
            row["status"],
            row["provider_id"],
        ):
            verdict.add(
                "stale on a stream",
                [f"{row['text']}: {held['status']} {held['version']}, is {row['status']} {row['version']}"],
            )
    known = {row["id"] for row in rows}
    verdict.add("only on a stream", [id_ for kind, id_ in watcher.held if kind == "message" and id_ not in known])
    verdict.add("applied twice", [id_ for id_, times in watcher.appeared.items() if times > 1])
    for message_id, climbed in watcher.statuses.items():
        ranks = [RANKS.index(status) for status in climbed]
        if ranks != sorted(ranks):
            verdict.add("statuses that fell", [f"{message_id}: {' '.join(climbed)}"])
    for other in shops:
        if other is not watcher.shop:
            verdict.add("behind the wall", [text for text in watcher.seen if other.canary in text])


def _figures(
    verdict: Verdict,
    world: World,
    history: History,
    watchers: list[Watcher],
    rows: dict[str, list[dict[str, Any]]],
    sends: list[Sent],
) -> None:
    replies = history.all_of("out")
    statuses = Counter(
        row["status"] for shop in world.shops for row in rows[shop.slug] if row["direction"] == "out" and row["status"]
    )
    in_truth = {send.text for send in sends}
    unsure = [
        row
        for shop in world.shops
        for row in rows[shop.slug]
        if row["status"] == "unconfirmed" and row["text"] in in_truth
    ]
    verdict.figures |= {
        "customers' messages": len(history.customers),
        "of them acknowledged": sum(one.answered is not None for one in history.all_of("in")),
        "replies": len(replies),
        "of them acknowledged ": sum(one.answered is not None for one in replies),
        "sends at the engine": len(sends),
        "replies by status": dict(statuses),
        "unconfirmed though sent": len(unsure),
        "answers": dict(sorted(history.tries.items())),
        "stream connections": sum(watcher.connections for watcher in watchers),
        "stream resets": sum(len(watcher.resets) for watcher in watchers),
    }
