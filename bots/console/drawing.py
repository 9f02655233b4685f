"""Drawing of Markdown in a terminal while it grows: append-only, so what stands is never drawn again. Pure.

Each line of the source is a line of the screen, folded between words; code in a language is not, so that it is copied
as it is. A row is never rewritten, therefore nothing can be printed twice, cut or overwritten, however the window is
resized meanwhile.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wcwidth import iter_graphemes

from bots.console.inline import BOLD, CODE, LineReader
from bots.console.table import draw_table
from core.rendering.fences import Fence, parse_opening
from core.rendering.tables import measure_width

DIM = "2"
PLAIN = ("", "text")  # languages of fences whose lines are folded like prose
INDENTED = 4  # blanks that make a line a line of code, after an empty one

_LEAD = re.compile(
    r"(?P<quote>(?:[ ]{0,3}>[ ]?)*)(?P<indent>[ ]*)"
    r"(?P<marker>(?:[-*+]|\d{1,9}[.)])[ ]+)?(?P<heading>#{1,6}[ ]+)?"
)
_UNDECIDED = re.compile(r"[-*_+#`~>|=\d.)\s]*+")  # a line of only these may still become a rule, a list, a fence
_RULE = re.compile(r"[ ]{0,3}(?:(?:-[ ]*){3,}|(?:\*[ ]*){3,}|(?:_[ ]*){3,})")
_HELD_LINES = ("|", "```", "~~~")
_CLINGING = frozenset(
    "\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\uff09\u300d\u300f\u3011\u3009\u300b!?,.:;)"
)  # beside wide characters, these begin no row


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What is drawn beside the words. `styled` is whether escape sequences are understood."""

    styled: bool = True
    bullet: str = "•"
    bar: str = "▌"
    rule: str = "─"


