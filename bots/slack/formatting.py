"""Formatting of replies in Slack: dialect, blocks, buttons, and the fallback text where blocks are not shown. Pure."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Any

from core.domain.controls import FEEDBACK, Control, name_control, parse_control
from core.rendering.dialect import Dialect, measure_utf16
from core.rendering.fences import mend_runs, parse_opening
from core.rendering.inline import SpanKind, parse_spans, split_paragraphs
from core.rendering.links import hides_address
from core.rendering.paginator import cut_by_length
from core.rendering.strip_marks import strip_marks

LIMIT = 11_500  # UTF-16 units of a page; all Markdown of a message takes 12,000 characters, all its blocks 13,200
BLOCKS = 46  # of a page; Slack takes 50 of a message, two for buttons, and two for what a fence brings with it
ROWS, COLUMNS = 100, 20  # of a table, with its header
CELLS = 10_000  # characters of all tables of a message
SMALLEST = 1_400  # units; pages that Slack refuses are halved, but not below this
TEXT = 3_800  # characters of plain text, escaped; chat.update refuses 4,000
SECTION = 2_900  # characters; Slack allows 3,000
CUT = " …"
BUTTONS = "actions"
RATING = "context_actions"
"""Kinds of blocks: of plain buttons, and of Slack's own element for 👍 and 👎, which not every workspace takes."""

CONFIRM = {Control.DELETE: "The answer goes, for everybody. What you asked stays."}  # asked before a press counts
STYLES = {Control.ALLOW: "primary", Control.DENY: "danger"}  # green, red
SPOKEN = {Control.UP: "Good answer", Control.DOWN: "Bad answer"}  # what screen readers say of a picture
INSTRUCTIONS = """\
Your answer is shown in Slack, which draws your Markdown: headings, lists, tables, quotes, links and code blocks. It \
does not draw LaTeX, footnotes, or HTML such as <br> or <details>; pictures become links. Write formulas in plain text \
or in code."""
"""What Claude is told of Slack; a change of it costs every thread its prompt cache once."""

_UNSEEN = r"[*_~\\\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*"  # marks, and what has no width


def _spell(word: str) -> str:
    """A pattern of a word, whatever unseen stands between its letters."""
    return _UNSEEN.join(word)


