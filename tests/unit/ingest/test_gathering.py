"""Deliveries become arrays in Postgres' own form; what is known by heart is not asked for."""

from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hunfly_box.ingest.gathering import gather, remembered
from hunfly_box.ingest.literals import Array, quoted
from hunfly_box.ingest.people import KnownPeople
from hunfly_box.ingest.received import Part, parts_of, received
from hunfly_box.ingest.routes import Channel
from hunfly_box.ingest.statement import TYPES, parameters
from hunfly_box.kit.ids import new_id
from hunfly_box.providers.port import Address, ContactSeen, Delivery, Ignored, IncomingMessage, Parked

TENANT, CHANNEL = new_id(), new_id()
OWN = Channel(TENANT, CHANNEL, str(TENANT), str(CHANNEL), "evolution", "loja", "route", "pt_BR", ())
PHONE = Address("phone", "+5511999998888", "5511999998888@s.whatsapp.net")


def text(id_: str, **more: Any) -> IncomingMessage:
    return IncomingMessage(id_, "in", PHONE, "text", 1_790_000_000.0, text="oi", author_name="Maria", **more)


def parts(*events: Any, at: float = 1_790_000_001.0) -> list[Part]:
    return parts_of(received(OWN, Delivery("messages.upsert", "loja", tuple(events)), b"{}", at))


def test_one_person_is_asked_for_once_and_never_again() -> None:
    known = KnownPeople()
    first = gather(parts(text("A"), text("B")), known)
    assert len(first.wanted) == 1
    assert first.conversations == ["NULL"]
    remembered(first, [str(new_id())], [str(new_id())])
    second = gather(parts(text("C")), known)
    assert second.wanted == {}
    assert UUID(second.conversations[0])


def test_a_new_name_is_told_again() -> None:
    known = KnownPeople()
    remembered(gather(parts(text("A")), known), [str(new_id())], [str(new_id())])
    renamed = IncomingMessage("B", "in", PHONE, "text", 1.0, text="oi", author_name="Mari")
    assert [entry["name"] for entry in gather(parts(renamed), known).wanted.values()] == ["Mari"]


def test_who_was_known_from_history_is_told_once_more_on_writing_for_the_picture() -> None:
    known = KnownPeople()
    conversation, person = str(new_id()), str(new_id())
    remembered(gather(parts(text("A", from_history=True)), known), [conversation], [person])
    assert gather(parts(text("B", from_history=True)), known).wanted == {}
    writing = gather(parts(text("C")), known)
    assert [entry["writes"] for entry in writing.wanted.values()] == [True]
    remembered(writing, [conversation], [person])
    assert gather(parts(text("D")), known).wanted == {}


def test_who_goes_on_writing_is_told_once_a_day_for_the_picture() -> None:
    known = KnownPeople()
    remembered(gather(parts(text("A")), known), [str(new_id())], [str(new_id())])
    assert gather(parts(text("B"), at=1_790_080_000.0), known).wanted == {}
    assert len(gather(parts(text("C"), at=1_790_090_000.0), known).wanted) == 1


def test_another_picture_is_told_once() -> None:
    known = KnownPeople()
    seen = [ContactSeen((PHONE,), "Maria", f"https://pps.example/{name}?oe=1") for name in ("1.jpg", "1.jpg", "2.jpg")]
    told = []
    for contact in seen:
        batch = gather(parts(contact), known)
        told.append([entry["picture"] for entry in batch.wanted.values()])
        remembered(batch, [], [str(new_id())])
    assert told == [["https://pps.example/1.jpg"], [], ["https://pps.example/2.jpg"]]


def test_a_body_about_another_channel_brings_no_events() -> None:
    one = received(OWN, Delivery("messages.upsert", "outra", (text("A"),)), b"{}", 1.0)
    assert (one.state, one.reason, one.delivery.events) == ("parked", "auth_mismatch_body", ())


def test_one_parked_event_parks_the_delivery_and_ignored_ones_alone_ignore_it() -> None:
    def state(*events: Any) -> tuple[str, str | None]:
        one = received(OWN, Delivery("x", "loja", events), b"", 1.0)
        return one.state, one.reason

    assert state(text("A"), Parked("limit")) == ("parked", "limit")
    assert state(Ignored("newsletter")) == ("ignored", "newsletter")
    assert state(Ignored("newsletter"), text("A")) == ("done", None)


def test_as_many_parameters_as_the_statement_takes() -> None:
    batch = gather(parts(text("A")), KnownPeople())
    assert len(parameters(batch, [1], [TENANT])) == len(TYPES)


def read_back(literal: str) -> list[str | None]:
    """Postgres' own rules for the text form of an array."""
    found: list[str | None] = []
    position = 1
    while position < len(literal) - 1:
        if literal[position] == '"':
            value, position = "", position + 1
            while literal[position] != '"':
                position += literal[position] == "\\"
                value, position = value + literal[position], position + 1
            found.append(value)
            position += 2
        else:
            end = literal.find(",", position)
            end = len(literal) - 1 if end < 0 else end
            found.append(None if literal[position:end] == "NULL" else literal[position:end])
            position = end + 1
    return found


@given(
    st.lists(
        st.one_of(st.none(), st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
        min_size=1,
    )
)
def test_any_text_survives_the_array_form(values: list[str | None]) -> None:
    literal = Array(map(quoted, values)).literal()
    assert literal is not None
    assert read_back(literal) == values
