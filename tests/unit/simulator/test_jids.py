import pytest

from hunfly_box.simulator.jids import create_jid, spellings


@pytest.mark.parametrize(
    ("number", "jid"),
    [
        ("5511988887777", "5511988887777@s.whatsapp.net"),  # areas up to 30 keep the ninth digit
        ("5531988887777", "553188887777@s.whatsapp.net"),
        ("5531938887777", "5531938887777@s.whatsapp.net"),  # a landline-like rest keeps it
        ("+55 (31) 98888-7777", "553188887777@s.whatsapp.net"),
        ("5491155550006", "541155550006@s.whatsapp.net"),
        ("5215512345678", "525512345678@s.whatsapp.net"),
        ("551188887777", "551188887777@s.whatsapp.net"),
        ("351912345678", "351912345678@s.whatsapp.net"),
        ("5511988887777:12@s.whatsapp.net", "5511988887777@s.whatsapp.net"),
        ("182736455463701@lid", "182736455463701@lid"),
        ("120363000000000001", "120363000000000001@g.us"),
        ("5511999999999-1600000000", "5511999999999-1600000000@g.us"),
        ("status@broadcast", "status@broadcast"),
    ],
)
def test_a_number_becomes_the_engines_jid(number: str, jid: str) -> None:
    assert create_jid(number) == jid


def test_a_brazilian_mobile_answers_to_both_spellings() -> None:
    assert spellings("5511988887777") == ["5511988887777", "551188887777"]
    assert spellings("551188887777") == ["551188887777", "5511988887777"]
    assert spellings("351912345678") == ["351912345678"]
