"""Keeps the message catalogues: gathers the texts of Python, templates and TypeScript, compiles, and checks.

The check fails on what is missing, fuzzy or has other placeholders, and on a translation
that equals the pt-BR text unless `locales/same.txt` lists it.
"""

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract

from hunfly_box.kit.i18n import CATALOGUES, LOCALES, SOURCE_LOCALE

ROOT = CATALOGUES.parent.parent
TEMPLATES = ROOT / "web" / "templates"
SCRIPTS = ROOT / "web" / "src" / "ts"
SAME = CATALOGUES / "same.txt"

KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2), "mark": None}
TEMPLATE_OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
QUOTED = r"""'((?:[^'\\\n]|\\.)*)'"""
SCRIPT_TEXT = re.compile(rf"\bt\(\s*{QUOTED}")
SCRIPT_PLURAL = re.compile(rf"\btn\(\s*{QUOTED}\s*,\s*{QUOTED}")


def main(arguments: list[str]) -> int:
    verbs = {"extract": update, "compile": compile_all, "check": check}
    if len(arguments) != 1 or arguments[0] not in verbs:
        print("usage: python -m hunfly_box.kit.catalogues extract|compile|check")  # noqa: T201
        return 2
    complaints = verbs[arguments[0]]()
    for complaint in complaints:
        print(complaint)  # noqa: T201
    return 1 if complaints else 0


def update() -> list[str]:
    """Brings every catalogue to the texts of today; new ones are empty, so that the check finds them."""
    template = gather()
    for locale in LOCALES:
        catalogue = read(locale)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        _write(locale, catalogue)
    return []


def compile_all() -> list[str]:
    for locale in LOCALES:
        with _path(locale).with_suffix(".mo").open("wb") as file:
            mofile.write_mo(file, read(locale))
    return []


def check() -> list[str]:
    template = gather()
    same = set(SAME.read_text(encoding="utf-8").splitlines()) if SAME.exists() else set()
    complaints: list[str] = []
    for locale in LOCALES:
        catalogue = read(locale)
        for message in template:
            if message.id:
                complaints.extend(
                    f"{locale}: {problem}: {message.id!r}" for problem in _problems(locale, catalogue, message, same)
                )
    return complaints


def _problems(locale: str, catalogue: Catalog, wanted: Message, same: set[str]) -> Iterator[str]:
    found = catalogue.get(wanted.id)
    if found is None:
        yield "not in the catalogue (run extract)"
        return
    if found.fuzzy:
        yield "fuzzy"
    if locale == SOURCE_LOCALE:
        return
    originals = wanted.id if isinstance(wanted.id, list | tuple) else (wanted.id,)
    translated = found.string if isinstance(found.string, list | tuple) else (found.string,)
    if not all(translated):
        yield "missing"
        return
    for original, text in zip(originals, translated, strict=False):
        if set(PLACEHOLDER.findall(original)) != set(PLACEHOLDER.findall(str(text))):
            yield "other placeholders"
        if original == text and original not in same and any(letter.isalpha() for letter in original):
            yield "equals the pt-BR text (list it in locales/same.txt if that is right)"


def gather() -> Catalog:
    catalogue = Catalog(project="Hunfly Box", charset="utf-8")
    for path in sorted((ROOT / "hunfly_box").rglob("*.py")):
        _gather_file(catalogue, path, "python", {})
    for path in sorted(TEMPLATES.rglob("*.html")):
        _gather_file(catalogue, path, "jinja2.ext:babel_extract", TEMPLATE_OPTIONS)
    for path in sorted(SCRIPTS.rglob("*.ts")):
        for text in script_texts(path.read_text(encoding="utf-8")):
            catalogue.add(text, locations=[(_name(path), 0)])
    return catalogue


def script_texts(source: str) -> list[str]:
    """`t('…')` and both forms of `tn('…', '…', n)`, in order and once."""
    found: list[str] = SCRIPT_TEXT.findall(source)
    for one, other in SCRIPT_PLURAL.findall(source):
        found += [one, other]
    return list(dict.fromkeys(text.replace("\\'", "'") for text in found))


def _gather_file(catalogue: Catalog, path: Path, method: str, options: dict[str, str]) -> None:
    with path.open("rb") as file:
        source = BytesIO(file.read())
    for line, texts, _comments, _context in extract(method, source, KEYWORDS, (), options):
        del line
        catalogue.add(texts, locations=[(_name(path), 0)])


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(locale: str) -> Catalog:
    path = _path(locale)
    if not path.exists():
        return Catalog(locale=locale, project="Hunfly Box", charset="utf-8")
    with path.open("rb") as file:
        return pofile.read_po(file, locale=locale)


def _write(locale: str, catalogue: Catalog) -> None:
    path = _path(locale)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        pofile.write_po(file, catalogue, width=110, sort_by_file=True, omit_header=False, ignore_obsolete=True)


def _path(locale: str) -> Path:
    return CATALOGUES / locale / "LC_MESSAGES" / "messages.po"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
