"""WhatsApp markup in one pass: bold, italic, strike, code, quotes, lists, links and mentions.

Text becomes nodes, and nodes become HTML by escaping every piece of text:
nothing a person writes is ever treated as HTML.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol
from urllib.parse import urlsplit

from markupsafe import Markup, escape

# Beyond this much, text is shown as it is: no person formats 64 KiB, or 2,000 words and lines, by hand.
MARKUP_LIMIT = 64 * 1024
MARK_LIMIT = 2_000
NESTING_LIMIT = 3

STYLE_OF = {"*": "bold", "_": "italic", "~": "strike"}
FRAME_OF = {
    "bold": Markup("<strong>{}</strong>"),
    "italic": Markup("<em>{}</em>"),
    "strike": Markup("<s>{}</s>"),
}
FENCE = "```"

# Embeddings, overrides and isolates can make a link or a price read backwards;
# ordinary right-to-left text needs none of them.
BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])

INTERESTING = re.compile(r"(?P<link>(?:https?://|www\.)[^\s<>\"]+)|(?P<mention>@\d{5,20})|(?P<mark>[*_~`])")
LIST_LINE = re.compile(r"(?:[*-] (?P<bullet>.+)|(?P<number>\d{1,3})\. (?P<numbered>.+))", re.DOTALL)
MARK_OR_LINE = re.compile(r"[*_~`@\n]|://|www\.")
# Written so that each begins with one set of characters: the pattern engine then runs over everything else in one go,
# fifteen times faster than over alternatives. Every message that comes in is looked at.
HINT_OF_MARKUP = re.compile(r"[*_~`@>hw](?:(?<=[*_~`@>])|(?<=h)ttps?://|(?<=w)ww\.)")
HINT_OF_LIST = re.compile(r"^(?:- |\d{1,3}\. )", re.MULTILINE)
BIDI_CONTROL = re.compile("[" + "".join(map(chr, BIDI_CONTROLS)) + "]")
TRAILING_PUNCTUATION = ".,;:!?*_~`'\u2019\u201d"


@dataclass(frozen=True, slots=True)
class Node:
    kind: str
    text: str = ""
    children: tuple["Node", ...] = ()
    href: str = ""
    start: int = 1


def is_plain(text: str) -> bool:
    """Nothing to format: the browser may place it by textContent."""
    if HINT_OF_MARKUP.search(text) or (not text.isascii() and BIDI_CONTROL.search(text)):
        return False
    may_hold_list = "\n" in text or text[:1] == "-" or text[:1].isdecimal()
    return not (may_hold_list and HINT_OF_LIST.search(text))


class Mentioned(Protocol):
    """Somebody a text may name by `@handle`."""

    @property
    def handle(self) -> str: ...

    @property
    def name(self) -> str: ...


def rich(text: str | None, mentions: Iterable[Mentioned] | None = None) -> Markup:
    """What is_plain comes out as it went in, escaped."""
    names = {mention.handle: mention.name for mention in mentions or ()}
    return Markup("").join(_html(node) for node in parse(text or "", names))


def parse(text: str, names: Mapping[str, str] | None = None) -> list[Node]:
    text = text.translate(BIDI_CONTROLS)
    end = _end_of_markup(text)
    nodes = list(_blocks(text[:end], names or {}))
    _add_text(nodes, text[end:])
    return nodes


def text_content(nodes: Sequence[Node]) -> str:
    return "".join(node.text + text_content(node.children) for node in nodes)


def _end_of_markup(text: str) -> int:
    marks = MARK_OR_LINE.finditer(text, 0, MARKUP_LIMIT)
    last = next(islice(marks, MARK_LIMIT, None), None)
    return last.start() if last else min(len(text), MARKUP_LIMIT)


def _blocks(text: str, names: Mapping[str, str]) -> Iterator[Node]:
    """Fenced code first, for it may hold line breaks; everything else is read line by line."""
    position = 0
    while True:
        opening = text.find(FENCE, position)
        closing = text.find(FENCE, opening + 3) if opening >= 0 else -1
        if closing < 0:
            yield from _lines(text[position:], names)
            return
        yield from _lines(text[position:opening], names)
        yield Node("mono", text[opening + 3 : closing])
        position = closing + 3


def _lines(text: str, names: Mapping[str, str]) -> Iterator[Node]:
    """Neighbouring lines of one kind make one quote or list; the breaks around a block are its own."""
    if not text:
        return
    block: list[Node] = []
    kind, start = "", 1
    needs_break = False
    for line in text.split("\n"):
        line_kind, number, content = _line_kind(line)
        inline = tuple(_inline(content, names))
        if line_kind and line_kind == kind:
            block.append(Node("line", children=inline))
            continue
        if kind:
            yield Node(kind, children=tuple(block), start=start)
            block, kind, needs_break = [], "", False
        if line_kind:
            block, kind, start = [Node("line", children=inline)], line_kind, number
            continue
        if needs_break:
            yield Node("text", "\n")
        yield from inline
        needs_break = True
    if kind:
        yield Node(kind, children=tuple(block), start=start)


def _line_kind(line: str) -> tuple[str, int, str]:
    if line.startswith("> ") and len(line) > 2:
        return "quote", 1, line[2:]
    if found := LIST_LINE.fullmatch(line):
        if found["bullet"]:
            return "bullets", 1, found["bullet"]
        return "numbers", int(found["number"]), found["numbered"]
    return "", 1, line


@dataclass(slots=True)
class _Open:
    """A style that has been opened and waits for its closing mark."""

    mark: str
    nodes: list[Node]


def _inline(line: str, names: Mapping[str, str]) -> list[Node]:
    """One pass with a stack: a style stands open at most once, so no mark is looked at twice."""
    stack = [_Open("", [])]
    position = 0
    while found := INTERESTING.search(line, position):
        _add_text(stack[-1].nodes, line[position : found.start()])
        position = _take(line, found, stack, names)
    _add_text(stack[-1].nodes, line[position:])
    while len(stack) > 1:
        _give_up(stack)
    return stack[0].nodes


def _take(line: str, found: re.Match[str], stack: list[_Open], names: Mapping[str, str]) -> int:
    """Turns what was found into nodes; returns where to read on."""
    nodes = stack[-1].nodes
    if link := found["link"]:
        address = _without_tail(link)
        if not _starts_word(line, found.start()) or not _host(address):
            _add_text(nodes, link)
            return found.end()
        nodes.append(Node("link", _shown(address), href=_absolute(address)))
        return found.start() + len(address)
    if mention := found["mention"]:
        name = names.get(mention[1:])
        if name:
            nodes.append(Node("mention", f"@{name}"))
        else:
            _add_text(nodes, mention)
        return found.end()
    if found["mark"] == "`":
        return _take_code(line, found.start(), nodes)
    _take_mark(line, found.start(), stack)
    return found.end()


def _take_code(line: str, position: int, nodes: list[Node]) -> int:
    closing = line.find("`", position + 1)
    if closing <= position + 1:
        _add_text(nodes, "`")
        return position + 1
    nodes.append(Node("code", line[position + 1 : closing]))
    return closing + 1


def _take_mark(line: str, position: int, stack: list[_Open]) -> None:
    mark = line[position]
    is_open = any(opened.mark == mark for opened in stack)
    if is_open and _closes(line, position):
        while stack[-1].mark != mark:
            _give_up(stack)
        inner = stack.pop().nodes
        stack[-1].nodes.append(Node(STYLE_OF[mark], children=tuple(inner)))
    elif not is_open and len(stack) <= NESTING_LIMIT and _opens(line, position):
        stack.append(_Open(mark, []))
    else:
        _add_text(stack[-1].nodes, mark)


def _give_up(stack: list[_Open]) -> None:
    """The style was never closed: its mark is an ordinary character."""
    opened = stack.pop()
    _add_text(stack[-1].nodes, opened.mark)
    stack[-1].nodes.extend(opened.nodes)


def _opens(line: str, position: int) -> bool:
    following = line[position + 1 : position + 2]
    return bool(following) and not following.isspace() and _starts_word(line, position)


def _closes(line: str, position: int) -> bool:
    before, after = line[position - 1], line[position + 1 : position + 2]
    return not before.isspace() and before != line[position] and not after.isalnum()


def _starts_word(line: str, position: int) -> bool:
    return position == 0 or not line[position - 1].isalnum()


def _add_text(nodes: list[Node], text: str) -> None:
    if text:
        nodes.append(Node("text", text))


def _without_tail(address: str) -> str:
    """A full stop or a bracket after a link belongs to the sentence."""
    end = len(address)
    while end and (address[end - 1] in TRAILING_PUNCTUATION or _is_lone_bracket(address, end)):
        end -= 1
    return address[:end]


def _is_lone_bracket(address: str, end: int) -> bool:
    return address[end - 1] in ")]}" and not any(opening in address for opening in "([{")


def _absolute(address: str) -> str:
    return address if "://" in address else f"https://{address}"


def _host(address: str) -> str:
    try:
        return urlsplit(_absolute(address)).hostname or ""
    except ValueError:
        return ""


def _shown(address: str) -> str:
    """A host that mixes alphabets is shown in punycode: one Cyrillic letter must not pass for a Latin one."""
    host = _host(address)
    if host.isascii() or len({_alphabet(letter) for letter in host if letter.isalpha()}) < 2:
        return address
    try:
        honest = host.encode("idna").decode("ascii")
    except UnicodeError:
        honest = host.encode("ascii", "backslashreplace").decode("ascii")
    start = address.lower().find(host)
    return address[:start] + honest + address[start + len(host) :] if start >= 0 else honest


def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "?").split(" ", 1)[0]


def _html(node: Node) -> Markup:
    if node.kind == "text":
        return escape(node.text)
    if node.kind == "link":
        attributes = Markup('target="_blank" rel="noopener noreferrer nofollow"')
        return Markup('<a href="{}" {}>{}</a>').format(safe_url(node.href), attributes, node.text)
    if node.kind == "mention":
        return Markup('<span class="mention">{}</span>').format(node.text)
    if node.kind == "code":
        return Markup("<code>{}</code>").format(node.text)
    if node.kind == "mono":
        return Markup("<code class=mono>{}</code>").format(node.text)
    if frame := FRAME_OF.get(node.kind):
        return frame.format(_inner(node))
    return _block_html(node)


def _block_html(node: Node) -> Markup:
    if node.kind == "quote":
        return Markup("<blockquote>{}</blockquote>").format(Markup("\n").join(map(_inner, node.children)))
    items = Markup("").join(Markup("<li>{}</li>").format(_inner(line)) for line in node.children)
    if node.kind == "bullets":
        return Markup("<ul>{}</ul>").format(items)
    return Markup('<ol start="{}">{}</ol>').format(node.start, items)


def _inner(node: Node) -> Markup:
    return Markup("").join(_html(child) for child in node.children)


SAFE_SCHEMES = {"http", "https", "mailto", "tel"}


def safe_url(address: object) -> str:
    """Only addresses that cannot run anything; a path on this site is fine, `//host` is not."""
    text = str(address or "").strip()
    if text.startswith("/") and not text.startswith(("//", "/\\")):
        return text
    try:
        scheme = urlsplit(text).scheme.lower()
    except ValueError:
        return "#"
    return text if scheme in SAFE_SCHEMES else "#"
