"""Languages: gettext catalogues (source language pt-BR), and the language and zone of whom we answer.

`python -m hunfly_box.kit.catalogues extract|compile|check` keeps the catalogues.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

SOURCE_LOCALE = "pt_BR"
LOCALES = ("pt_BR", "en", "es")
CATALOGUES: Path = Path(__file__).resolve().parent.parent / "locales"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whom a text is for: their language, their tenant's time zone."""

    locale: str = SOURCE_LOCALE
    zone: str = "America/Sao_Paulo"


DEFAULT_VIEWER = Viewer()

_viewer: ContextVar[Viewer] = ContextVar("viewer", default=DEFAULT_VIEWER)


def current_viewer() -> Viewer:
    return _viewer.get()


@contextmanager
def speaking_to(viewer: Viewer) -> Iterator[None]:
    token = _viewer.set(viewer)
    try:
        yield
    finally:
        _viewer.reset(token)


def gettext(text: str) -> str:
    return translations(current_viewer().locale).gettext(text)


def ngettext(one: str, other: str, number: int) -> str:
    return translations(current_viewer().locale).ngettext(one, other, number)


def mark(text: str) -> str:
    """Marks a text for the catalogues where it cannot be translated yet, such as in a module's table."""
    return text


def translate(locale: str, text: str) -> str:
    return translations(locale).gettext(text)


def closest_locale(wanted: str | None) -> str:
    """The language to answer in: `pt-PT`, `pt` and an unknown one get the source language."""
    language = (wanted or "").replace("-", "_").split("_", 1)[0].lower()
    return language if language in LOCALES else SOURCE_LOCALE


@cache
def translations(locale: str) -> NullTranslations:
    """The compiled catalogue where there is one; in a source tree the readable one does."""
    folder = CATALOGUES / locale / "LC_MESSAGES"
    compiled = folder / "messages.mo"
    readable = folder / "messages.po"
    if compiled.exists() and not _is_newer(readable, compiled):
        with compiled.open("rb") as file:
            return GNUTranslations(file)
    if readable.exists():
        return GNUTranslations(io.BytesIO(_compiled(readable)))
    return NullTranslations()


def _is_newer(readable: Path, compiled: Path) -> bool:
    return readable.exists() and readable.stat().st_mtime > compiled.stat().st_mtime


def _compiled(readable: Path) -> bytes:
    # Only source trees come here, and this part of Babel costs memory.
    from babel.messages import mofile, pofile

    with readable.open("rb") as file:
        catalogue = pofile.read_po(file, locale=readable.parent.parent.name)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    return compiled.getvalue()
