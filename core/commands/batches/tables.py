"""Tables: a csv or jsonl file as rows of cells, read again as often as somebody goes through it. Pure."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

from core.commands.batches.encodings import find_encoding
from core.domain.errors import CannotAnswer
from core.domain.messages import clean_text
from core.files.formats import Format, explain_unread, recognise_format
from core.prompting.row_prompts import fold_name, read_json, write_cell

MOST = 1_000_000  # rows of a table
COLUMNS = 200
NAME = 100  # characters of a column's name
CELL = 100_000  # characters of a cell
LINE = 400_000  # characters of a line, and of a row
HEADING = COLUMNS * (NAME + 3)  # characters of a line that names the columns, in quotes and with what parts them
VALUES, DEEPEST = 30_000, 50  # of a JSON object: more take longer than the event loop may wait for, for nobody reads
GROWTH = 8  # times what a value takes in its file, at most, it may take as we write it: `1e15` is a long number
DELIMITERS = ",;\t|"
HALF = re.compile(r"\\ud[89a-f]", re.IGNORECASE)  # what may be half a character, which is none in UTF-8
STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
MARKS = re.compile(r"[\[\]{}]")
LEVELS = {"[": 1, "{": 1, "]": -1, "}": -1}
LOOKED = 4_096  # bytes in which what is no text shows itself
WHAT = "Attach a csv file, whose first line names the columns, or a jsonl file, with one JSON object on each line."
EMPTY = "This file has no rows."
NO_TABLE = f"This file is no table. {WHAT}"
JSON_ARRAY = "This is JSON, not jsonl: write one object a line, without brackets around them."
NO_HEADING = f"The first line has to name the columns: {COLUMNS} at most, each with {NAME} characters at most."


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its number from 1 on, its cells in the order of the columns, and what message of whom it was made of."""

    number: int
    cells: tuple[Any, ...]
    message: str | None = None
    author: str = ""


@dataclass(frozen=True, slots=True)
class RowTable:
    """A table in the bytes of a file. `lines` says whether each line of it is a JSON object; else it is csv."""

    content: bytes
    encoding: str
    columns: tuple[str, ...]
    count: int
    lines: bool
    delimiter: str = ","

    def __iter__(self) -> Iterator[TableRow]:
        lines = _iterate_lines(self.content, self.encoding)
        if self.lines:
            rows: Iterator[tuple[Any, ...]] = (tuple(map(one.get, self.columns)) for one in _iterate_objects(lines))
        else:
            rows = _iterate_csv(lines, self.delimiter, self.columns)
        yield from (TableRow(number, cells) for number, cells in enumerate(rows, 1))


def read_table(content: bytes) -> RowTable:
    """The table in a file, which is looked through once. Raises CannotAnswer, a sentence on what is wrong with it.

    It is decoded and parsed a line at a time, and no line takes long: the event loop waits for a thread that does not
    let go.
    """
    _ensure_text(content)
    encoding = find_encoding(content)
    first = next((line.lstrip() for line in _iterate_lines(content, encoding) if line.strip()), "")
    if not first:
        raise CannotAnswer(EMPTY)
    if first.startswith("["):
        raise CannotAnswer(JSON_ARRAY)
    read = _read_objects if first.startswith("{") else _read_csv
    table = read(content, encoding)
    if not table.count:
        raise CannotAnswer(EMPTY)
    return table


def _ensure_text(content: bytes) -> None:
    """Raises CannotAnswer for what is no text."""
    if recognise_format(content) is not Format.TEXT or explain_unread(content):
        raise CannotAnswer(NO_TABLE)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not wide and b"\0" in content[:LOOKED]:
        raise CannotAnswer(NO_TABLE)


def _iterate_lines(content: bytes, encoding: str) -> Iterator[str]:
    """Lines with their ends, of whichever system. Raises CannotAnswer for a long one."""
    with io.TextIOWrapper(io.BytesIO(content), encoding, newline="") as text:
        number = 0
        while line := text.readline(LINE + 1):
            number += 1
            if len(line) > LINE:
                raise CannotAnswer(f"Line {number:,} has more than {LINE:,} characters, and a row no more.")
            yield line


def _read_objects(content: bytes, encoding: str) -> RowTable:
    columns: dict[str, None] = {}
    count = 0
    for row in _iterate_objects(_iterate_lines(content, encoding)):
        columns |= dict.fromkeys(row)
        count += 1
        _check_size(count, len(columns))
    if not columns:
        raise CannotAnswer(EMPTY)
    _check_names(columns)
    return RowTable(content, encoding, tuple(columns), count, lines=True)


