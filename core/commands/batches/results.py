"""Results: the rows of a batch with their answers as csv and jsonl files, in their order, a portion at a time."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.commands.batches.tables import NAME
from core.domain.messages import File
from core.prompting.row_prompts import RowPrompt, find_free_names, write_cell
from core.store.records.jobs import JobRow, Jobs, RowState

SLICE = 200  # rows that are read and written at once
LARGEST = 9_500_000  # bytes of a file: Discord takes no more than ten million with all around it, and two of them
WIDEST = 7  # bytes that a character takes in a file, at most
CUT = "… (cut)"
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
CSV, JSONL = "text/csv", "application/jsonl"


@dataclass(slots=True)
class Portion:
    """The files of a portion of the rows of a job, from `first` to `last`: as many as one csv file takes."""

    head: bytes
    """What the table begins with."""
    lines: bytearray | None = field(default_factory=bytearray)
    """The rows as jsonl; None where they are too large for a file, or not all of them."""
    table: bytearray = field(default_factory=bytearray)
    first: int = 0
    last: int = 0
    cut: int = 0
    """Rows with cells that are shorter here than they are."""
    whole: bool = True
    """Whether no row is left behind these."""

    def name_files(self, name: str, after: int, again: str) -> tuple[File, ...]:
        """The files. Where there are other portions, they are named after their rows."""
        if after or not self.whole:
            name = f"{name}-rows-{self.first}-to-{self.last}"
        files = [File(f"{name}.csv", CSV, self.head + self.table, kept=True, again=again)]
        if self.lines is not None:
            files.append(File(f"{name}.jsonl", JSONL, bytes(self.lines), kept=True, again=again))
        return tuple(files)

    def add(self, number: int, line: bytes, written: bytes) -> bool:
        """Add a row, as the table and as jsonl have it. Whether there is room for it; for the first there always is."""
        if self.table and len(self.head) + len(self.table) + len(line) > LARGEST:
            self.whole, self.lines = False, None
            return False
        self.table += line
        self.first, self.last = self.first or number, number
        if self.lines is not None and len(self.lines) + len(written) <= LARGEST:
            self.lines += written
        else:
            self.lines = None
        return True


async def write_portion(jobs: Jobs, job: int, asked: RowPrompt, after: int) -> Portion:
    """The rows of a job behind `after`, as many as a message takes: not more is held at once."""
    columns = name_columns(asked)
    portion = Portion(_write_line([defuse(one) for one in columns]), None if after else bytearray())
    while portion.whole and (rows := await jobs.read_rows(job, max(after, portion.last), SLICE)):
        await asyncio.to_thread(_write_rows, asked, columns, rows, portion)
    return portion


def name_columns(asked: RowPrompt) -> list[str]:
    """The columns of the results: the row's number, its own columns, those of the answer, and why it has none."""
    number, error = find_free_names(("row", "error"), "batch", (*asked.columns, *asked.answer_columns))
    return [number, *asked.columns, *asked.answer_columns, error]


def _write_rows(asked: RowPrompt, columns: Sequence[str], rows: Sequence[JobRow], portion: Portion) -> None:
    for row in rows:
        cells = list(_list_cells(asked, row))
        line, written = _write_cells(columns, cells)
        too_long = len(portion.head) + max(len(line), len(written)) > LARGEST
        if too_long:
            line, written = _write_cells(columns, _cut_cells(cells))
        if not portion.add(row.number, line, written):
            return
        portion.cut += too_long


def _write_cells(columns: Sequence[str], cells: Sequence[Any]) -> tuple[bytes, bytes]:
    """A row as a line of the table, and of jsonl."""
    told = dict(zip(columns, cells, strict=True))
    table = _write_line([defuse(write_cell(cell)) for cell in cells])
    return table, f"{json.dumps(told, ensure_ascii=False)}\n".encode()


def _cut_cells(cells: Sequence[Any]) -> list[Any]:
    """The cells of a row that is too large for a file, the long ones cut, whatever their characters take."""
    longest = LARGEST // (WIDEST * len(cells)) - NAME - len(CUT)
    words = [(cell, write_cell(cell)) for cell in cells]
    return [f"{text[:longest]}{CUT}" if len(text) > longest else cell for cell, text in words]


def _list_cells(asked: RowPrompt, row: JobRow) -> Iterator[Any]:
    yield row.number
    yield from row.cells or [None] * len(asked.columns)
    if asked.fields:
        values = json.loads(row.result) if row.result and row.state is RowState.DONE else {}
        yield from (values.get(one.name) for one in asked.fields)
    else:
        yield row.result or None
    yield row.problem


def _write_line(cells: Sequence[str]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()


def defuse(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; a number is none."""
    if not cell.startswith(FORMULAS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
