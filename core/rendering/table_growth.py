"""Table growth: the size of a drawn table, row by row, without drawing all of it again; and rows that are text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from core.rendering.dialect import Dialect
from core.rendering.fences import PLAIN, Fence, parse_opening
from core.rendering.strip_marks import strip_marks
from core.rendering.tables import (
    NARROWEST,
    Table,
    align_row,
    blank_marker,
    draw_item,
    draw_list,
    draw_row,
    draw_rule,
    find_lead,
    has_links,
    make_fence,
    measure_width,
    parse_table_head,
    strip_lead,
    too_wide,
)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What is known of the rows drawn so far. `size` is that of their lines, each with its line break."""

    widths: tuple[int, ...] = ()
    mark: str = ""
    """The fence around aligned columns; empty where the rows are items of a list."""
    open: Fence | None = None
    """The fence that an item has opened."""
    size: int = 0


LIST = "- "  # before a row that is drawn on one line


class TableGrowth:
    """A table on a page while it grows. A row costs what it takes itself, unless it makes a column wider.

    That happens at most as often as a screen has columns. Where the platform shows tables itself a row is as it is.
    It may be drawn by so much longer than it is written as there is `room`; else its rows stand on one line each, below
    what the columns are called, and that only where the table `begins` on the page.
    """

    def __init__(self, dialect: Dialect, table: Table, room: float = inf, *, begins: bool = True) -> None:
        self._dialect, self._table, self._room = dialect, table, room
        self._written = dialect.size(f"{table.header}\n{table.rule}\n") if begins else 0
        self._header, self._rule = table.split(table.header), table.split(table.rule)
        self._body: list[list[str]] = []
        self._drawn = self._align_rows(_Drawn(tuple(self._widths((), self._header)), "```"))
        self._short = self._add_lines(_Drawn(), [name_row(table)] if begins else [])

    @property
    def excess(self) -> int:
        """By how much it is longer drawn than written; where its rows are short, those of the next page are too."""
        return int(max(self._room, self._short.size - self._written)) if self.short else self._full - self._written

    @property
    def left(self) -> int:
        """By how much it may yet be longer, a page at most."""
        return max(0, int(min(self._room, self._dialect.limit)) - self.excess)

    @property
    def short(self) -> bool:
        """Whether its rows stand on one line each."""
        return bool(self._body) and self._full - self._written > self._room

    @property
    def _full(self) -> int:
        return self._measure_drawn(self._drawn) + self._dialect.size("\n")

    def size(self, row: str) -> int:
        """The size of the drawn table with one row more."""
        size = self._measure_drawn(self._with(self._table.split(row)))
        if size - self._written - self._dialect.size(row) <= self._room:
            return size
        return self._shorten(row).size - self._dialect.size("\n")

    def _shorten(self, row: str) -> _Drawn:
        return self._add_lines(self._short, [shorten_row(self._table, row)])

    def _measure_drawn(self, drawn: _Drawn) -> int:
        dialect, lead = self._dialect, self._table.lead
        mark = PLAIN if drawn.mark and dialect.standalone else drawn.mark
        around = f"{lead}{mark}\n{lead}{draw_rule(drawn.widths)}\n{lead}{mark}\n" if mark else ""
        return drawn.size + dialect.size(dialect.code(around)) - dialect.size("\n")

    def add(self, row: str) -> None:
        """Take a row."""
        self._drawn, self._short = self._with(self._table.split(row)), self._shorten(row)
        self._written += self._dialect.size(f"{row}\n")
        self._body.append(self._table.split(row))

    def _with(self, row: list[str]) -> _Drawn:
        """What is drawn with one row more; all of it anew where that changes how the rest is drawn."""
        before = self._drawn
        if not before.mark:
            return self._add_lines(before, draw_item(self._header, row))
        widths = tuple(self._widths(before.widths, row))
        if too_wide(widths, self._dialect.screen - len(self._table.lead)) or has_links(row) or has_links(self._header):
            return self._add_lines(_Drawn(widths), draw_list(self._header, [*self._body, row]))
        if widths != before.widths:
            return self._align_rows(_Drawn(widths, "```"), [*self._body, row])
        line = self._line(row, widths)
        return replace(
            before, mark=max(before.mark, make_fence([line]), key=len), size=before.size + self._measure([line])
        )

    def _align_rows(self, drawn: _Drawn, body: Iterable[list[str]] = ()) -> _Drawn:
        lines = [self._line(row, drawn.widths) for row in (self._header, *body)]
        return replace(drawn, mark=make_fence(lines), size=self._measure(lines))

    def _add_lines(self, drawn: _Drawn, lines: Iterable[str]) -> _Drawn:
        written, open_ = self._dialect.write_lines((self._table.lead + line for line in lines), drawn.open)
        size = sum(self._dialect.size(f"{line}\n") for line in written)
        return replace(drawn, open=open_, size=drawn.size + size)

    def _line(self, row: Sequence[str], widths: Sequence[int]) -> str:
        return align_row([strip_marks(cell) for cell in row], widths, self._rule)

    def _widths(self, widths: Sequence[int], row: Sequence[str]) -> Iterable[int]:
        for column in range(max(len(widths), len(row))):
            before = widths[column] if column < len(widths) else NARROWEST
            yield max(before, measure_width(strip_marks(row[column])) if column < len(row) else 0)

    def _measure(self, lines: Iterable[str]) -> int:
        return sum(self._dialect.size(f"{self._dialect.write_code(self._table.lead + line)}\n") for line in lines)


