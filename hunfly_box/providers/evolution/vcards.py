"""The few lines of a vCard an agent needs: name, phones, e-mails, organization."""

import re
from typing import Any

from hunfly_box.providers.addresses import canonical_phone
from hunfly_box.providers.evolution.encodings import name

# A photograph inside takes a line for every 75 characters.
MAX_LINES = 20_000
MAX_VALUES = 20

_LINE = re.compile(r"(?:[\w-]+\.)?(?P<property>[A-Za-z-]+)(?P<parameters>(?:;[^:\n]*)?):(?P<value>.*)")
_WHATSAPP_ID = re.compile(r"waid=(\d{5,20})", re.ASCII | re.IGNORECASE)


def read(vcard: str, display_name: str | None) -> dict[str, Any]:
    formatted: str | None = None
    organization: str | None = None
    phones: list[dict[str, str | None]] = []
    emails: list[str] = []
    for line in vcard.splitlines()[:MAX_LINES]:
        match = _LINE.fullmatch(line.strip())
        value = name(match["value"]) if match else None
        if match is None or value is None:
            continue
        field = match["property"].upper()
        if field == "FN":
            formatted = formatted or value
        elif field == "ORG":
            organization = organization or value.strip(";")
        elif field == "TEL" and len(phones) < MAX_VALUES:
            found = _WHATSAPP_ID.search(match["parameters"])
            phones.append({"number": value, "wa_id": canonical_phone(found[1]) if found else None})
        elif field == "EMAIL" and len(emails) < MAX_VALUES:
            emails.append(value)
    return {
        "name": display_name or formatted,
        "phones": phones,
        "emails": emails,
        "organization": organization,
    }
