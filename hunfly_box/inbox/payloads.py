"""A message's payload, as the provider's plain types leave it, in the words of the public surface."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from hunfly_box.kit.moments import rfc3339

Payload = dict[str, Any]


class Location(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lat: float
    lng: float
    name: str | None = None
    address: str | None = None
    live: bool = False


class SharedContact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    phones: list[str]


class PollOption(Struct, frozen=True, kw_only=True):
    name: str
    votes: int


class Poll(Struct, frozen=True, kw_only=True):
    name: str
    options: list[PollOption]
    selectable: int


class Order(Struct, frozen=True, kw_only=True):
    """A basket, or one product somebody asks about. `total` in units of the currency."""

    kind: str
    title: str | None
    note: str | None
    item_count: int | None
    total: float | None
    currency: str | None


class CalendarEvent(Struct, frozen=True, kw_only=True):
    name: str | None
    description: str | None
    place: str | None
    starts_at: str | None
    ends_at: str | None
    canceled: bool


class Mention(Struct, frozen=True, kw_only=True):
    id: str | None
    name: str
    handle: str


class Referral(Struct, frozen=True, kw_only=True):
    """The advertisement a customer came from."""

    title: str | None = None
    url: str | None = None
    text: str | None = None


def location_of(type_: str, payload: Payload) -> Location | None:
    if type_ not in ("location", "live_location") or payload.get("latitude") is None:
        return None
    return Location(
        lat=float(payload["latitude"]),
        lng=float(payload["longitude"]),
        name=payload.get("name") or None,
        address=payload.get("address") or None,
        live=type_ == "live_location",
    )


def contacts_of(type_: str, payload: Payload) -> list[SharedContact] | None:
    if type_ != "contacts":
        return None
    return [
        SharedContact(name=entry.get("name") or "", phones=[_phone(phone) for phone in entry.get("phones") or ()])
        for entry in payload.get("contacts") or ()
    ]


def poll_of(type_: str, payload: Payload) -> Poll | None:
    if type_ != "poll":
        return None
    votes = _votes(payload)
    return Poll(
        name=payload.get("question") or "",
        options=[PollOption(name=name, votes=votes.get(name, 0)) for name in option_names(payload)],
        selectable=int(payload.get("selectable") or 0),
    )


def order_of(type_: str, payload: Payload) -> Order | None:
    if type_ != "order" or not payload.get("kind"):
        return None
    total = payload.get("total")
    return Order(
        kind=payload["kind"],
        title=_text(payload.get("title")),
        note=_text(payload.get("note")),
        item_count=payload.get("item_count"),
        total=float(total) if total is not None else None,
        currency=_text(payload.get("currency")),
    )


def event_of(type_: str, payload: Payload) -> CalendarEvent | None:
    if type_ != "event":
        return None
    return CalendarEvent(
        name=_text(payload.get("name")),
        description=_text(payload.get("description")),
        place=_text(payload.get("place")),
        starts_at=_moment(payload.get("starts_at")),
        ends_at=_moment(payload.get("ends_at")),
        canceled=payload.get("is_canceled") is True,
    )


def mentions_of(mentions: list[Payload] | None) -> list[Mention]:
    """With the name we know the person by, or their digits."""
    return [
        Mention(id=told["id"], name=told["name"] or told["handle"], handle=told["handle"])
        for told in mentions or ()
        if told["handle"]
    ]


def referral_of(payload: Payload) -> Referral | None:
    referral = payload.get("referral")
    if not isinstance(referral, dict):
        return None
    return Referral(
        title=_text(referral.get("title")),
        url=_text(referral.get("url") or referral.get("source_url")),
        text=_text(referral.get("text") or referral.get("body")),
    )


def is_animated(payload: Payload) -> bool:
    return bool(payload.get("animated") or payload.get("is_animated"))


def is_history(payload: Payload) -> bool:
    return bool(payload.get("history") or payload.get("from_history"))


def icon_of(type_: str, payload: Payload) -> str | None:
    return _text(payload.get("icon")) or "info" if type_ == "system" else None


def stored(location: Location | None, contacts: list[SharedContact] | None) -> Payload:
    """The other way round: what a person sends, as the provider's plain types want it."""
    if location is not None:
        plain = msgspec.to_builtins(location)
        return {
            "latitude": plain["lat"],
            "longitude": plain["lng"],
            "name": plain["name"] or "",
            "address": plain["address"] or "",
        }
    if contacts is not None:
        return {
            "contacts": [
                {"name": entry.name, "phones": [{"number": phone} for phone in entry.phones]} for entry in contacts
            ]
        }
    return {}


def _phone(phone: Any) -> str:
    return str(phone.get("number") or phone.get("wa_id") or "") if isinstance(phone, dict) else str(phone)


def has_numbers(payload: Payload) -> bool:
    """Whether any of the cards has a number: one without cannot be sent."""
    return any(_phone(phone) for entry in payload.get("contacts") or () for phone in entry.get("phones") or ())


def option_names(payload: Payload) -> list[str]:
    return [str(option["name"] if isinstance(option, dict) else option) for option in payload.get("options") or ()]


def _votes(payload: Payload) -> dict[str, int]:
    """A tally beside the options, or votes inside them."""
    counted: dict[str, int] = {}
    for option in [*(payload.get("options") or ()), *(payload.get("tally") or ())]:
        if isinstance(option, dict):
            voters = option.get("voters")
            counted[str(option["name"])] = len(voters) if isinstance(voters, list) else int(option.get("votes") or 0)
    return counted


def _moment(epoch_seconds: float | None) -> str | None:
    return rfc3339(datetime.fromtimestamp(epoch_seconds, UTC)) if epoch_seconds else None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