def name_row(table: Table) -> str:
    """What the columns are called, on one line, as wide as it was written."""
    return draw_row(table.split(table.header), tight=" | " not in table.header)


def shorten_row(table: Table, row: str) -> str:
    """A row on one line, as wide as it was written; an item of a list if it began with a bar."""
    inside = (strip_lead(row) if table.lead else row).lstrip()
    return LIST * inside.startswith("|") + draw_row(table.split(row), tight=" | " not in row)


def follow_table(
    dialect: Dialect, table: Fence | Table | None, grown: int = 0, *, begins: bool = False
) -> TableGrowth | None:
    """The growth of a table that is drawn on a page. Those before it have `grown` by so much."""
    room = inf if dialect.growing is None else dialect.growing - grown
    return TableGrowth(dialect, table, room, begins=begins) if dialect.screen and isinstance(table, Table) else None


def draw_rows(dialect: Dialect, rows: Sequence[str], around: Fence | Table | None, grown: int) -> tuple[str, int]:
    """The rows of a table on a page, or the header, its rule and rows, drawn; and by how much all have `grown` now."""
    continued = around if isinstance(around, Table) else None
    table = continued or parse_table_head(*rows[:2], led=dialect.screen > 0)
    body = rows if continued else rows[2:]
    growth = follow_table(dialect, table, grown, begins=not continued)
    if table is None or growth is None:
        return dialect.draw_table([*([table.header, table.rule] if continued and table else []), *rows]), grown
    for row in body:
        growth.add(row)
    grown += growth.excess
    lead = table.lead if continued else find_lead(*rows[:2])
    if not growth.short:
        return dialect.draw_table([table.header, table.rule, *body] if continued else rows, lead), grown
    lines = [blank_marker(lead) + shorten_row(table, row) for row in body]
    above = [] if continued else [lead + name_row(table)]
    return "\n".join(dialect.write_lines([*above, *lines])[0]), grown


@dataclass(frozen=True, slots=True)
class TableProse:
    """Rows of `table` from `at` on are text, which may be longer than they were written by as much as there is `room`.

    What it makes of a text that grows only grows at its end.
    """

    at: int
    table: Table
    room: int

    def write(self, text: str, dialect: Dialect) -> str:
        """The text with these rows as items of a list. An empty line before them ends the table."""
        rows = [*self._find_rows(text)]
        end = self.at + sum(len(row) + 1 for row in rows)
        lines = [text[: self.at] + self.table.lead.rstrip(), *self._write_rows(rows, dialect)]
        return "\n".join([*lines, text[end:]] if end <= len(text) else lines)

    def _find_rows(self, text: str) -> Iterator[str]:
        at = self.at
        while at < len(text):
            end = text.find("\n", at)
            line = text[at:] if end < 0 else text[at:end]
            if "|" not in line or parse_opening(line):
                return
            yield line
            at += len(line) + 1

    def _write_rows(self, rows: list[str], dialect: Dialect) -> Iterator[str]:
        header, grown = self.table.split(self.table.header), 0
        lead = blank_marker(self.table.lead)
        names = dialect.size("\n".join(draw_item(header, ["x"] * len(header))))
        for row in rows:
            cells = self.table.split(row)
            if grown + names <= self.room and len(cells) <= len(header):
                lines = draw_item(header, cells)
                grown += max(0, dialect.size("\n".join(lines)) - dialect.size(row))
            else:
                lines = [shorten_row(self.table, row)]
            yield from (lead + line for line in lines)
