"""Block count: how many blocks a platform makes of the Markdown on a page at most, counted line by line.

Some platforms make a block of each paragraph, heading, list, quote, table, rule and piece of code, and take only so
many of them in a message. A parser would read a page anew for each line, and take back what it said of a line's
beginning. This count is no less than a parser's, whatever follows, and each line is read once.
"""

import re
from collections.abc import Sequence
from enum import Enum
from itertools import accumulate

from core.rendering.break_points import BreakKind
from core.rendering.dialect import Dialect, measure_utf16
from core.rendering.fences import Fence, find_marks, plain_opening
from core.rendering.list_items import ListItem
from core.rendering.tables import Table

CODE_INDENT = 4  # columns; what stands further in is code, or goes on with an item
NOWHERE = 1_000_000  # the column of an item that has no words yet

_LEAD = re.compile(r"[ \t]*")
_QUOTES = re.compile(r"[ \t>]*")
_ITEM = re.compile(r"(?:[-*+]|(?P<number>\d{1,9})[.)])(?:(?P<space>[ \t]+)(?=[^ \t])|[ \t]*\Z)")
_HEADING = re.compile(r"#{1,6}(?:[ \t]|\Z)")
_UNDERLINE = re.compile(r"(?:=+|-+)[ \t]*\Z")
_RULE = re.compile(r"([-*_])(?:[ \t]*\1){2}")
_WHOLE_RULE = re.compile(r"([-*_])(?:[ \t]*\1){2,}[ \t]*\Z")
_INTERRUPTION = re.compile(r"#|>|`{3}|~{3}|([-*_])(?:[ \t]*\1){2}|(?:[-*+]|\d{1,9}[.)])[ \t]+[^ \t]")
"""What ends a paragraph above a line that begins so, as far as it must be seen to know that."""


class Above(Enum):
    """What a line may go on with."""

    NOTHING = "nothing"
    TEXT = "text"
    QUOTE = "quote"
    TABLE = "table"
    INDENTED = "indented"


