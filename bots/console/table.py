"""Tables of Markdown as lines of a terminal: columns as wide as there is room, cells folded to them. Pure."""

from collections.abc import Iterator, Sequence

from wcwidth import wrap

from core.rendering.strip_marks import strip_marks
from core.rendering.tables import NARROWEST, align_row, draw_rule, measure_width, pad_row, parse_table_head, split_cells

GAP = 2  # columns between two columns of a table
FOLDED = 8  # columns below which a column of words is not folded


def draw_table(lines: Sequence[str], columns: int) -> list[str] | None:
    """The table that `lines` are, at most `columns` wide; None if they are none.

    Where not even folded cells fit, each row is a paragraph, with a line `header: value` for each cell that has words.
    """
    if len(lines) < 2 or parse_table_head(lines[0], lines[1]) is None:
        return None
    header, rule, *body = (split_cells(line) for line in lines)
    count = max(len(row) for row in (header, *body))
    rows = [[strip_marks(cell) for cell in pad_row(row, count)] for row in (header, *body)]
    widths = [max(NARROWEST, *map(measure_width, column)) for column in zip(*rows, strict=True)]
    room = columns - GAP * (count - 1)
    if room < min(sum(widths), FOLDED * count):
        return _list_rows(rows, columns)
    widths = _narrow(widths, room)
    drawn = [line for row in rows for line in _fold_row(row, widths, rule)]
    heads = len(list(_fold_row(rows[0], widths, rule)))
    return [*drawn[:heads], draw_rule(widths), *drawn[heads:]]


def _narrow(widths: Sequence[int], room: int) -> list[int]:
    """Take columns from the widest until all fit."""
    fitting = list(widths)
    while sum(fitting) > room:
        widest = max(fitting)
        next_one = max((width for width in fitting if width < widest), default=1)
        most = [at for at, width in enumerate(fitting) if width == widest]
        cut = max(1, min(widest - next_one, (sum(fitting) - room) // len(most)))
        for at in most[: sum(fitting) - room]:
            fitting[at] -= cut
    return fitting


def _fold_row(row: Sequence[str], widths: Sequence[int], rule: Sequence[str]) -> Iterator[str]:
    cells = [_fold(cell, width) for cell, width in zip(row, widths, strict=True)]
    for at in range(max(map(len, cells))):
        yield align_row([cell[at] if at < len(cell) else "" for cell in cells], widths, rule)


def _list_rows(rows: Sequence[Sequence[str]], columns: int) -> list[str]:
    header, *body = rows
    lines: list[str] = []
    for row in body or [[""] * len(header)]:
        cells = zip(header, row, strict=True)
        pairs = (f"{name}: {value}" if name and value else name or value for name, value in cells if value or not body)
        lines += ["", *(line for pair in pairs for line in _fold(pair, columns))]
    return lines[1:]


def _fold(cell: str, width: int) -> list[str]:
    return [cell] if measure_width(cell) <= width else list(wrap(cell, width)) or [""]
