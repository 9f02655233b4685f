"""The look of a reply in Slack: its dialect, its blocks, and the plain text for where blocks are not shown."""

import re
from typing import Any

from core.rendering.paginator import Dialect
from core.rendering.plain_pages import cut_by_length as cut

LIMIT = 9_500  # of a page, as `size` counts; a markdown block takes 12,000 characters, all blocks of a message 13,200
LINE = 120  # that a line counts beside its characters: no page has 50 paragraphs, and Slack takes 50 blocks
TEXT = 3_800  # characters of plain text, escaped; chat.update refuses 4,000
SECTION = 2_900  # characters; Slack allows 3,000
CUT = " …"

_PING = re.compile(
    r"<(?=!(?:channel|here|everyone|group|subteam)\b|@[UW][A-Z0-9])|(?<!\w)@(?=(?:channel|here|everyone)\b)"
)
_HARMLESS = {"<": "\u2039", "@": "\uff20"}  # as long as what they stand for, and nearly alike
_FENCE = re.compile(r"^ {0,3}+(?:`{3,}+|~{3,}+)[^\n`]*+$\n?", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+", re.MULTILINE)
_STRONG = re.compile(r"(\*\*|__)(?=\S)")
_CLOSING = {mark: re.compile(rf"(?<=\S){re.escape(mark)}") for mark in ("**", "__")}
_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\((https?://[^\s()]+)\)")


def harmless(text: str) -> str:
    """`text`, with nothing in it that would notify anybody."""
    return _PING.sub(lambda found: _HARMLESS[found[0]], text)


def size(text: str) -> int:
    """What a text takes of a page."""
    return len(text) + LINE * text.count("\n")


DIALECT = Dialect(limit=LIMIT, size=size)


def blocks(page: str) -> list[dict[str, Any]]:
    """A page as Slack shows Markdown. It notifies nobody."""
    return [{"type": "markdown", "text": harmless(page)}]


def sections(page: str) -> list[dict[str, Any]]:
    """A page as plain text, where Slack refuses its Markdown."""
    page = harmless(page)
    parts = (page[at : at + SECTION] for at in range(0, len(page), SECTION))
    return [
        {"type": "section", "text": {"type": "plain_text", "text": part, "emoji": False}, "expand": True}
        for part in parts
        if part.strip()
    ]


def pieces(text: str) -> list[str]:
    """A whole text in pages that `sections` takes, cut by length alone."""
    return cut(text, SECTION)


def plain(page: str) -> str:
    """A page as notifications, search and screen readers have it: its words without marks, escaped, cut if long."""
    page = harmless(page)
    words = _LINK.sub(r"\1 (\2)", _HEADING.sub("", _FENCE.sub("", page)))
    words = "\n".join(map(_unmarked, words.split("\n"))).strip() or page
    shown = escaped(words)
    while len(shown) > TEXT:
        words = words[: len(words) - max(1, (len(shown) - TEXT) // 5)]
        shown = escaped(words) + CUT
    return shown


def _unmarked(line: str) -> str:
    """`line` without the marks of strong words. A mark that nothing closes is looked for once, not at every opening."""
    parts: list[str] = []
    lost: set[str] = set()
    at = begin = 0
    while opening := _STRONG.search(line, begin):
        mark = opening[1]
        closing = None if mark in lost else _CLOSING[mark].search(line, opening.end() + 1)
        if closing is None:
            lost.add(mark)
            begin = opening.start() + 1
            continue
        parts += [line[at : opening.start()], line[opening.end() : closing.start()]]
        at = begin = closing.end()
    return "".join([*parts, line[at:]])


def escaped(text: str) -> str:
    """The three characters that Slack reads as its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
