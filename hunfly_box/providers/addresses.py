"""One spelling for a phone number, so that one person is one contact."""

import re

from hunfly_box.providers.port import Address

# E.164 allows 15 digits; shorter than 7 is a service code or WhatsApp's own chat, never a person.
MIN_DIGITS = 7
MAX_DIGITS = 15

# Brazilian mobiles gained a ninth digit between 2012 and 2016. WhatsApp still knows older accounts by eight:
# area code (no zero in it), then eight digits whose first is 6 to 9. Landlines begin with 2 to 5.
_BRAZIL_OLD_MOBILE = re.compile(r"55([1-9][1-9])([6-9]\d{7})")
# Mexico dropped its mobile 1 and Argentina's 9 is only dialled from abroad: WhatsApp and people use both forms.
_MEXICO_OLD_MOBILE = re.compile(r"521(\d{10})")
_ARGENTINA_MOBILE = re.compile(r"549(\d{10})")
_NOT_A_DIGIT = re.compile(r"\D+", re.ASCII)


def canonical_phone(digits: str) -> str:
    """E.164 with `+` of a number with its country code; anything but digits is dropped."""
    digits = _NOT_A_DIGIT.sub("", digits)
    if match := _BRAZIL_OLD_MOBILE.fullmatch(digits):
        return f"+55{match[1]}9{match[2]}"
    if match := _MEXICO_OLD_MOBILE.fullmatch(digits):
        return f"+52{match[1]}"
    if match := _ARGENTINA_MOBILE.fullmatch(digits):
        return f"+54{match[1]}"
    return f"+{digits}"


def typed_phone(text: str) -> Address | None:
    """The address of a number a person typed, with its country code; None when it cannot be one.

    `raw` is bare digits: the provider must still look up how it knows the number.
    """
    digits = _NOT_A_DIGIT.sub("", text)
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS or digits.startswith("0"):
        return None
    return Address("phone", canonical_phone(digits), digits)
