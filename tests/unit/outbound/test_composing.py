"""What the engine is asked: files with an extension, addresses, quotes, mentions."""

from typing import Any
from uuid import uuid4

import pytest

from hunfly_box.outbound.composing import Draft, compose, file_name
from hunfly_box.outbound.evidence import Wanted, normalised
from hunfly_box.providers.messenger import MessageKey, Refused


def draft(**columns: Any) -> Draft:
    known: dict[str, Any] = dict.fromkeys(Draft.__dataclass_fields__)
    known |= {"type": "text", "text": "oi", "direction": "out", "is_group": False}
    known |= {"to_kind": "phone", "to_value": "+5511988887777", "to_address": "551188887777@s.whatsapp.net"}
    return Draft(**{**known, **columns})


def composed(**columns: Any) -> Any:
    resources: Any = None
    return compose(resources, uuid4(), draft(**columns))


@pytest.mark.parametrize(
    ("mime", "name", "expected"),
    [
        ("image/jpeg", None, "image.jpg"),
        ("image/jpeg", "férias", "férias.jpg"),
        ("application/pdf", "nota.pdf", "nota.pdf"),
        ("application/x-unheard-of", None, "image.bin"),
        ("audio/ogg; codecs=opus", None, "image.ogg"),
    ],
)
def test_every_file_gets_an_extension_the_engine_understands(mime: str, name: str | None, expected: str) -> None:
    assert file_name("image", mime, name) == expected


def test_a_message_goes_to_the_address_the_provider_answers_to() -> None:
    assert composed().to == "551188887777@s.whatsapp.net"


def test_a_contact_nobody_can_reach_is_refused_in_words() -> None:
    with pytest.raises(Refused) as refusal:
        composed(to_address=None)
    assert refusal.value.code == "contact.no_address"
    assert refusal.value.permanent


def test_a_quote_in_a_group_names_its_author_and_elsewhere_does_not() -> None:
    quoted = {"quoted_provider_id": "3EB0", "quoted_direction": "in", "quoted_author_address": "55@s.whatsapp.net"}
    assert composed(**quoted).quoted == MessageKey("3EB0", "551188887777@s.whatsapp.net", False, None)
    assert composed(**quoted, is_group=True).quoted.author == "55@s.whatsapp.net"


def test_places_cards_and_mentions_are_passed_on() -> None:
    place = composed(type="location", text=None, payload={"latitude": -23.5, "longitude": -46.6, "name": "Loja"})
    assert (place.location.latitude, place.location.name) == (-23.5, "Loja")
    cards = composed(
        type="contacts", text=None, payload={"contacts": [{"name": "Rui", "phones": [{"number": "+551"}]}]}
    )
    assert (cards.contacts[0].name, cards.contacts[0].phone) == ("Rui", "+551")
    assert composed(payload={"mentions": [{"handle": "5511", "name": "Rui"}]}).mentions == ("5511",)


def test_a_place_without_coordinates_is_refused() -> None:
    with pytest.raises(Refused):
        composed(type="location", payload={})


def test_proof_must_have_the_same_words_and_not_be_older() -> None:
    want = Wanted(uuid4(), uuid4(), uuid4(), "text", "Olá, José ", 1_000.0)
    assert want.fits("text", "Olá, Jose\u0301", 999.0)
    assert not want.fits("text", "Olá", 999.0)
    assert not want.fits("image", "Olá, José", 999.0)
    assert not want.fits("text", "Olá, José", 990.0)
    assert not want.fits("text", "Olá, José", None)
    assert normalised(None) == ""
