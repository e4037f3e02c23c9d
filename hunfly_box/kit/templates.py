"""Jinja2: pages, fragments for live streams, and the filters that templates use. Escaping is always on."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hunfly_box.kit import i18n, rich_text, wording
from hunfly_box.kit.i18n import Viewer

__all__ = ["Templates", "Viewer", "web_dir"]

PACKAGE = Path(__file__).resolve().parent.parent

ICON = Markup('<svg class="{}" aria-hidden="true"><use href="{}#i-{}"></use></svg>')


class AssetsMissing(RuntimeError):
    """The front end is not built: `make setup`, or in web/: `npm ci --ignore-scripts && npm run build`."""


def web_dir() -> Path:
    """In a wheel the folder lies inside the package, in a source tree beside it."""
    packaged = PACKAGE / "web"
    return packaged if packaged.is_dir() else PACKAGE.parent / "web"


def translated(text: str, /, **values: object) -> Markup:
    """What `_()` says in a template: as the i18n extension's own, which is dear for what a page does by the hundred."""
    said = _said(i18n.current_viewer().locale, text)
    return said % values if values or "%" in said else said


@lru_cache(maxsize=4096)
def _said(locale: str, text: str) -> Markup:
    return Markup(i18n.translate(locale, text))  # noqa: S704 - templates and catalogues are ours


class Templates:
    """Thread-safe: what depends on the viewer lives in a context variable, not in the environment."""

    def __init__(self, folder: Path | None = None) -> None:
        root = folder or web_dir()
        self.templates_dir = root / "templates"
        self.static_dir = root / "static"
        # A page has more than a hundred icons, of a few kinds.
        self._drawn: dict[tuple[str, str], Markup] = {}
        self._environment = Environment(
            loader=FileSystemLoader(self.templates_dir),
            extensions=["jinja2.ext.i18n"],
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            auto_reload=False,
        )
        self._environment.policies["ext.i18n.trimmed"] = True
        self._environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
        self._environment.install_gettext_callables(  # type: ignore[attr-defined]
            i18n.gettext, i18n.ngettext, newstyle=True
        )
        self._environment.globals.update(
            _=translated,
            asset=self.asset,
            icon=self.icon,
            build=lambda: self.build,
            script_texts=self.script_texts,
            language=wording.language_tag,
            zone=lambda: i18n.current_viewer().zone,
            languages=wording.LANGUAGES,
        )
        self._environment.filters.update(
            rich=rich_text.rich, is_plain=rich_text.is_plain, safe_url=rich_text.safe_url, **wording.FILTERS
        )

    def page(self, name: str, viewer: Viewer, /, **context: Any) -> str:
        with i18n.speaking_to(viewer):
            return self._environment.get_template(name).render(context)

    def macro(self, name: str, macro: str, viewer: Viewer, /, *arguments: Any) -> str:
        """One macro of a file, for fragments that travel by the live stream."""
        with i18n.speaking_to(viewer):
            module = self._environment.get_template(name).module
            return str(getattr(module, macro)(*arguments))

    @cached_property
    def build(self) -> str:
        """Changes whenever a script or a style does: open pages then offer to reload."""
        return hashlib.sha256(json.dumps(self._manifest, sort_keys=True).encode()).hexdigest()[:12]

    def asset(self, name: str) -> str:
        return f"/static/dist/{self._manifest[name]}"

    def icon(self, name: str, size: str = "") -> Markup:
        drawn = self._drawn.get((name, size))
        return drawn if drawn is not None else self._draw(name, size)

    def _draw(self, name: str, size: str) -> Markup:
        if name not in self._icons:
            raise AssetsMissing(f"no icon {name!r} in the sprite: name it in web/icons.txt and build again")
        drawn = ICON.format(f"ic {size}".strip(), self.asset("sprite.svg"), name)
        self._drawn[name, size] = drawn
        return drawn

    def script_texts(self) -> dict[str, str]:
        """The texts of our TypeScript in the viewer's language; source texts need no entry."""
        locale = i18n.current_viewer().locale
        if locale == i18n.SOURCE_LOCALE:
            return {}
        return {text: i18n.translate(locale, text) for text in self._script_texts}

    @cached_property
    def _manifest(self) -> Mapping[str, str]:
        return dict(self._read_built("manifest.json"))

    @cached_property
    def _icons(self) -> frozenset[str]:
        sprite = (self.static_dir / "dist" / "sprite.svg").read_text(encoding="utf-8")
        return frozenset(re.findall(r'<symbol id="i-([a-z0-9-]+)"', sprite))

    @cached_property
    def _script_texts(self) -> list[str]:
        return list(self._read_built("strings.json"))

    def _read_built(self, name: str) -> Any:
        path = self.static_dir / "dist" / name
        if not path.exists():
            raise AssetsMissing(f"{path} is missing. {AssetsMissing.__doc__}")
        return json.loads(path.read_text(encoding="utf-8"))
