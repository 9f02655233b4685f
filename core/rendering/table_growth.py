"""Table growth: the size of a drawn table, row by row, without drawing all of it again for each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.rendering.dialect import Dialect
from core.rendering.fences import PLAIN, Fence
from core.rendering.strip_marks import strip_marks
from core.rendering.tables import (
    NARROWEST,
    Table,
    align_row,
    draw_item,
    draw_list,
    draw_rule,
    has_links,
    make_fence,
    measure_width,
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


class TableGrowth:
    """A table on a page while it grows. A row costs what it takes itself, unless it makes a column wider.

    That happens at most as often as a screen has columns. Where the platform shows tables itself a row is as it is.
    """

    def __init__(self, dialect: Dialect, table: Table) -> None:
        self._dialect, self._table = dialect, table
        self._header, self._rule = table.split(table.header), table.split(table.rule)
        self._body: list[list[str]] = []
        self._drawn = self._align_rows(_Drawn(tuple(self._widths((), self._header)), "```"))

    def size(self, row: str) -> int:
        """The size of the drawn table with one row more."""
        drawn, dialect, lead = self._with(self._table.split(row)), self._dialect, self._table.lead
        mark = PLAIN if drawn.mark and dialect.standalone else drawn.mark
        around = f"{lead}{mark}\n{lead}{draw_rule(drawn.widths)}\n{lead}{mark}\n" if mark else ""
        return drawn.size + dialect.size(dialect.code(around)) - dialect.size("\n")

    def add(self, row: str) -> None:
        """Take a row."""
        self._drawn = self._with(self._table.split(row))
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


def follow_table(dialect: Dialect, table: Fence | Table | None) -> TableGrowth | None:
    """The growth of a table that is drawn on a page."""
    return TableGrowth(dialect, table) if dialect.screen and isinstance(table, Table) else None