class Drawing:
    """One text, drawn as it grows. `columns` says how wide the window is now."""

    def __init__(self, columns: Callable[[], int], glyphs: Glyphs) -> None:
        self._rows = _Rows(columns, glyphs.styled)
        self._columns, self._glyphs = columns, glyphs
        self._text = ""
        self._begin = 0
        """Where the line begins that is drawn next, or now."""
        self._reader: LineReader | None = None
        """Reads the rest of the line that is being drawn."""
        self._fence: Fence | None = None
        self._code_at = 0
        """How much of a line of code is drawn already."""
        self._table: list[str] = []
        self._gap = self._in_list = False

    @property
    def column(self) -> int:
        """The columns that are drawn of the newest row."""
        return self._rows.column

    @property
    def holds(self) -> bool:
        """Whether a table is held back until it is whole."""
        return bool(self._table)

    def grow(self, text: str) -> str:
        """What is to be printed now that there is so much of the text."""
        return self._draw(text.rstrip(), whole=False)

    def finish(self, text: str) -> str:
        """What is still to be printed of the whole text, to the end of its last row."""
        drawn = self._draw(text.rstrip(), whole=True)
        return drawn + ("\n" if self._rows.column else "")

    def _draw(self, text: str, *, whole: bool) -> str:
        if not text.startswith(self._text[: self._drawn_to()]):
            self._begin_again()
        self._text = text
        while self._begin < len(text) or (whole and self._reader):
            if not self._draw_line(text.find("\n", self._begin), whole):
                break
        if whole:
            self._draw_held_table()
        return self._rows.take()

    def _drawn_to(self) -> int:
        if self._reader:
            return self._begin + self._reader.at
        return self._begin + self._code_at

    def _begin_again(self) -> None:
        """What stands can't be taken back: another text is drawn beneath it."""
        self._draw_held_table()
        self._rows.end_row()
        self._begin = self._code_at = 0
        self._reader = self._fence = None
        self._gap, self._in_list = True, False

    def _draw_line(self, end: int, whole: bool) -> bool:
        """Draw the next line as far as it is final; whether it is done."""
        complete = end >= 0 or whole
        line = self._text[self._begin : end if end >= 0 else len(self._text)].expandtabs(4)
        if not (self._reader or self._start_line(line, complete)):
            return False
        if self._reader:
            for words, style in self._reader.read(line, complete):
                self._rows.put(words, style)
            if not complete:
                return False
            self._reader = None
            self._rows.end_row()
        self._begin = end + 1 if end >= 0 else len(self._text)
        return True

    def _start_line(self, line: str, complete: bool) -> bool:
        """Draw what stands before the words of a line, or all of one without words; whether that is decided yet."""
        if self._fence and not (self._fence.quote and ">" not in line):
            return self._draw_code(line, self._fence, complete)
        self._fence = None
        lead = _LEAD.match(line)
        assert lead is not None
        if not complete and self._is_undecided(line[lead.end() :], lead):
            return False
        if line.lstrip().startswith("|"):
            self._table.append(line.strip())
            return True
        self._draw_held_table()
        if not line.strip(" >"):
            self._gap = True
            return True
        if opening := parse_opening(line):
            self._fence = opening
            self._draw_as_is(line, DIM)
        elif _RULE.fullmatch(line):
            self._draw_as_is(self._glyphs.rule * min(40, self._columns() - 1), DIM)
        elif self._is_indented_code(lead):
            self._draw_as_is(line, CODE)
        else:
            self._draw_lead(lead)
            return True
        self._gap = False
        return True

    def _is_undecided(self, rest: str, lead: re.Match[str]) -> bool:
        held = _UNDECIDED.fullmatch(rest) or rest.startswith(_HELD_LINES)
        return bool(held or self._is_indented_code(lead))

    def _is_indented_code(self, lead: re.Match[str]) -> bool:
        return len(lead["indent"]) >= INDENTED and not (self._in_list or lead["quote"] or lead["marker"])

    def _draw_lead(self, lead: re.Match[str]) -> None:
        """Quote marks, indentation and the marker of a list; what follows on other rows hangs below the words."""
        self._in_list = bool(lead["marker"] or (self._in_list and lead["indent"]))
        marker = lead["marker"] or ""
        if marker[:1] in {"-", "*", "+"}:
            marker = self._glyphs.bullet + marker[1:]
        self._draw_gap()
        bars = f"{self._glyphs.bar} " * lead["quote"].count(">")
        self._rows.begin(bars, lead["indent"] + marker)
        self._reader = LineReader(lead.end(), BOLD if lead["heading"] else "")

    def _draw_code(self, line: str, fence: Fence, complete: bool) -> bool:
        """Draw a line inside a fence, also while it grows."""
        if not complete and fence.closed_by(line, whole=False):
            return False
        if complete and fence.closed_by(line):
            self._fence = None
            self._draw_as_is(line, DIM)
            return True
        if not self._code_at:
            self._draw_gap()
        put = self._rows.put if fence.info.strip() in PLAIN else self._rows.put_as_is
        put(line[self._code_at :], CODE)
        self._code_at = 0 if complete else len(line)
        if complete:
            self._rows.end_row(always=True)
        return complete

    def _draw_as_is(self, line: str, style: str) -> None:
        self._draw_gap()
        self._rows.put_as_is(line, style)
        self._rows.end_row()

    def _draw_gap(self) -> None:
        if self._gap and self._rows.begun:
            self._rows.end_row(always=True)
        self._gap = False

    def _draw_held_table(self) -> None:
        lines, self._table = self._table, []
        if not lines:
            return
        self._draw_gap()
        drawn = draw_table(lines, self._columns() - 1)
        for at, line in enumerate(lines if drawn is None else drawn):
            self._rows.put_as_is(line, BOLD if drawn is not None and at == 0 else "")
            self._rows.end_row(always=True)


_Part = list[tuple[str, str, int]]
"""Graphemes, each with its style and its width."""


