"""Tables: a csv or jsonl file as rows of cells, read again as often as somebody goes through it. Pure."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from core.domain.errors import CannotAnswer
from core.domain.messages import clean_text
from core.files.formats import Format, explain_unread, recognise_format

MOST = 1_000_000  # rows of a table
COLUMNS = 200
NAME = 100  # characters of a column's name
CELL = 100_000  # characters of a cell
DELIMITERS = ",;\t|"
ENCODINGS = ("utf-8", "cp1252")
HALF = re.compile(r"\\ud[89a-f]", re.IGNORECASE)  # what may be half a character, which is none in UTF-8
LOOKED = 4_096  # bytes in which what is no text shows itself
WHAT = "Attach a csv file, whose first line names the columns, or a jsonl file, with one JSON object on each line."
EMPTY = "This file has no rows."
NO_TABLE = f"This file is no table. {WHAT}"
JSON_ARRAY = "This is JSON, not jsonl: write one object a line, without brackets around them."


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its number from 1 on, its cells in the order of the columns, and what message of whom it was made of."""

    number: int
    cells: tuple[Any, ...]
    message: str | None = None
    author: str = ""


@dataclass(frozen=True, slots=True)
class RowTable:
    """A table in a text. `lines` says whether each line of it is a JSON object; else it is csv."""

    text: str
    columns: tuple[str, ...]
    count: int
    lines: bool
    delimiter: str = ","

    def __iter__(self) -> Iterator[TableRow]:
        if self.lines:
            objects = (tuple(map(one.get, self.columns)) for one in _iterate_objects(self.text))
            yield from (TableRow(number, cells) for number, cells in enumerate(objects, 1))
        else:
            rows = _iterate_csv(self.text, self.delimiter, self.columns)
            yield from (TableRow(number, cells) for number, cells in enumerate(rows, 1))


def read_table(content: bytes) -> RowTable:
    """The table in a file, which is looked through once. Raises CannotAnswer, a sentence on what is wrong with it."""
    text = _decode(content)
    if not text.strip():
        raise CannotAnswer(EMPTY)
    if text.lstrip().startswith("["):
        raise CannotAnswer(JSON_ARRAY)
    table = _read_objects(text) if text.lstrip().startswith("{") else _read_csv(text)
    if not table.count:
        raise CannotAnswer(EMPTY)
    return table


def _decode(content: bytes) -> str:
    """Raises CannotAnswer for what is no text."""
    if recognise_format(content) is not Format.TEXT or explain_unread(content):
        raise CannotAnswer(NO_TABLE)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content[:LOOKED]:
        raise CannotAnswer(NO_TABLE)
    for encoding in ENCODINGS:
        try:
            return content.removeprefix(codecs.BOM_UTF8).decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CannotAnswer(NO_TABLE)


def _read_objects(text: str) -> RowTable:
    columns: dict[str, None] = {}
    count = 0
    for row in _iterate_objects(text):
        columns |= dict.fromkeys(row)
        count += 1
        _check_size(count, len(columns))
    if not columns:
        raise CannotAnswer(EMPTY)
    _check_names(columns)
    return RowTable(text, tuple(columns), count, lines=True)


def _read_csv(text: str) -> RowTable:
    delimiter = _find_delimiter(text)
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    columns = tuple(" ".join(one.split()) for one in header)
    if not all(columns):
        raise CannotAnswer("The first line has to name the columns; one of them has no name.")
    if twice := next((one for one in columns if [*map(str.casefold, columns)].count(one.casefold()) > 1), None):
        raise CannotAnswer(f"Two columns are called `{_name(twice)}`; each needs a name of its own.")
    _check_names(columns)
    count = 0
    for _ in _iterate_csv(text, delimiter, columns):
        count += 1
        _check_size(count, len(columns))
    return RowTable(text, columns, count, lines=False, delimiter=delimiter)


def _iterate_objects(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(io.StringIO(text), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise CannotAnswer(f"Line {number:,} is no JSON object; a jsonl file has one on each line.")
        yield json.loads(clean_text(json.dumps(row, ensure_ascii=False))) if HALF.search(line) else row


def _iterate_csv(text: str, delimiter: str, columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Rows without those that hold nothing; short ones are filled up."""
    width = len(columns)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        next(lines, None)
        for row in lines:
            if not any(map(str.strip, row)):
                continue
            if len(row) > width and any(row[width:]):
                raise CannotAnswer(f"Line {lines.line_num:,} has {len(row)} cells, and the table {width} columns.")
            yield tuple([*row, *[""] * (width - len(row))][:width])
    except csv.Error as error:
        raise CannotAnswer(f"Line {lines.line_num:,} can't be read as csv ({error}).") from None


def _find_delimiter(text: str) -> str:
    """What stands between the cells of the first line."""
    line = text.lstrip().partition("\n")[0]
    counts = {one: len(next(csv.reader([line], delimiter=one), [])) for one in DELIMITERS}
    return max(DELIMITERS, key=lambda one: (counts[one], -DELIMITERS.index(one)))


def _check_names(columns: Iterable[str]) -> None:
    if any(len(one) > NAME for one in columns):
        raise CannotAnswer(f"A column's name has {NAME} characters at most. {WHAT}")


def _check_size(rows: int, columns: int) -> None:
    if rows > MOST:
        raise CannotAnswer(f"A batch has {MOST:,} rows at most; send the file in parts.")
    if columns > COLUMNS:
        raise CannotAnswer(f"A table has {COLUMNS} columns at most.")


def _name(column: str) -> str:
    return column[:40].replace("`", "'")
