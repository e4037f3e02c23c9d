"""Addresses: how the engine turns what a client writes as `number` into a WhatsApp jid."""

from __future__ import annotations

import re

PERSON = "@s.whatsapp.net"
PRIVATE = "@lid"
GROUP = "@g.us"
BROADCAST = "@broadcast"
KEPT_AS_GIVEN = (GROUP, PERSON, PRIVATE, BROADCAST)

# Longer than any telephone number: the engine takes it for a group.
GROUP_DIGITS = 18
OLD_GROUP_LENGTH = 24

BRAZIL_WITH_NINTH = re.compile(r"^(55)(\d{2})\d(\d{8})$")
BRAZIL_WITHOUT_NINTH = re.compile(r"^(55)(\d{2})(\d{8})$")

# From area 31 up, WhatsApp knows older accounts without the ninth digit.
FIRST_AREA_WITHOUT_NINTH = 31
FIRST_MOBILE_DIGIT = 7


def create_jid(number: str) -> str:
    number = re.sub(r":\d+", "", number)
    if any(suffix in number for suffix in KEPT_AS_GIVEN):
        return number
    number = re.sub(r"[\s+()]", "", number).split(":")[0].split("@")[0]
    if "-" in number and len(number) >= OLD_GROUP_LENGTH:
        return re.sub(r"[^\d-]", "", number) + GROUP
    digits = re.sub(r"\D", "", number)
    if len(digits) >= GROUP_DIGITS:
        return digits + GROUP
    return _brazilian(_mexican_or_argentine(digits)) + PERSON


def _mexican_or_argentine(digits: str) -> str:
    if digits[:2] in ("52", "54") and len(digits) == 13:
        return digits[:2] + digits[3:]
    return digits


def _brazilian(digits: str) -> str:
    match = BRAZIL_WITH_NINTH.match(digits)
    if match is None:
        return digits
    country, area, rest = match.groups()
    if int(rest[0]) < FIRST_MOBILE_DIGIT or int(area) < FIRST_AREA_WITHOUT_NINTH:
        return digits
    return country + area + rest


def spellings(digits: str) -> list[str]:
    """A Brazilian mobile account answers to its number with and without the ninth digit."""
    if match := BRAZIL_WITH_NINTH.match(digits):
        country, area, rest = match.groups()
        return [digits, country + area + rest]
    if match := BRAZIL_WITHOUT_NINTH.match(digits):
        country, area, rest = match.groups()
        return [digits, country + area + "9" + rest]
    return [digits]


def digits_of(jid: str) -> str:
    return jid.split("@")[0].split(":")[0]


def is_group(jid: str) -> bool:
    return jid.endswith(GROUP)


def is_private(jid: str) -> bool:
    return jid.endswith(PRIVATE)
