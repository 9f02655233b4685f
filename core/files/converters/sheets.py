"""Spreadsheets as tables with the names of their rows and columns. Run by `core.files.worker`.

The library reads Excel's files and OpenDocument's. It knows values as they were last calculated, and no formulas.
"""

import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from string import ascii_uppercase

from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from core.files.converters.converted import Unreadable, Words, write_row
from core.files.formats import LOCKED

ROOM = 90_000  # bytes of one workbook that are told, shared among its sheets
SHEETS = 50  # of one workbook that are told
COLUMNS = 200  # of one sheet that are told
CELL = 1_000  # characters of one cell

EMPTY = "no cell of it has anything in it"

Value = int | float | str | bool | time | date | datetime | timedelta


def convert_workbook(content: bytes, origin: str) -> Words:
    """The first rows of each sheet, as many as there is room for. Raises Unreadable."""
    try:
        workbook = CalamineWorkbook.from_object(io.BytesIO(content))
    except PasswordError as error:
        raise Unreadable(LOCKED) from error
    grids = [one for one in workbook.sheets_metadata if one.typ is SheetTypeEnum.WorkSheet]
    told, room, cut, filled = list[str](), ROOM, len(grids) > SHEETS, False
    for at, one in enumerate(grids[:SHEETS]):
        sheet = workbook.get_sheet_by_name(one.name)
        hidden = "" if one.visible is SheetVisibleEnum.Visible else " (hidden)"
        lines, left = _write_grid(sheet, room // (len(grids[:SHEETS]) - at))
        told.append("\n".join([f"## Sheet: {one.name}{hidden}", "", *(lines or ["(empty)"]), *left]))
        room -= sum(len(line.encode()) + 1 for line in lines)
        cut, filled = cut or bool(left), filled or bool(lines)
    if not filled:
        raise Unreadable(EMPTY)
    more = [f"[... {len(grids) - SHEETS:,} more sheets are left out here ...]"] if len(grids) > SHEETS else []
    return Words("\n\n".join(told + more), f"{origin}, values without formulas", cut)


def _write_grid(sheet: CalamineSheet, room: int) -> tuple[list[str], list[str]]:
    """The lines of a sheet's table that fit, and what is said of the others."""
    if sheet.start is None or sheet.end is None:
        return [], []
    (_, first), (bottom, _), shown = sheet.start, sheet.end, min(sheet.width, COLUMNS)
    lines = [write_row(["", *(_name_column(first + at) for at in range(shown))]), "|" + "---|" * (shown + 1)]
    room -= sum(len(line) + 1 for line in lines)
    for number, cells in _list_rows(sheet, shown):
        line = write_row([str(number), *cells])
        room -= len(line.encode()) + 1
        if room < 0:
            return lines, [f"[... {bottom + 2 - number:,} more rows are left out here ...]"]
        lines.append(line)
    wide = sheet.width - shown
    return lines, [f"[... {wide:,} more columns are left out here ...]"] if wide else []


def _list_rows(sheet: CalamineSheet, shown: int) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows that have anything in them, with their numbers."""
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = [_write_value(value) for value in row[:shown]]
        if any(cells):
            yield number, cells


def _write_value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.15g}"  # as many digits as Excel has
    if isinstance(value, datetime) and value.time() == time():
        return str(value.date())
    text = str(value)
    return text if len(text) <= CELL else f"{text[:CELL]}…"


def _name_column(at: int) -> str:
    """The letters of a column, counted from 0: A, B, ..., Z, AA."""
    letters = ""
    while at >= 0:
        at, letter = divmod(at, 26)
        letters, at = ascii_uppercase[letter] + letters, at - 1
    return letters
