"""Break points: where a page that is full had best end, and where the next one begins.

What would come after the page is never looked at.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from functools import cache

from core.rendering.fences import Fence, parse_opening
from core.rendering.list_items import ListItem, track_items
from core.rendering.tables import Table

_VISIBLE = re.compile(r"\S")
_BLANK = re.compile(r"(?:[^\S\n]*\n)+")
_SPACES = re.compile(r"[^\S\n]*")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins, what is open there, and whether that is amid a line."""

    at: int
    open: Fence | Table | None = None
    amid: bool = False
    continues: bool = False
    """Whether the page goes on with a paragraph of prose."""
    quote: str = ""
    """What keeps the rest of a line of prose in its quote."""
    items: tuple[ListItem, ...] = ()
    """The list items that are open there."""
    marks: tuple[str, ...] = ()
    """The marks of emphasis and code that are open there."""
    lost: int = 0
    """How much less the pages before it have than a dense one would, all together."""
    grown: int = 0
    """By how much the tables on the pages before it are longer drawn than written, all together."""


def find_page_start(text: str, place: Cursor) -> Cursor:
    """Where the first visible line of a page begins; amid a line, its first visible character."""
    if not _VISIBLE.search(text, place.at):
        return Cursor(len(text))
    if blank := _BLANK.match(text, place.at):
        return replace(place, at=blank.end(), amid=False, continues=False, quote="", marks=())
    spaces = _SPACES.match(text, place.at) if place.amid else None
    return replace(place, at=spaces.end()) if spaces else place


class BreakKind(Enum):
    """What a line is."""

    TEXT = "text"
    OPENING = "opening"
    CODE = "code"
    CLOSING = "closing"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Line:
    """A line on a page, or the visible part of it: what was open before it, and how large the page was."""

    start: int
    text: str
    kind: BreakKind
    open: Fence | Table | None
    size: int
    blocks: int = 0
    """How many blocks the page had before it, where they count."""

    @property
    def blank(self) -> bool:
        return not self.text.strip()

    @property
    def fence(self) -> Fence | None:
        """The fence that is open behind it."""
        found = parse_opening(self.text) if self.kind is BreakKind.OPENING else self.open
        return found if self.kind in (BreakKind.OPENING, BreakKind.CODE) and isinstance(found, Fence) else None

    @property
    def heads(self) -> bool:
        """Whether it is a heading, which no line of prose goes on with."""
        return self.text.lstrip().startswith("#")

    @property
    def uncuttable(self) -> bool:
        return self.kind is BreakKind.OPENING or (isinstance(self.open, Table) and "|" in self.text)


def list_open_items(place: Cursor, lines: Sequence[Line]) -> tuple[ListItem, ...]:
    """The list items that are open at the end of a page of these lines that began at `place`."""
    items, blank = place.items, False
    for number, line in enumerate(lines):
        if line.kind in (BreakKind.TEXT, BreakKind.OPENING) and not (number == 0 and place.continues):
            items = track_items(items, line.text, blank)
        blank = line.blank
    return items


class BreakRank(IntEnum):
    """How good it is to cut before a line."""

    GLUED = 0
    """It belongs to the line above."""
    LINE = 1
    GAP = 2
    """After an empty line of code."""
    BLOCK = 3


_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_RULE = re.compile(r"[\s|:>-]+")


def rank_breaks(lines: Sequence[Line]) -> list[tuple[BreakRank, int]]:
    """How good it is to cut before each line but the first, with the line's index; blank lines are no place to cut."""
    found = []
    above = lines[0]
    for index, line in enumerate(lines[1:], start=1):
        if not line.blank:
            found.append((_rank_break(above, line, gap=lines[index - 1].blank), index))
            above = line
    return found


