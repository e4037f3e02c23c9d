import json
import re
from importlib import resources

import pytest

from hunfly_box.simulator.routes_message import EMOJI

PAGE = resources.files("hunfly_box.simulator") / "page"
LANGUAGES = ("pt-BR", "en", "es")


def catalog(language: str) -> dict[str, str]:
    return json.loads(PAGE.joinpath("catalog", f"{language}.json").read_text("utf-8"))


def sources() -> str:
    names = ("index.html", "phone.js", "bubbles.js", "composer.js", "numbers.js", "words.js")
    return "\n".join(PAGE.joinpath(name).read_text("utf-8") for name in names)


def test_the_three_languages_say_the_same_things() -> None:
    known = catalog("pt-BR")
    for language in LANGUAGES:
        assert catalog(language).keys() == known.keys()
        for key, text in catalog(language).items():
            assert text.strip()
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", known[key]))


def test_every_word_the_page_uses_is_in_the_catalog() -> None:
    used = set(re.findall(r'data-(?:word|label|hint)="(\w+)"', sources()))
    used |= set(re.findall(r'\bword\("(\w+)"', sources())) | set(re.findall(r'(?<!\.)\badd\("(\w+)"', sources()))
    assert used <= catalog("pt-BR").keys()


def test_the_page_runs_under_a_strict_policy() -> None:
    html = PAGE.joinpath("index.html").read_text("utf-8")
    assert "<style" not in html
    assert not re.search(r"<script(?![^>]*src=)", html)
    assert not re.search(r"\son\w+=|\sstyle=", html)
    assert "innerHTML" not in sources()


@pytest.mark.parametrize("emoji", ["👍", "❤️", "🙏🏽", "👨‍👩‍👧", "🇧🇷", "1️⃣"])
def test_one_emoji_is_a_reaction(emoji: str) -> None:
    assert EMOJI.fullmatch(emoji)


@pytest.mark.parametrize("text", ["a", "👍👍", "ok 👍", " "])
def test_anything_else_is_not(text: str) -> None:
    assert not EMOJI.fullmatch(text)
