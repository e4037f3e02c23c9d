import pytest

from hunfly_box.providers.addresses import canonical_phone, typed_phone
from hunfly_box.providers.evolution.jids import address, best_first
from hunfly_box.providers.port import Address

# Every area code in use in Brazil.
AREA_CODES = [
    *range(11, 20), 21, 22, 24, 27, 28, *range(31, 36), 37, 38, *range(41, 50), 51, 53, 54, 55, *range(61, 70),
    71, 73, 74, 75, 77, 79, *range(81, 90), *range(91, 100),
]  # fmt: skip


@pytest.mark.parametrize("first", "6789")
def test_a_brazilian_mobile_is_one_person_with_eight_and_nine_digits(first: str) -> None:
    for area in AREA_CODES:
        eight = f"55{area}{first}1234567"
        nine = f"55{area}9{first}1234567"
        assert canonical_phone(eight) == canonical_phone(nine) == f"+{nine}"


@pytest.mark.parametrize("first", "2345")
def test_a_brazilian_landline_keeps_its_eight_digits(first: str) -> None:
    for area in AREA_CODES:
        assert canonical_phone(f"55{area}{first}1234567") == f"+55{area}{first}1234567"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("+55 (11) 98888-0000", "+5511988880000"),
        ("551188880000", "+5511988880000"),
        ("5510988880000", "+5510988880000"),  # no area code has a zero
        ("551088880000", "+551088880000"),
        ("5215512345678", "+525512345678"),
        ("525512345678", "+525512345678"),
        ("5491112345678", "+541112345678"),
        ("541112345678", "+541112345678"),
        ("14155550123", "+14155550123"),
        ("351912345678", "+351912345678"),
        ("55119888800001", "+55119888800001"),  # too long to be Brazilian: left alone
    ],
)
def test_other_spellings_of_a_number(written: str, canonical: str) -> None:
    assert canonical_phone(written) == canonical


def test_canonical_form_is_stable() -> None:
    for number in ("551188880000", "5215512345678", "5491112345678", "14155550123"):
        once = canonical_phone(number)
        assert canonical_phone(once) == once


@pytest.mark.parametrize("nonsense", ["", "abc", "12345", "0" * 12, "1" * 16, "+55"])
def test_what_cannot_be_a_number_is_no_address(nonsense: str) -> None:
    assert typed_phone(nonsense) is None


def test_a_typed_number_is_looked_up_by_its_digits() -> None:
    assert typed_phone("+55 11 8888-0000") == Address("phone", "+5511988880000", "551188880000")


@pytest.mark.parametrize(
    ("jid", "expected"),
    [
        ("551188880000@s.whatsapp.net", Address("phone", "+5511988880000", "551188880000@s.whatsapp.net")),
        ("551188880000:12@s.whatsapp.net", Address("phone", "+5511988880000", "551188880000@s.whatsapp.net")),
        ("551188880000@c.us", Address("phone", "+5511988880000", "551188880000@s.whatsapp.net")),
        ("5511988880000", Address("phone", "+5511988880000", "5511988880000@s.whatsapp.net")),
        ("222333444555666@lid", Address("lid", "222333444555666", "222333444555666@lid")),
        ("222333444555666:3@lid", Address("lid", "222333444555666", "222333444555666@lid")),
        ("120363000000000001@g.us", Address("group", "120363000000000001", "120363000000000001@g.us")),
        ("120363000000000001", Address("group", "120363000000000001", "120363000000000001@g.us")),
        ("55119-1500@g.us", Address("group", "55119-1500", "55119-1500@g.us")),
        ("status@broadcast", None),
        ("123@newsletter", None),
        ("0@s.whatsapp.net", None),
        ("@s.whatsapp.net", None),
        ("x@s.whatsapp.net", None),
        ("٣٣٣٣٣٣٣٣٣٣@s.whatsapp.net", None),
        ("1" * 500 + "@s.whatsapp.net", None),
        ("../../etc@g.us", None),
    ],
)  # fmt: skip
def test_ids_of_whatsapp_are_addresses(jid: str, expected: Address | None) -> None:
    assert address(jid) == expected


def test_the_phone_comes_before_the_lid_and_nobody_comes_twice() -> None:
    lid, phone, same = address("222@lid"), address("5511988880000@c.us"), address("551188880000@s.whatsapp.net")
    assert best_first([lid, None, phone, same]) == (phone, lid)