_EVERYBODY = "|".join(map(_spell, ("channel", "here", "everyone")))
_TOKEN = (
    rf"{_UNSEEN}(?:!|&(?:excl|\#0*33|\#x0*21);){_UNSEEN}(?:{_EVERYBODY}|{_spell('group')}|{_spell('subteam')}|date\^)"
    r"|[\ue000-\uf8ff]\||(?-i:@[UWB][A-Z0-9])|[a-z][a-z0-9+.-]*:[^\s<>|]*\|"
)
_PING = re.compile(
    rf"(?P<token>\\?<|&(?:lt|\#0*60|\#x0*3c);)(?={_TOKEN})"
    r"|(?<![A-Za-z0-9])(?P<everybody>\\?[@\uff20\ufe6b]|&(?:commat|\#0*64|\#x0*40);)"
    rf"(?={_UNSEEN}(?:{_EVERYBODY})(?![A-Za-z0-9]))",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+")
_QUOTE = re.compile(r"^[ \t]*(?:>[ \t]?)+")
_BULLET = re.compile(r"^([ \t]*)[-*+](?=[ \t])")
_RULE = re.compile(r"\s*+(?:(?=[^-]*---)[ \t:|-]++|(?:\*[ \t]*+){3,}+|(?:_[ \t]*+){3,}+)")
_ROW = re.compile(r"^\s*\||(?<!\\)\|\s*$")
LINE_BREAK = "\u2028"  # a line break inside a paragraph, while its marks are taken away


def defuse_mentions(text: str) -> str:
    """Change what would notify somebody, into characters that look alike."""
    return _PING.sub(lambda found: "\u2039" if found["token"] else "\uff20", text)


def _write_page(page: str, prose: Callable[[str], str], code: Callable[[str], str]) -> str:
    """A page whose prose and whose lines of code are each written in their way."""
    dialect, written, fence = Dialect(LIMIT, prose=prose, code=code), list[str](), None
    texts: list[str] = []
    for line in page.split("\n"):
        within, fence = fence, (None if fence.closed_by(line) else fence) if fence else parse_opening(line)
        if not (within or fence):
            texts.append(line)
            continue
        written += [dialect.prose("\n".join(texts))] if texts else []
        written.append(dialect.code(line))
        texts = []
    return "\n".join([*written, *([dialect.prose("\n".join(texts))] if texts else [])])


def make_harmless(text: str) -> str:
    """Prose that notifies nobody, and whose links do not hide where they lead; code and addresses stay as they are."""
    kept: list[str] = []
    parts: list[str] = []
    sign = next(one for one in map(chr, range(0xE000, 0xF8FF)) if one not in text)
    for paragraph in split_paragraphs(text):
        for span in parse_spans(paragraph):
            if span.kind is SpanKind.LINK and hides_address(span.label, span.address):
                parts += [span.label, " (", sign, ")"]
                kept.append(span.address)
            elif span.kind is SpanKind.LINK:
                _, _, rest = span.text.partition(f"[{span.label}]")
                parts += [span.text.removesuffix(rest), sign]
                kept.append(_defuse_target(rest, span.address))
            elif span.kind in (SpanKind.CODE, SpanKind.ADDRESS):
                parts.append(sign)
                kept.append(span.text)
            else:
                parts.append(span.text)
        parts.append("\n")
    written = defuse_mentions("".join(parts[:-1])).split(sign)
    return "".join(chain.from_iterable(zip_longest(written, kept, fillvalue="")))


def _defuse_target(target: str, address: str) -> str:
    """What stands behind a link's label: its title notifies nobody, nor does an address that is none of the web."""
    before, _, title = target.partition(address)
    if address.startswith(("http://", "https://", "mailto:")):
        return f"{before}{address}{defuse_mentions(title)}"
    return defuse_mentions(target)


DIALECT = Dialect(
    LIMIT, measure_utf16, standalone=True, blocks=BLOCKS, rows=ROWS, cells=CELLS, columns=COLUMNS, keeps_whole=True
)


def halve_pages(dialect: Dialect) -> Dialect | None:
    """A dialect whose pages are half as large, for where Slack refuses one; None where they are small already."""
    limit = dialect.limit // 2
    if limit < SMALLEST:
        return None
    blocks, rows, cells = (most // 2 for most in (dialect.blocks, dialect.rows, dialect.cells))
    return replace(dialect, limit=limit, blocks=blocks, rows=rows, cells=cells)


def build_blocks(page: str) -> list[dict[str, Any]]:
    """Block Kit blocks of a page, in Markdown. They notify nobody."""
    return [{"type": "markdown", "text": _write_page(page, make_harmless, str)}]


def build_sections(page: str) -> list[dict[str, Any]]:
    """Block Kit blocks of a page in plain text, for where Slack refuses its Markdown."""
    page = _write_page(page, make_harmless, str)
    parts = (page[at : at + SECTION] for at in range(0, len(page), SECTION))
    return [
        {"type": "section", "text": {"type": "plain_text", "text": part, "emoji": False}, "expand": True}
        for part in parts
        if part.strip()
    ]


def mention_above(shown: Mapping[str, Any], person: str) -> dict[str, Any]:
    """What a message shows, with a mention above that notifies a person."""
    mention = f"<@{person}>"
    block = {"type": "section", "text": {"type": "mrkdwn", "text": mention}}
    return {**shown, "text": f"{mention} {shown['text']}", "blocks": [block, *shown["blocks"]]}


def build_buttons(
    controls: Sequence[Control], question: str, refused: Collection[str] = frozenset()
) -> list[dict[str, Any]]:
    """Blocks of the controls below the reply to `question`, without the kinds that Slack has `refused`.

    Where it takes no feedback element, 👍 and 👎 are plain buttons.
    """
    plain, beside = _sort_controls(controls, refused)
    blocks = [{"type": BUTTONS, "elements": [_build_button(one, question) for one in plain]}] if plain else []
    icons = [_build_icon(one, question) for one in beside if one is Control.DELETE]
    rating = [*([_build_rating(question)] if len(beside) > len(icons) else []), *icons]
    return [*blocks, *([{"type": RATING, "elements": rating}] if rating else [])]


def draws_any(controls: Sequence[Control], refused: Collection[str] = frozenset()) -> bool:
    """Whether `build_buttons` would show any of these controls."""
    return any(_sort_controls(controls, refused))


def _sort_controls(controls: Sequence[Control], refused: Collection[str]) -> tuple[list[Control], list[Control]]:
    """Those that are plain buttons, and those that stand beside the feedback element, with what that asks."""
    takes = RATING not in refused
    rates = takes and all(one in controls for one in FEEDBACK)
    special = {*(FEEDBACK if rates else ()), *((Control.DELETE,) if takes else ())}
    plain = [] if BUTTONS in refused else [one for one in controls if one not in special]
    return plain, [one for one in controls if one in special]


def _build_button(control: Control, question: str) -> dict[str, Any]:
    style = {"style": STYLES[control]} if control in STYLES else {}
    described = _describe(control, question) | _build_confirm(control)
    return {"type": "button", "action_id": control.value, **style, **described}


def _build_icon(control: Control, question: str) -> dict[str, Any]:
    """A button that shows a bin, the only icon that Slack has."""
    described = _describe(control, question) | _build_confirm(control)
    return {"type": "icon_button", "action_id": control.value, "icon": "trash", **described}


def _build_confirm(control: Control) -> dict[str, Any]:
    """What Slack asks before the press of a control that can't be taken back."""
    if control not in CONFIRM:
        return {}
    written = {"title": f"{control.label}?", "text": CONFIRM[control], "confirm": control.label, "deny": "Cancel"}
    return {"confirm": {name: _build_text(text) for name, text in written.items()}}


def _build_rating(question: str) -> dict[str, Any]:
    up, down = (_describe(one, question) for one in FEEDBACK)
    return {"type": "feedback_buttons", "action_id": "feedback", "positive_button": up, "negative_button": down}


def _describe(control: Control, question: str) -> dict[str, Any]:
    """What stands on a control, and the value that its press gives back."""
    spoken = {"accessibility_label": SPOKEN[control]} if control in SPOKEN else {}
    return {"text": _build_text(control.label), "value": name_control(control, question), **spoken}


def _build_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def is_buttons(block: Mapping[str, Any]) -> bool:
    """Whether a block is nothing but buttons of ours: no word of it is anybody's."""
    elements = block.get("elements")
    if block.get("type") not in {BUTTONS, RATING} or not isinstance(elements, list) or not elements:
        return False
    return all(isinstance(one, Mapping) and _read_control(one) is not None for one in elements)


def _read_control(element: Mapping[str, Any]) -> tuple[Control, str] | None:
    holder = element.get("positive_button") or element
    return parse_control(str(holder.get("value") or "")) if isinstance(holder, Mapping) else None


def cut_plainly(text: str) -> list[str]:
    """Cut a whole text into pages that `build_sections` takes, by length alone."""
    return cut_by_length(text, SECTION)


def render_fallback_text(page: str) -> str:
    """The `text` beside blocks, for notifications, search and screen readers: no marks, escaped, cut if long."""
    words = defuse_mentions(_write_page(page, _strip_prose, _strip_fence)).strip() or defuse_mentions(page)
    shown = escape(words)
    while len(shown) > TEXT:
        words = words[: len(words) - max(1, (len(shown) - TEXT) // 5)]
        shown = escape(words) + CUT
    return shown


def _strip_prose(text: str) -> str:
    """Prose without Markdown's marks."""
    paragraphs = (_strip_paragraph(one) for one in split_paragraphs(text))
    return "\n".join(one for one in paragraphs if one is not None)


def _strip_paragraph(paragraph: str) -> str | None:
    """A paragraph without marks; None if it is nothing but a rule."""
    lines = [_strip_beginning(line) for line in paragraph.split("\n") if not _RULE.fullmatch(line)]
    return strip_marks(LINE_BREAK.join(lines)).replace(LINE_BREAK, "\n") if lines else None


def _strip_beginning(line: str) -> str:
    """A line without what makes it a heading, a quote or a row of a table; items have a bullet."""
    line = _BULLET.sub("\\1\u2022", _HEADING.sub("", _QUOTE.sub("", line)))
    return _ROW.sub("", line).strip() if _ROW.search(line) else line


def _strip_fence(line: str) -> str:
    """A line of code; one that opens or closes a fence says nothing."""
    return "" if line.lstrip(" \t>").startswith(("```", "~~~")) else mend_runs(line)


def escape(text: str) -> str:
    """Escape the three characters that Slack reads as its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
