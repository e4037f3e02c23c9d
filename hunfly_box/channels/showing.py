"""What the pairing dialog says of a number, and what people type into it."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import phonenumbers

from hunfly_box.channels.commands import refused
from hunfly_box.channels.queries import Line, ShownPairing

# Evolution shows a new code at most every 45 s; where none comes for a while longer, it has stopped.
CODE_LIVES = timedelta(seconds=45)
NO_MORE_CODES = timedelta(seconds=60)
HOME_COUNTRY = "BR"
# From these nothing comes by itself: somebody has to ask for a code.
STOPPED = ("new", "logged_out", "banned", "restricted", "replaced", "engine_down")


@dataclass(frozen=True, slots=True)
class Pairing:
    """`step`: open, qr, code, waiting, expired, stopped, failed. `until`: when the code is replaced."""

    step: str
    by_code: bool
    png: str | None = None
    code: str | None = None
    until: datetime | None = None
    seconds: int = 0
    problem: str = ""

    @property
    def is_moving(self) -> bool:
        return self.step in ("qr", "code", "waiting")


def pairing(line: Line, shown: ShownPairing, problem: str, *, by_code: bool) -> Pairing:
    if problem:
        return Pairing("failed", by_code, problem=problem)
    if line.state == "open":
        return Pairing("open", by_code)
    if line.state == "qr":
        return _with_code(shown, by_code)
    if line.state == "logged_out" and line.cause == "qr_timeout":
        return Pairing("expired", by_code)
    return Pairing("stopped" if line.state in STOPPED else "waiting", by_code)


def _with_code(shown: ShownPairing, by_code: bool) -> Pairing:
    now = datetime.now(UTC)
    made_at = shown.qr_at or now
    if now - made_at > NO_MORE_CODES:
        return Pairing("expired", by_code)
    found = shown.pairing_code if by_code else shown.qr_png_base64
    if found is None:
        return Pairing("waiting", by_code)
    until = made_at + CODE_LIVES
    return Pairing(
        "code" if by_code else "qr",
        by_code,
        png=None if by_code else found,
        code=_grouped(found) if by_code else None,
        until=until,
        seconds=max(0, round((until - now).total_seconds())),
    )


def _grouped(code: str) -> str:
    """As WhatsApp prints it on the phone: ABCD-EFGH."""
    return f"{code[:4]}-{code[4:]}" if len(code) == 8 else code


def pairing_number(typed: str) -> str:
    """E.164 without the plus, as the engine wants it. Without a country it is Brazilian. Raises Invalid."""
    try:
        parsed = phonenumbers.parse(typed, HOME_COUNTRY)
    except phonenumbers.NumberParseException as error:
        raise refused("number", "format", "Not a telephone number.") from error
    if not phonenumbers.is_possible_number(parsed):
        raise refused("number", "format", "Not a telephone number.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164).lstrip("+")


def instance_name(slug: str) -> str:
    """A proposal: all numbers of an engine share one list of names."""
    return f"{slug[:48]}-{secrets.token_hex(3)}"