class BlockCount:
    """The blocks of a page while it is filled, and the rows of the table at its end.

    Where the dialect counts neither, nor does this.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._counts = bool(dialect.blocks or dialect.rows)
        self.blocks = 0
        self.rows = 0
        """Lines of the table above that may go on, its header among them."""
        self.cells = 0
        """The characters of all tables of the page, in UTF-16 units."""
        self._above = Above.NOTHING
        self._gap = False
        """Whether a blank line is above."""
        self._lines = 0
        """Lines of the paragraph above."""
        self._marker = ""
        """What the items of the open list are known by; empty where none is open."""
        self._column = 0
        """Where the words of the last item of that list begin."""
        self._quotes = 0
        """How many marks of a quote the open code stands behind."""
        self._code_column = 0
        """Where code must begin at least, for it stands in an item."""
        self._lost = False
        """Whether code was left by its indentation or its quote: from there on a parser reads what we take for code."""

    def reopen(self, items: Sequence[ListItem], open_: Fence | Table | None) -> None:
        """Count what a page repeats of the page before."""
        self.blocks += open_ is not None or bool(items)
        if isinstance(open_, Table):
            self.begin_table(open_.header)
        elif open_:
            self._quotes, self._lost = open_.lead.count(">"), _measure_columns(open_.lead) >= CODE_INDENT
        elif items:
            marker = items[0].marker
            self._above, self._marker = Above.TEXT, marker[-1]
            self._column = items[0].indent + len(marker) + 1

    def find_crowding(self, line: str, kind: BreakKind) -> int | None:
        """The character of a line at which the page may have more blocks, or a table more rows, than it can have."""
        dialect = self._dialect
        full = dialect.blocks and self.blocks >= dialect.blocks
        block = self.find_new_block(line, kind) if full else None
        row = self.find_new_row(line, dialect.rows, dialect.cells) if dialect.rows else None
        return min((at for at in (block, row) if at is not None), default=None)

    def find_new_block(self, line: str, kind: BreakKind) -> int | None:
        """The character at which `line`, while it is being written, may begin a block; None if it never does."""
        seen, _ = self._find_beginning(line, kind)
        return find_marks(line)[0] + 2 if seen is None and kind is BreakKind.OPENING else seen

    def find_new_row(self, line: str, most: int, cells: int) -> int | None:
        """The character of a line at which its table has more rows, or all tables more characters, than they may.

        A first row counts as well: where even a page of its own has no room for it, it is no row but text.
        """
        at = _measure_lead(line)
        if not self.rows or self._gap or at == len(line):
            return None
        if self.rows >= max(most, 2):
            return at
        left = cells - self.cells
        sizes = accumulate(map(measure_utf16, line)) if cells and measure_utf16(line) > left else ()
        return next((index for index, size in enumerate(sizes) if size > left), None)

    def add(self, line: str, kind: BreakKind) -> None:
        """Count a whole line."""
        if not self._counts:
            return
        self._lost = self._lost or (kind is BreakKind.CODE and self._leaves_code(line))
        _, begins = self._find_beginning(line, kind)
        self.blocks += begins
        if kind is BreakKind.OPENING:
            lead = line[: find_marks(line)[0]]
            self._quotes, begun = lead.count(">"), len(lead) if lead.strip() else 0
            self._code_column = self._column if self._is_inside(lead) else begun
            self.blocks += bool(lead.strip()) + ("\n" in plain_opening(line))
            self._end_all()
        elif kind is BreakKind.CLOSING:
            self.blocks += self._lost and not begins
            self._end_all()
        elif kind is not BreakKind.CODE or self._lost:
            self._follow(line, begins)

    def _leaves_code(self, line: str) -> bool:
        """Whether a parser takes a line for no code any more, for it is not in the same quote or item."""
        at = _measure_lead(line)
        if self._quotes:
            quotes = _QUOTES.match(line)
            return at < len(line) and (quotes is None or quotes[0].count(">") < self._quotes)
        return at < len(line) and _measure_columns(line[:at]) < self._code_column

    def begin_table(self, header: str) -> None:
        """Take the line above for the header of a table, which was a paragraph until then, or the end of one."""
        self.blocks += bool(self._marker) or self._lines > 1
        self._end_all()
        self._above, self.rows = Above.TABLE, 1
        self.cells += measure_utf16(header)

    def _end_all(self) -> None:
        self._above, self._gap, self._lines, self._marker, self.rows = Above.NOTHING, False, 0, "", 0

    def _find_beginning(self, line: str, kind: BreakKind) -> tuple[int | None, bool]:
        """Where a line may come to begin a block, and whether the whole line does."""
        at = _measure_lead(line)
        body, fresh = line[at:], self._gap or self._above is Above.NOTHING
        code = kind in (BreakKind.CODE, BreakKind.CLOSING) and not (self._lost or self._leaves_code(line))
        if code or not body or self._goes_on(line[:at], body, fresh):
            return None, False
        if fresh and self._is_next_item(body):
            return (at if body[0].isdigit() else None), False
        found = _INTERRUPTION.match(body)
        if fresh or self._above is not Above.TEXT:
            return at, bool(found) or kind is not BreakKind.ROW
        if found:
            return at + found.end() - 1, True
        head = self._lines > 1 and body[0] in "|:-" and not self._is_inside(line[:at])
        return (at, True) if head else (None, False)

    def _goes_on(self, lead: str, body: str, fresh: bool) -> bool:
        """Whether a line goes on with what is above, from its first character on."""
        if self._is_inside(lead):
            return self._is_item(body) or not _INTERRUPTION.match(body)
        if fresh:
            return False
        match self._above:
            case Above.QUOTE:
                return body[0] == ">"
            case Above.TABLE:
                return body[0] == "|"
            case Above.INDENTED:
                return _measure_columns(lead) >= CODE_INDENT
        return self._is_next_item(body)

    def _is_item(self, body: str) -> bool:
        return bool(_ITEM.match(body)) and not _RULE.match(body)

    def _is_inside(self, lead: str) -> bool:
        """Whether a line belongs to the last item of the open list."""
        return bool(self._marker) and _measure_columns(lead) >= self._column

    def _is_next_item(self, body: str) -> bool:
        """Whether a line is one more item of the open list."""
        item = _ITEM.match(body) if self._marker and self._is_item(body) else None
        return item is not None and _name_marker(item) == self._marker

    def _follow(self, line: str, begins: bool) -> None:
        """Remember a line that is above the next one from now on."""
        at = _measure_lead(line)
        lead, body = line[:at], line[at:]
        if not body:
            self._gap, self._lines, self.rows = True, 0, 0
            self._marker = "" if self._column == NOWHERE else self._marker
            return
        fresh, self._gap = self._gap or self._above is Above.NOTHING, False
        if self.rows:
            self.rows, self.cells = self.rows + 1, self.cells + measure_utf16(line)
        if _WHOLE_RULE.match(body) or (begins and _HEADING.match(body)) or (not fresh and _UNDERLINE.match(body)):
            self._end_all()
        elif self._is_inside(lead) and not begins:
            self._above, self._lines = Above.TEXT, self._lines + 1
        elif body[0] == ">":
            self._above, self._marker, self._lines = Above.QUOTE, "", 0
        elif item := self._find_opened_item(body, fresh, begins):
            self._open_item(lead, item)
        elif self._above is not Above.TABLE or begins:
            self._take_text(_measure_columns(lead), fresh, begins)

    def _find_opened_item(self, body: str, fresh: bool, begins: bool) -> re.Match[str] | None:
        """The item that a line begins. Not every one ends a paragraph."""
        item = _ITEM.match(body)
        interrupts = item and item["space"] and item["number"] in (None, "1")
        return item if fresh or not begins or interrupts else None

    def _open_item(self, lead: str, item: re.Match[str]) -> None:
        space = _measure_columns(item["space"] or "")
        marker = len(item[0]) - len(item["space"] or "")
        self._above, self._lines, self._marker = Above.TEXT, 1, _name_marker(item)
        self._column = _measure_columns(lead) + marker + (space if space <= CODE_INDENT else 1)
        if not space:
            self._above, self._column = Above.NOTHING, NOWHERE

    def _take_text(self, indent: int, fresh: bool, begins: bool) -> None:
        code = indent >= CODE_INDENT and (fresh or self._above is Above.INDENTED)
        self._above = Above.INDENTED if code else Above.TEXT
        self._lines = 1 if begins else self._lines + 1
        self._marker = "" if fresh else self._marker


def _name_marker(item: re.Match[str]) -> str:
    """What the items of one list have in common: a bullet, or what stands behind their numbers."""
    return item[0].strip()[-1]


def _measure_lead(line: str) -> int:
    found = _LEAD.match(line)
    return found.end() if found else 0


def _measure_columns(lead: str) -> int:
    return len(lead.expandtabs(CODE_INDENT))
