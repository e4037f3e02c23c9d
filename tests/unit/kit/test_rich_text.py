"""WhatsApp markup: what an agent reads, and what a hostile customer cannot do."""

import html
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from hunfly_box.inbox.payloads import Mention
from hunfly_box.kit.rich_text import BIDI_CONTROLS, is_plain, parse, rich, safe_url, text_content

MARKED_UP = st.text(alphabet="ab *_~`>-1.\n@<&\"'éш😀[](:/w") | st.text()


def shown(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*oi*", "<strong>oi</strong>"),
        ("_oi_ e ~não~", "<em>oi</em> e <s>não</s>"),
        ("*um _dois_ três*", "<strong>um <em>dois</em> três</strong>"),
        ("2*3*4", "2*3*4"),
        ("* solto", "<ul><li>solto</li></ul>"),
        ("*sem fim", "*sem fim"),
        ("*a _b*", "<strong>a _b</strong>"),
        ("`x*y*`", "<code>x*y*</code>"),
        ("```um\n*dois*```", "<code class=mono>um\n*dois*</code>"),
        ("antes\n> citado\n> ainda\ndepois", "antes<blockquote>citado\nainda</blockquote>depois"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("3. c\n4. d", '<ol start="3"><li>c</li><li>d</li></ol>'),
        ("um\ndois", "um\ndois"),
        ("nome_de_arquivo_final", "nome_de_arquivo_final"),
        ("**", "**"),
    ],
)
def test_markup_reads_as_on_the_phone(text: str, expected: str) -> None:
    assert rich(text) == expected


def test_html_stays_text() -> None:
    assert rich("<img src=x onerror=alert(1)>") == "&lt;img src=x onerror=alert(1)&gt;"


def test_a_link_leaves_the_full_stop_to_the_sentence() -> None:
    assert rich("veja https://exemplo.com.br/a_b_c.") == (
        'veja <a href="https://exemplo.com.br/a_b_c" target="_blank" '
        'rel="noopener noreferrer nofollow">https://exemplo.com.br/a_b_c</a>.'
    )


def test_a_link_cannot_leave_its_attribute() -> None:
    assert "onclick=" not in rich('https://a.b/"onclick="x').replace("&#34;onclick=", "").split("</a>")[0]


def test_a_host_of_mixed_alphabets_is_shown_in_punycode() -> None:
    assert ">https://xn--" in rich("https://p\u0430ypal.com/entrar")


def test_bidi_controls_are_removed() -> None:
    assert rich("paga \u202e001 \u2066x") == "paga 001 x"


def test_a_mention_shows_the_name() -> None:
    people = [Mention(id="1", name="Bruno <b>", handle="5511999990000")]
    assert rich("@5511999990000 oi", people) == '<span class="mention">@Bruno &lt;b&gt;</span> oi'
    assert rich("@5511999990001 oi", people) == "@5511999990001 oi"


def test_no_more_than_three_styles_nest() -> None:
    assert rich("*_~*a*~_*").count("<strong>") == 1


@pytest.mark.parametrize("text", ["Bom dia!", "quanto fica?", "15/12 às 10h", "😀"])
def test_ordinary_sentences_are_plain(text: str) -> None:
    assert is_plain(text)
    assert rich(text) == html.escape(text)


@pytest.mark.parametrize("text", ["*a*", "a\n- b", "www.a.com", "@551199999", "1. um", "\u202ea"])
def test_marked_up_text_is_not_plain(text: str) -> None:
    assert not is_plain(text)


@given(MARKED_UP)
def test_what_is_shown_is_what_was_written_minus_the_marks(text: str) -> None:
    written = text.translate(BIDI_CONTROLS)
    content = text_content(parse(text))
    left = iter(written)
    kept = all(character in left for character in content)
    dropped = len(written) - len(content)
    assert kept or "://" in text or "www." in text
    marks = sum(written.count(mark) for mark in "*_~`>-.\n ") + sum(character.isdigit() for character in written)
    assert dropped <= marks


@given(MARKED_UP)
def test_the_html_says_exactly_the_text_of_the_nodes(text: str) -> None:
    assert "".join(shown(rich(text)).split()) == "".join(text_content(parse(text)).split())


@given(MARKED_UP)
def test_plain_text_is_rendered_by_escaping_alone(text: str) -> None:
    if is_plain(text):
        assert rich(text) == escape(text)


@pytest.mark.parametrize(
    "seed", ["*", "*a ", "_*~", "`", "> ", "- a\n", "http://a", "```", "www.", "(www.a)", "@1234567"]
)
def test_four_times_the_text_takes_about_four_times_as_long(seed: str) -> None:
    """A quadratic reader would take sixteen times as long. The processor's own time, best of three: others work here too."""
    short = (seed * 30_000)[:30_000]
    ratio = cost_of(short * 4) / cost_of(short)
    assert ratio < 10


def cost_of(text: str) -> float:
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        rich(text)
        best = min(best, time.process_time() - started)
    return max(best, 0.0005)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a.b", "https://a.b"),
        ("tel:+5511", "tel:+5511"),
        ("/inbox", "/inbox"),
        ("//evil.example", "#"),
        ("/\\evil.example", "#"),
        ("javascript:alert(1)", "#"),
        (" JaVaScRiPt:alert(1)", "#"),
        ("data:text/html,x", "#"),
        ("http://[broken", "#"),
        (None, "#"),
    ],
)
def test_only_harmless_addresses_pass(address: str | None, expected: str) -> None:
    assert safe_url(address) == expected
