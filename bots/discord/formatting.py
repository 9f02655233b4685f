"""Formatting of replies on Discord: limits, Markdown, and the marks by which our pages are read back. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bots.discord.spoilers.spread import spread_spoilers
from core.domain.controls import FEEDBACK, Control, name_control
from core.rendering.dialect import Dialect, measure_utf16
from core.rendering.fences import PLAIN, Fence, break_runs, mend_runs, parse_opening
from core.rendering.inline import MARKS, SPOILER, Span, SpanKind, pair_spoilers, parse_spans, split_paragraphs
from core.rendering.links import hides_address, show_address
from core.rendering.paginator import Pager, cut_by_length, pages

PAGE = 2000  # Discord refuses longer messages
SCREEN = 60  # columns of a table; a phone held upright breaks the lines of wider ones
DENSE = 0.95  # of a page that pages of a long answer have on average at least, so that there are few of them
PIECE = 650  # characters, where they are not measured; with a quote and marks never 2000 units of two a character
QUOTED = 300  # characters of a question that stand above its answer
NOTICE = "-# "  # subtext: small and grey
HEAD = "-# \u2026\n"  # above a page of a notice that begins with code
OLD_HEAD = "-# Confab\n"  # as it was once
ROW, BUTTON = 1, 2  # types of components
IN_ROW = 5  # buttons that Discord takes in a row
STYLES = {Control.STOP: 4, Control.CONTINUE: 1, Control.ALLOW: 3, Control.DENY: 4}  # red, blurple, green
GREY = 2  # the style of all other buttons
INSTRUCTIONS = """\
Your answer is shown in Discord, which draws headings of three levels, bold, italics, lists, quotes, links, spoilers \
and code blocks. It has no tables: yours are shown as code blocks of aligned text, so keep them narrow, or write a \
list. It does not draw rules such as ---, task lists, footnotes, LaTeX, or HTML such as <br>; pictures become links, \
and headings below the third level become bold. Long answers take several messages of 2,000 characters: be brief."""
"""What Claude is told of Discord; a change of it costs every thread its prompt cache once."""

_SMALL = re.compile(rf"^{NOTICE}", re.MULTILINE)
_HEADING = re.compile(r"^#{4,6} ++(.+)$")
_SUBTEXT = re.compile(r"^([\s>]*(?:[-*+] )?)(?=-# )")
_LONG_QUOTE = re.compile(r"^(\s*)(?=>>> )")
_TIGHT_QUOTE = re.compile(r"^(\s*>)(?=[^\s>]|$)")
_LAST_QUOTE = re.compile(r"(?:\n[ \t]*>[ \t]*)+\Z")
_SPOILER = re.compile(r"\|\|+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_TICKS = re.compile(r"`{3,}")
ESCAPED = "|->"  # what `render_prose` may make longer, beside marks
_GROWING = re.compile(r"\|{2,}|`{3,}|^[\s>]*(?:[-*+] )?(?:-# |>)|^\s*>")
_ESCAPED = re.compile(r"\\([\\`*_~|<>#\[\]()@:-])")
_SPECIAL = re.compile(r"[\\`*_~|<>#\[\]()@:-]")


def render_prose(text: str) -> str:
    """Claude's Markdown outside of fences as Discord shows it: deep headings are bold, pictures are links.

    What only Discord takes for markup is escaped: two bars that hide nothing, and the marks of a quote without end and
    of small letters, by which notices are known. Code, addresses, emoji, times and hidden words stay as they are.
    """
    lines = "\n".join(map(_render_beginning, _LAST_QUOTE.sub("", text).split("\n")))
    return "\n".join(map(_render_paragraph, split_paragraphs(lines)))


def _render_paragraph(paragraph: str) -> str:
    spans = parse_spans(paragraph)
    hiding = pair_spoilers(spans)
    return "".join(span.text if at in hiding else _render_span(span) for at, span in enumerate(spans))


def measure_growth(line: str) -> int:
    """By how many characters `render_prose` makes a line of prose longer at most."""
    return sum(len(found) for found in _GROWING.findall(line))


def _render_beginning(line: str) -> str:
    """A line whose beginning means the same to Discord as to Markdown."""
    if not line:
        return line
    line = _HEADING.sub(_make_bold, line)
    line = _SUBTEXT.sub(r"\1\\", line)
    return _TIGHT_QUOTE.sub(r"\1 ", _LONG_QUOTE.sub(r"\1\\", line))


def _render_span(span: Span) -> str:
    match span.kind:
        case SpanKind.CODE:
            return _render_code(span.text)
        case SpanKind.LINK:
            if "://" in span.label or not _SCHEME.match(span.address) or hides_address(span.label, span.address):
                return show_address(span.label, span.address)
            return span.text.removeprefix("!")
        case SpanKind.MARK if span.text == SPOILER:
            return _SPOILER.sub(_escape_each, span.text)
        case SpanKind.WORDS:
            return _TICKS.sub(_escape_each, _SPOILER.sub(_escape_each, span.text))
    return span.text


def _escape_each(found: re.Match[str]) -> str:
    return "".join(f"\\{one}" for one in found[0])


def _render_code(code: str) -> str:
    """A code span between one backtick or two: three open a block, wherever they stand."""
    size = len(code) - len(code.lstrip("`"))
    inside = code[size:-size]
    if size < len(PLAIN) and PLAIN not in inside:
        return code
    return f"``{break_runs(inside)}``" if "`" in inside else f"`{inside}`"


def _make_bold(heading: re.Match[str]) -> str:
    """The words of a heading, without the marks that may close it."""
    words = heading[1].rstrip("#")
    return f"**{words.rstrip(' ') if words.endswith(' ') else heading[1]}**"


def mark_notice(page: str) -> str:
    """A page that is not Claude's, in small letters but for its code: so everybody, and `split_page`, can tell."""
    marked: list[str] = []
    fence: Fence | None = None
    for line in page.split("\n"):
        within, fence = fence, (None if fence.closed_by(line) else fence) if fence else parse_opening(line)
        marked.append(line if within or fence or not line.strip() else NOTICE + line)
    return "\n".join(marked) if marked[0].startswith(NOTICE) else HEAD + "\n".join(marked)


