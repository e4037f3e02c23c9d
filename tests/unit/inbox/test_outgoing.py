"""What a person may send: each field belongs to some types."""

import pytest

from hunfly_box.inbox import outgoing
from hunfly_box.inbox.outgoing import Outgoing
from hunfly_box.inbox.payloads import Location, SharedContact
from hunfly_box.kit.errors import Invalid
from hunfly_box.kit.ids import new_id

PLACE = Location(lat=1, lng=1)
PERSON = SharedContact(name="P", phones=["+1"])
NAMELESS = SharedContact(name=" ", phones=["+1"])
UNREACHABLE = SharedContact(name="P", phones=[])
WITH_WORDS = SharedContact(name="P", phones=["+1", "call me"])


@pytest.mark.parametrize(
    "message",
    [
        Outgoing(type="text", text="oi"),
        Outgoing(type="note", text="oi"),
        Outgoing(type="image", media_id=new_id()),
        Outgoing(type="image", media_id=new_id(), text="legenda"),
        Outgoing(type="voice", media_id=new_id()),
        Outgoing(type="location", location=PLACE),
        Outgoing(type="contacts", contacts=[PERSON]),
        Outgoing(type="text", text="x" * outgoing.TEXT_LIMIT),
    ],
)
def test_a_whole_message_passes(message: Outgoing) -> None:
    outgoing.check(message)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Outgoing(type="text", text="\n "), "text"),
        (Outgoing(type="text", text="x" * (outgoing.TEXT_LIMIT + 1)), "text"),
        (Outgoing(type="text", text="x", location=PLACE), "location"),
        (Outgoing(type="text", text="x", contacts=[PERSON]), "contacts"),
        (Outgoing(type="text", text="x", media_id=new_id()), "media_id"),
        (Outgoing(type="voice", media_id=new_id(), text="x"), "text"),
        (Outgoing(type="contacts", contacts=[PERSON] * 11), "contacts"),
        (Outgoing(type="contacts", contacts=[NAMELESS]), "contacts[0].name"),
        (Outgoing(type="contacts", contacts=[PERSON, UNREACHABLE]), "contacts[1].phones"),
        (Outgoing(type="contacts", contacts=[WITH_WORDS]), "contacts[0].phones"),
        (Outgoing(type="location", location=Location(lat=91, lng=0)), "location"),
        (Outgoing(type="note", text="x", quoted_id=new_id()), "quoted_id"),
        (Outgoing(type="system", text="x"), "type"),
        (Outgoing(type="", text="x"), "type"),
    ],
)
def test_what_is_wrong_is_named(message: Outgoing, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        outgoing.check(message)

    assert field in [error.field for error in refused.value.errors]
