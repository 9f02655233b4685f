"""Formatting of replies on Discord: limits, Markdown, and the marks by which our pages are read back. Pure."""

import re

from core.rendering.dialect import Dialect
from core.rendering.paginator import Pager, pages
from core.rendering.plain_pages import cut_by_length as cut
from core.rendering.tables import draw_table

PAGE = 2000  # Discord refuses longer messages
PIECE = 650  # characters, where they are not measured; with a quote and marks never 2000 units of two a character
QUOTED = 300  # characters of a question that stand above its answer
NOTICE = "-# "  # subtext: small and grey
HEAD = "-# Confab\n"  # above a notice whose first line can't be subtext
INSTRUCTIONS = """\
Your answer is shown in Discord, which draws headings of three levels, bold, italics, lists, quotes, links, spoilers \
and code blocks. It has no tables: yours are shown as code blocks of aligned text, so keep them narrow, or write a \
list. It does not draw rules such as ---, task lists, footnotes, LaTeX, or HTML such as <br>; pictures become links, \
and headings below the third level become bold. Long answers take several messages of 2,000 characters: be brief."""
"""What Claude is told of Discord; a change of it costs every thread its prompt cache once."""

_BLOCK = re.compile(r"```|~~~|[>|#]|[-*+] |\d+[.)] |$")
_HEADING = re.compile(r"^#{4,6} ++(.+)$")
_IMAGE = re.compile(r"!(\[(?:(?!!\[)[^\]\n])*+\]\([^()\s]+\))")
_SUBTEXT = re.compile(r"^\s*(?:-# +)+")
_ESCAPED = re.compile(r"\\([\\`*_~|<>#\[\]()@:-])")
_SPECIAL = re.compile(r"[\\`*_~|<>#\[\]()@:-]")


def measure(text: str) -> int:
    """How long Discord's clients count `text`: in UTF-16 units, the strictest way to count."""
    return len(text.encode("utf-16-le")) // 2


def render_line(line: str) -> str:
    """A line of Claude's Markdown outside of code as Discord shows it: deep headings are bold, pictures are links.

    None is subtext: that is how notices are known.
    """
    return _SUBTEXT.sub("", _IMAGE.sub(r"\1", _HEADING.sub(_make_bold, line)))


def _make_bold(heading: re.Match[str]) -> str:
    """The words of a heading, without the marks that may close it."""
    words = heading[1].rstrip("#")
    return f"**{words.rstrip(' ') if words.endswith(' ') else heading[1]}**"


def mark_notice(page: str) -> str:
    """A page that is not Claude's, marked so that everybody, and `split_page`, can tell."""
    return (HEAD if _BLOCK.match(page) else NOTICE) + page


def render_pages(
    text: str, quote: str = "", notice_: bool = False, limit: int = PAGE, pager: Pager | None = None
) -> list[str]:
    """The pages of `text`: below the quoted question if there is one, each marked if it is a notice.

    A `pager` of the dialect of this limit remembers what it cut of a text that grows.
    """
    if not notice_:
        return (pager or Pager(build_dialect(limit))).pages(place_below_quote(quote, text) if quote else text)
    room = limit - measure(HEAD) - measure(quote) - 2
    marked = [mark_notice(page) for page in pages(text, build_dialect(room))]
    return [place_below_quote(quote, marked[0]), *marked[1:]] if quote and marked else marked


def cut_plainly(text: str, quote: str = "", notice_: bool = False) -> list[str]:
    """Cut `text` into pages by length alone."""
    found = cut(text, PIECE)
    marked = [mark_notice(page) for page in found] if notice_ else found
    return [place_below_quote(quote, marked[0]), *marked[1:]] if quote and marked else marked


def build_dialect(limit: int = PAGE) -> Dialect:
    """Discord's Markdown: no tables, no pictures, headings of three sizes."""
    return Dialect(limit, measure, render_line, table=draw_table)


def quote_question(question: str) -> str:
    """The question as it stands above its answer: one line, cut, without markup or mentions."""
    line = " ".join(question.split())
    cut = line if len(line) <= QUOTED else line[: QUOTED - 1].rstrip() + "…"
    return "> " + _SPECIAL.sub(r"\\\g<0>", cut)


def place_below_quote(quote: str, answer: str) -> str:
    """An answer below its quoted question. An answer that itself begins with a quote stands apart."""
    return f"{quote}\n\n{answer}" if answer.startswith(">") else f"{quote}\n{answer}"


def split_page(page: str, quote: bool) -> tuple[str, str, bool]:
    """What a page of ours was made of: the quoted question, or "", the answer, and whether it is a notice."""
    asked = ""
    if quote and page.startswith("> "):
        line, _, page = page.partition("\n")
        asked, page = _ESCAPED.sub(r"\1", line[2:]), page.lstrip("\n")
    if page.startswith(HEAD):
        return asked, page.removeprefix(HEAD), True
    if page.startswith(NOTICE):
        return asked, page.removeprefix(NOTICE), True
    return asked, page, False


def shorten(text: str, longest: int) -> str:
    """The beginning of `text` on one line, for the name of a thread."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
