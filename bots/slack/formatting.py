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
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})[^\n`]*$\n?", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+", re.MULTILINE)
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
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
    parts = [harmless(page)[at : at + SECTION] for at in range(0, len(page), SECTION)]
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
    words = _STRONG.sub(r"\2", _LINK.sub(r"\1 (\2)", _HEADING.sub("", _FENCE.sub("", page)))).strip() or page
    shown = escaped(words)
    while len(shown) > TEXT:
        words = words[: len(words) - max(1, (len(shown) - TEXT) // 5)]
        shown = escaped(words) + CUT
    return shown


def escaped(text: str) -> str:
    """The three characters that Slack reads as its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