def _read_csv(content: bytes, encoding: str) -> RowTable:
    lines = _iterate_lines(content, encoding)
    heading = next(line for line in lines if line.strip())
    if len(heading) > HEADING:
        raise CannotAnswer(NO_HEADING)
    try:
        delimiter = _find_delimiter(heading)
        names = next(csv.reader(chain([heading], lines), delimiter=delimiter), [])
    except csv.Error:
        raise CannotAnswer(NO_HEADING) from None
    _check_size(0, len(names))
    columns = tuple(" ".join(one.split()) for one in names)
    if not all(columns):
        raise CannotAnswer("The first line has to name the columns; one of them has no name.")
    _check_names(columns)
    count = 0
    for _ in _iterate_csv(_iterate_lines(content, encoding), delimiter, columns):
        count += 1
        _check_size(count, len(columns))
    return RowTable(content, encoding, columns, count, lines=False, delimiter=delimiter)


def _iterate_objects(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        _check_values(number, line)
        try:
            row = read_json(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise CannotAnswer(f"Line {number:,} is no JSON object; a jsonl file has one on each line.")
        if len(line) > CELL // GROWTH:
            _check_cells(number, row.values())
        yield read_json(clean_text(json.dumps(row, ensure_ascii=False))) if HALF.search(line) else row


def _check_values(number: int, line: str) -> None:
    """Raises CannotAnswer for what holds too many values, or holds them too deep, before it is parsed."""
    if sum(map(line.count, "[{:,")) <= DEEPEST:
        return
    bare = STRING.sub("", line)
    many = sum(map(bare.count, "[{:,")) > VALUES
    if many or max(accumulate(LEVELS[one] for one in MARKS.findall(bare)), default=0) > DEEPEST:
        raise CannotAnswer(
            f"Line {number:,} holds too much: {VALUES:,} values at most, and {DEEPEST} levels of lists and objects."
        )


def _check_cells(number: int, cells: Iterable[Any]) -> None:
    """Raises CannotAnswer for a row with more characters than one may have."""
    sizes = [len(write_cell(one)) for one in cells]
    if max(sizes, default=0) > CELL:
        raise CannotAnswer(f"Line {number:,} has a cell with more than {CELL:,} characters.")
    if sum(sizes) > LINE:
        raise CannotAnswer(f"The row at line {number:,} has more than {LINE:,} characters.")


def _iterate_csv(lines: Iterator[str], delimiter: str, columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Rows without those that hold nothing; short ones are filled up."""
    width = len(columns)
    above = 0  # lines without a word above the one that names the columns
    heading = ""
    while not heading.strip():
        heading, above = next(lines), above + 1
    reader = csv.reader(chain([heading], lines), delimiter=delimiter)
    try:
        next(reader, None)
        for row in reader:
            number = reader.line_num + above - 1
            if len(row) > width and any(row[width:]):
                raise CannotAnswer(f"Line {number:,} has {len(row):,} cells, and the table {width} columns.")
            if any(map(str.strip, row)):
                if sum(map(len, row)) > CELL:
                    _check_cells(number, row)
                yield tuple([*row, *[""] * (width - len(row))][:width])
    except csv.Error as error:
        raise CannotAnswer(f"Line {reader.line_num + above - 1:,} can't be read as csv ({error}).") from None


def _find_delimiter(heading: str) -> str:
    """What stands between the cells of the first line. Raises csv.Error."""
    counts = {one: len(next(csv.reader([heading], delimiter=one), [])) for one in DELIMITERS}
    return max(DELIMITERS, key=lambda one: (counts[one], -DELIMITERS.index(one)))


def _check_names(columns: Iterable[str]) -> None:
    """Raises CannotAnswer for names that are too long, or that a prompt could not tell apart."""
    known: dict[str, str] = {}
    for one in columns:
        if len(one) > NAME:
            raise CannotAnswer(f"A column's name has {NAME} characters at most. {WHAT}")
        if first := known.get(fold_name(one)):
            raise CannotAnswer(f"Two columns are called `{_name(first)}`; each needs a name of its own.")
        known[fold_name(one)] = one


def _check_size(rows: int, columns: int) -> None:
    if rows > MOST:
        raise CannotAnswer(f"A batch has {MOST:,} rows at most; send the file in parts.")
    if columns > COLUMNS:
        raise CannotAnswer(f"A table has {COLUMNS} columns at most.")


def _name(column: str) -> str:
    return column[:40].replace("`", "'")
