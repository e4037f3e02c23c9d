"""How values read on a screen: times in the tenant's zone, sizes, phones, initials and colours."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from babel import Locale, dates, numbers

from hunfly_box.kit import i18n
from hunfly_box.kit.i18n import gettext as _
from hunfly_box.kit.moments import rfc3339

Moment = datetime | str | int | float | None

AVATAR_HUES = 8
CHANNEL_HUES = 4
KILOBYTE = 1024
NOT_HEXADECIMAL = re.compile("[^0-9a-f]")

LANGUAGES = (("pt_BR", "Português"), ("en", "English"), ("es", "Español"))


def language_tag() -> str:
    """For `<html lang>`."""
    return i18n.current_viewer().locale.replace("_", "-")


def moment(value: Moment) -> datetime | None:
    """RFC 3339 text, epoch seconds or a datetime, in the viewer's zone."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, int | float):
        value = datetime.fromtimestamp(value, UTC)
    return value.astimezone(_zone(i18n.current_viewer().zone))


def iso(value: Moment) -> str:
    found = moment(value)
    return rfc3339(found) if found else ""


def clock(value: Moment) -> str:
    found = moment(value)
    return _clock(found.hour, found.minute, i18n.current_viewer().locale) if found else ""


def day_key(value: Moment) -> str:
    found = moment(value)
    return found.date().isoformat() if found else ""


def day_name(value: Moment) -> str:
    found = moment(value)
    if not found:
        return ""
    days_ago = (_today() - found.date()).days
    if days_ago == 0:
        return _("Hoje")
    if days_ago == 1:
        return _("Ontem")
    if 1 < days_ago < 7:
        return _date(found.date(), "EEEE", i18n.current_viewer().locale).capitalize()
    return _date(found.date(), "long", i18n.current_viewer().locale)


def row_time(value: Moment) -> str:
    """The clock today, a word yesterday, the date before."""
    found = moment(value)
    if not found:
        return ""
    days_ago = (_today() - found.date()).days
    if days_ago <= 0:
        return clock(found)
    if days_ago == 1:
        return _("Ontem")
    return _date(found.date(), "short", i18n.current_viewer().locale)


def full_time(value: Moment) -> str:
    found = moment(value)
    return dates.format_datetime(found, "medium", locale=_locale()) if found else ""


def ago(value: Moment) -> str:
    """Such as "há 2 minutos"; the browser keeps it fresh."""
    found = moment(value)
    if not found:
        return ""
    return dates.format_timedelta(found - datetime.now(UTC), add_direction=True, locale=_locale())


def wait(value: Moment) -> str:
    """How long somebody has been waiting, short: 28 min, 1 h 7 min, 3 d."""
    found = moment(value)
    if not found:
        return ""
    minutes = max(0, int((datetime.now(UTC) - found) / timedelta(minutes=1)))
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"


def minutes_since(value: Moment) -> int:
    found = moment(value)
    return int((datetime.now(UTC) - found) / timedelta(minutes=1)) if found else 0


def seconds(value: float | None) -> str:
    minutes, rest = divmod(int(value or 0), 60)
    return f"{minutes}:{rest:02}"


def file_size(value: int | None) -> str:
    size = float(value or 0)
    for unit in ("B", "kB", "MB"):
        if size < KILOBYTE:
            digits = "#,##0.#" if unit == "MB" and size < 10 else "#,##0"
            return f"{numbers.format_decimal(size, digits, locale=_locale())} {unit}"
        size /= KILOBYTE
    return f"{numbers.format_decimal(size, '#,##0.#', locale=_locale())} GB"


def number(value: int | float) -> str:
    return numbers.format_decimal(value, locale=_locale())


def money(value: float, currency: str | None) -> str:
    """A currency nobody knows is written as it came."""
    try:
        return numbers.format_currency(value, currency or "", locale=_locale())
    except (ValueError, numbers.UnknownCurrencyError):
        return f"{number(value)} {currency or ''}".strip()


@lru_cache(maxsize=4096)
def phone(value: str | None) -> str:
    if not value:
        return ""
    try:
        parsed = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return value
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


@lru_cache(maxsize=4096)
def initials(name: str | None) -> str:
    words = [word for word in (name or "").split() if word[:1].isalnum()]
    if not words:
        return "#"
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper()


def hue(identifier: object, hues: int = AVATAR_HUES) -> int:
    """A colour that stays with an id: the end of a UUIDv7 is random (the browser reckons the same)."""
    return _tail(str(identifier or "")) % hues


def channel_hue(identifier: object) -> int:
    return hue(identifier, CHANNEL_HUES)


def extension(name: str | None, mime: str | None) -> str:
    if name and "." in name:
        return name.rsplit(".", 1)[1][:4].upper()
    return (mime or "").rsplit("/", 1)[-1][:4].upper() or "?"


def names_by_id(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {str(item["id"]): str(item["name"]) for item in items}


def is_only_emoji(text: str | None) -> bool:
    """One to three emoji alone are shown large, as on the phone."""
    bare = (text or "").strip()
    return bool(bare) and len(bare) <= 12 and all(_is_emoji_part(letter) for letter in bare)


def _is_emoji_part(letter: str) -> bool:
    code = ord(letter)
    return 0x1F000 <= code <= 0x1FAFF or 0x2600 <= code <= 0x27BF or code in (0x200D, 0xFE0F, 0x2B50)


# As many as a day has minutes, in every language.
@lru_cache(maxsize=24 * 60 * len(LANGUAGES))
def _clock(hour: int, minute: int, locale: str) -> str:
    return dates.format_time(time(hour, minute), "short", locale=_parsed_locale(locale))


# Lists and threads say the same days again and again.
@lru_cache(maxsize=2048)
def _date(day: date, style: str, locale: str) -> str:
    return dates.format_date(day, style, locale=_parsed_locale(locale))


@lru_cache(maxsize=4096)
def _tail(identifier: str) -> int:
    return int(NOT_HEXADECIMAL.sub("", identifier)[-4:] or "0", 16)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=8)
def _parsed_locale(name: str) -> Locale:
    return Locale.parse(name)


def _locale() -> Locale:
    return _parsed_locale(i18n.current_viewer().locale)


def _today() -> Any:
    return datetime.now(_zone(i18n.current_viewer().zone)).date()


FILTERS: dict[str, Callable[..., Any]] = {
    "iso": iso,
    "clock": clock,
    "day_key": day_key,
    "day_name": day_name,
    "row_time": row_time,
    "full_time": full_time,
    "ago": ago,
    "wait": wait,
    "minutes_since": minutes_since,
    "seconds": seconds,
    "file_size": file_size,
    "number": number,
    "money": money,
    "phone": phone,
    "initials": initials,
    "hue": hue,
    "channel_hue": channel_hue,
    "extension": extension,
    "names_by_id": names_by_id,
    "is_only_emoji": is_only_emoji,
}