def mention_above(page: str, person: str) -> str:
    """A page of a notice below a mention of a person; it is one still."""
    return f"{NOTICE}<@{person}>\n{page}"


def render_pages(
    text: str,
    quote: str = "",
    notice_: bool = False,
    limit: int = PAGE,
    pager: Pager | None = None,
    *,
    grows: bool = False,
) -> list[str]:
    """The pages of `text`: below the quoted question if there is one, each marked if it is a notice.

    A `pager` of the dialect of this limit remembers what it cut of a text that `grows`. The last line of one that does
    not is whole, so that it may be the row of a table.
    """
    if not notice_:
        spread = spread_spoilers(text, whole=not grows) + ("" if grows else "\n")
        placed = place_below_quote(quote, spread) if quote else spread
        return (pager or Pager(build_dialect(limit))).pages(placed, grows)
    room = limit - measure_utf16(HEAD) - measure_utf16(quote) - 2
    marked = [mark_notice(page) for page in pages(text, replace(build_dialect(room), size=_measure_notice))]
    return [place_below_quote(quote, marked[0]), *marked[1:]] if quote and marked else marked


def render_set_apart(text: str) -> list[str]:
    """The pages of an answer that stands elsewhere than it was asked for: as it is, below the mark of a notice."""
    return [HEAD + page for page in render_pages(text, limit=PAGE - measure_utf16(HEAD))]


def _measure_notice(text: str) -> int:
    """How long `text` is once each of its lines is marked."""
    return measure_utf16(text) + len(NOTICE) * text.count("\n")


def cut_plainly(text: str, quote: str = "", notice_: bool = False) -> list[str]:
    """Cut `text` into pages by length alone."""
    found = cut_by_length(text, PIECE)
    marked = [mark_notice(page) for page in found] if notice_ else found
    return [place_below_quote(quote, marked[0]), *marked[1:]] if quote and marked else marked


def build_dialect(limit: int = PAGE) -> Dialect:
    """Discord's Markdown: no tables, no pictures, headings of three sizes."""
    return Dialect(
        limit,
        measure_utf16,
        render_prose,
        screen=SCREEN,
        standalone=True,
        marks=MARKS + SPOILER[0],
        escaped=ESCAPED,
        growth=measure_growth,
        dense=int(limit * DENSE),
        growing=limit // 4,
    )


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
    if page.startswith(NOTICE):
        return asked, _SMALL.sub("", page.removeprefix(HEAD).removeprefix(OLD_HEAD)), True
    return asked, mend_runs(page), False


def build_buttons(controls: Sequence[Control], question: str) -> list[dict[str, Any]]:
    """The components that show `controls` below the reply to `question`: rows of buttons, or nothing.

    A button's id says all that a press of it means, so that nobody has to remember which buttons there are.
    """
    buttons = [
        {"type": BUTTON, "style": STYLES.get(control, GREY), "custom_id": name_control(control, question)}
        | ({"emoji": {"name": control.label}} if control in FEEDBACK else {"label": control.label})
        for control in controls
    ]
    return [{"type": ROW, "components": buttons[at : at + IN_ROW]} for at in range(0, len(buttons), IN_ROW)]


def shorten(text: str, longest: int) -> str:
    """The beginning of `text` on one line, for the name of a thread."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