class _Rows:
    """Rows of a window that are filled word by word; what is taken from here is final."""

    def __init__(self, columns: Callable[[], int], styled: bool) -> None:
        self._columns, self._styled = columns, styled
        self._out: list[str] = []
        self._word: list[list[str]] = []
        """The word that may not be whole yet, in pieces of words and style."""
        self._broken = False
        """Whether that word has begun in an earlier row."""
        self._blanks = ""
        self._hanging = ""
        self.column = 0
        self.begun = False

    def take(self) -> str:
        drawn, self._out = "".join(self._out), []
        return drawn

    def begin(self, bars: str, marker: str) -> None:
        """Begin a line; the rows that it is folded to begin with the same bars, and blanks."""
        room = self._columns() // 2
        self._hanging = bars[: room // 2 * 2] + " " * min(measure_width(marker), max(0, room - len(bars)))
        self._emit(bars, DIM)
        self._emit(marker, "")

    def put(self, words: str, style: str) -> None:
        for piece in re.split(r"([ ]+)", words):
            if piece.startswith(" "):
                self._place_word(whole=True)
                self._blanks += piece
            elif piece and self._word and self._word[-1][1] == style:
                self._word[-1][0] += piece
            elif piece:
                self._word.append([piece, style])
        self._place_word(whole=False)

    def put_as_is(self, words: str, style: str) -> None:
        """Words that are not folded: the terminal itself does, and whoever copies them gets one line."""
        self._emit(words, style)

    def end_row(self, *, always: bool = False) -> None:
        self._place_word(whole=True)
        if self.column or always:
            self._out.append("\n")
        self.column, self._blanks, self._hanging = 0, "", ""

    def _place_word(self, *, whole: bool) -> None:
        """Place the word in this row or the next one; of one that is not whole, what can be broken off and is final."""
        parts = list(_split_word(self._word))
        kept = parts.pop() if parts and not whole else []
        for part in parts:
            self._place_part(part)
        self._word = [[words, style] for words, style in _join_alike(self._break_off(kept))]
        if whole:
            self._broken = False

    def _break_off(self, part: _Part) -> _Part:
        """Place as much of a word that is longer than a row as surely stands in this one; the rest."""
        if not self._broken and sum(width for _, _, width in part) <= self._room - len(self._hanging):
            return part
        for grapheme in part[:-1]:
            self._place_grapheme(*grapheme)
        self._broken = True
        return part[-1:]

    def _place_part(self, part: _Part) -> None:
        """Place a word, or what can be parted from it; one that is longer than a row begins in this one."""
        wide = sum(width for _, _, width in part)
        if self._broken or wide > self._room - len(self._hanging):
            for grapheme in part:
                self._place_grapheme(*grapheme)
            return
        self._make_room(wide)
        for words, style in _join_alike(part):
            self._emit(words, style)

    def _place_grapheme(self, grapheme: str, style: str, width: int) -> None:
        self._make_room(width)
        self._emit(grapheme, style)

    def _make_room(self, wide: int) -> None:
        """Begin another row if so many columns are not left in this one; the blanks between two rows are dropped."""
        if self.column + len(self._blanks) + wide > self._room and self.column > len(self._hanging):
            self._fold()
        self._emit(self._blanks, "")
        self._blanks = ""

    @property
    def _room(self) -> int:
        return self._columns() - 1

    def _fold(self) -> None:
        self._out.append("\n")
        self.column, self._blanks = 0, ""
        self._emit(self._hanging, DIM if self._hanging.strip() else "")

    def _emit(self, words: str, style: str) -> None:
        if not words:
            return
        self.begun = True
        self.column += measure_width(words)
        self._out.append(f"\x1b[{style}m{words}\x1b[0m" if style and self._styled else words)


def _split_word(word: list[list[str]]) -> Iterator[_Part]:
    """The parts of a word between which a row may end: beside wide characters. Graphemes with style and width."""
    part: _Part = []
    for words, style in word:
        for grapheme in iter_graphemes(words):
            width = measure_width(grapheme)
            breaks = part and 2 in {width, part[-1][2]} and grapheme not in _CLINGING
            if breaks:
                yield part
                part = []
            part.append((grapheme, style, width))
    if part:
        yield part


def _join_alike(part: _Part) -> Iterator[tuple[str, str]]:
    """Neighbours of one style, joined."""
    words, style = "", ""
    for grapheme, its, _ in part:
        if its != style and words:
            yield words, style
            words = ""
        words, style = words + grapheme, its
    if words:
        yield words, style
