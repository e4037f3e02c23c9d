"""A message's payload in the words of the public surface."""

import msgspec
import pytest

from hunfly_box.inbox import payloads
from hunfly_box.inbox.payloads import Location, SharedContact


def test_a_place_goes_out_and_comes_back_the_same() -> None:
    place = Location(lat=-23.5, lng=-46.6, name="Loja", address="Rua A")

    assert payloads.location_of("location", payloads.stored(place, None)) == place


def test_a_live_place_says_so() -> None:
    found = payloads.location_of("live_location", {"latitude": 1, "longitude": 2})

    assert found == Location(lat=1.0, lng=2.0, live=True)


def test_people_go_out_and_come_back_the_same() -> None:
    people = [SharedContact(name="Pedro", phones=["+5511999990000", "+551133330000"])]

    assert payloads.contacts_of("contacts", payloads.stored(None, people)) == people


def test_votes_are_counted_beside_the_options_and_inside_them() -> None:
    beside = {"question": "Qual?", "options": ["A", "B"], "tally": [{"name": "B", "voters": [1, 2]}]}
    inside = {"question": "Qual?", "options": [{"name": "A", "votes": 0}, {"name": "B", "voters": [1, 2]}]}

    for payload in (beside, inside):
        poll = payloads.poll_of("poll", payload)
        assert poll is not None
        assert [(option.name, option.votes) for option in poll.options] == [("A", 0), ("B", 2)]


@pytest.mark.parametrize("type_", ["text", "image", "note", "system"])
def test_other_types_have_none_of_it(type_: str) -> None:
    payload = {"latitude": 1, "longitude": 1, "contacts": [{}], "options": ["A"]}

    assert payloads.location_of(type_, payload) is None
    assert payloads.contacts_of(type_, payload) is None
    assert payloads.poll_of(type_, payload) is None


@pytest.mark.parametrize("type_", ["location", "live_location", "contacts", "poll", "text"])
def test_an_empty_payload_breaks_nothing(type_: str) -> None:
    payloads.location_of(type_, {})
    payloads.contacts_of(type_, {})
    payloads.poll_of(type_, {})
    assert payloads.mentions_of(None) == []
    assert payloads.referral_of({}) is None


def test_a_place_with_fields_nobody_reads_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"lat":1,"lng":2,"zoom":3}', type=Location)
