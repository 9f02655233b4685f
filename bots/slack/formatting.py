"""Formatting of replies in Slack: dialect, blocks, and the fallback text for where blocks are not shown. Pure."""

import re
from typing import Any

from core.rendering.paginator import Dialect
from core.rendering.plain_pages import cut_by_length as cut

LIMIT = 9_500  # of a page, as `size` counts; a markdown block takes 12,000 characters, all blocks of a message 13,200
LINE = 120  # that a line counts beside its characters: no page has 50 paragraphs, and Slack takes 50 blocks
TEXT = 3_800  # characters of plain text, escaped; chat.update refuses 4,000
SECTION = 2_900  # characters; Slack allows 3,000
CUT = " …"
INSTRUCTIONS = """\
Your answer is shown in Slack, which draws your Markdown: headings, lists, tables, quotes, links and code blocks. It \
does not draw LaTeX, footnotes, or HTML such as <br> or <details>; pictures become links. Write formulas in plain text \
or in code."""
"""What Claude is told of Slack; a change of it costs every thread its prompt cache once."""

_PING = re.compile(
    r"<(?=!(?:channel|here|everyone|group|subteam)\b|@[UW][A-Z0-9])|(?<!\w)@(?=(?:channel|here|everyone)\b)"
)
_HARMLESS = {"<": "\u2039", "@": "\uff20"}  # as long as what they stand for, and nearly alike
_FENCE = re.compile(r"^ {0,3}+(?:`{3,}+|~{3,}+)[^\n`]*+$\n?", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+", re.MULTILINE)
_STRONG = re.compile(r"(\*\*|__)(?=\S)")
_CLOSING = {mark: re.compile(rf"(?<=\S){re.escape(mark)}") for mark in ("**", "__")}
_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\((https?://[^\s()]+)\)")


def defuse_mentions(text: str) -> str:
    """Change what would notify somebody, into characters that look alike."""
    return _PING.sub(lambda found: _HARMLESS[found[0]], text)


def measure(text: str) -> int:
    """The room that a text takes of a page."""
    return len(text) + LINE * text.count("\n")


DIALECT = Dialect(limit=LIMIT, size=measure)


def build_blocks(page: str) -> list[dict[str, Any]]:
    """Block Kit blocks of a page, in Markdown. They notify nobody."""
    return [{"type": "markdown", "text": defuse_mentions(page)}]


def build_sections(page: str) -> list[dict[str, Any]]:
    """Block Kit blocks of a page in plain text, for where Slack refuses its Markdown."""
    page = defuse_mentions(page)
    parts = (page[at : at + SECTION] for at in range(0, len(page), SECTION))
    return [
        {"type": "section", "text": {"type": "plain_text", "text": part, "emoji": False}, "expand": True}
        for part in parts
        if part.strip()
    ]


def cut_plainly(text: str) -> list[str]:
    """Cut a whole text into pages that `build_sections` takes, by length alone."""
    return cut(text, SECTION)


def render_fallback_text(page: str) -> str:
    """The `text` beside blocks, for notifications, search and screen readers: no marks, escaped, cut if long."""
    page = defuse_mentions(page)
    words = _LINK.sub(r"\1 (\2)", _HEADING.sub("", _FENCE.sub("", page)))
    words = "\n".join(map(_strip_strong_marks, words.split("\n"))).strip() or page
    shown = escape(words)
    while len(shown) > TEXT:
        words = words[: len(words) - max(1, (len(shown) - TEXT) // 5)]
        shown = escape(words) + CUT
    return shown


def _strip_strong_marks(line: str) -> str:
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


def escape(text: str) -> str:
    """Escape the three characters that Slack reads as its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