def _rank_break(above: Line, line: Line, gap: bool) -> BreakRank:
    heads = above.kind is BreakKind.TEXT and _HEADING.match(above.text)
    begins = above.kind is BreakKind.ROW and not isinstance(above.open, Table)
    may_begin = above.kind is BreakKind.TEXT and "|" in above.text and not gap and _RULE.fullmatch(line.text)
    if heads or begins or may_begin or above.kind is BreakKind.OPENING or line.kind is BreakKind.CLOSING:
        return BreakRank.GLUED
    if line.kind is BreakKind.CODE:
        return BreakRank.GAP if gap else BreakRank.LINE
    return BreakRank.BLOCK if gap or _HEADING.match(line.text) else BreakRank.LINE


_SENTENCE = re.compile(
    r"""[.!?:;\u2026]["'\u201d\u2019)\]*_]*\s+|[\u3002\uff01\uff1f\uff1b][\u201d\u2019\u300d\u300f\uff09]*"""
)
_SPACE = re.compile(r"\s+")
WINDOW = 128  # characters in which graphemes are looked for at once
_LEAD = re.compile(r"[\s>]*(?:(?:[-*+]|\d{1,9}[.)]|#{1,6})\s+)?")
_TOKEN = re.compile(
    r"\\(?:[!-/:-@\[-`{-~]|\Z)"  # an escape
    r"|&#?\w{0,31}(?:;|\Z)"  # an entity
    r"|<[^<>\s]+(?:>|\Z)"  # a mention, an address
    r"|!?\[[^\[\]\n]{0,200}(?:\](?:\((?:[^\s()]|\([^\s()]*\))*"  # a link
    r"(?:\s+(?:\"[^\"\n]{0,200}\"?|'[^'\n]{0,200}'?))?\)?)?|\Z)"
    r"|\|\|(?=[^\s|])[^|\n]{1,200}(?:\|\|?|\Z)"  # words that are hidden
    r"|https?://\S+"
    r"|`[^`\n]{1,80}(?:`|\Z)"
)


def find_break_inside(text: str, start: int, roomy: int, full: int, movable: bool) -> int:
    """Where to cut the line that begins at `start`, no later than `full`, and not before `roomy` if that can be helped.

    After a sentence, or at a space, or between graphemes; never in a grapheme, an escape, an entity, a mention, a link
    or a code span unless it fills the page, and a line that is `movable` may go to the next page whole.
    """
    lead = _LEAD.match(text, start, full + 1)
    first = lead.end() + 1 if lead else start + 1
    tokens = {at for match in _TOKEN.finditer(text, start, full + 1) for at in range(match.start() + 1, match.end())}
    for rule in (_SENTENCE, _SPACE):
        ends = [match.end() for match in rule.finditer(text, roomy, full + 1)]
        good = [at for at in ends if first <= at <= full and at not in tokens and _ends_grapheme(text, at)]
        if good:
            return good[-1]
    between = {at for at in _find_graphemes(text, start, full + 1) if at >= first}
    return max(between - tokens or ({start} if movable else between) or {full})


def _ends_grapheme(text: str, at: int) -> bool:
    found = _compile_grapheme().match(text[at - 1 : at + 1])
    return found is not None and len(found[0]) == 1


def _find_graphemes(text: str, start: int, end: int) -> Iterator[int]:
    """Where the graphemes of `text` from `start` to `end` begin.

    The library looks back over all half-flags before each one, so it is shown a little at a time, from a known
    beginning. The last grapheme of what it sees may go on.
    """
    window = WINDOW
    while start < end:
        found = [
            start + match.start() for match in _compile_grapheme().finditer(text[start : min(start + window, end)])
        ]
        if start + window >= end:
            yield from found
            return
        yield from found[:-1]
        window = WINDOW if len(found) > 1 else 2 * window
        start = found[-1]


@cache
def _compile_grapheme() -> re.Pattern[str]:
    import regex  # type: ignore[import-untyped]  # noqa: PLC0415  few lines are longer than a page; it ships no types

    grapheme: re.Pattern[str] = regex.compile(r"\X")
    return grapheme
