"""Results: the rows of a batch with their answers as csv and jsonl files, in their order, written a slice at a time."""

import asyncio
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.domain.messages import File
from core.prompting.row_prompts import RowPrompt, find_free_names, write_cell
from core.store.records.jobs import JobRow, Jobs, RowState

SLICE = 200  # rows that are read and written at once
LARGEST = 9_500_000  # bytes of a file: Discord takes no more than ten million with all around it
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
CSV, JSONL = "text/csv", "application/jsonl"


@dataclass(slots=True)
class ResultFile:
    """A file that grows, in as many parts as it takes; each part of a table begins with `head`."""

    ending: str
    type: str
    head: bytes = b""
    parts: list[bytearray] = field(default_factory=list)

    def write(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if not self.parts or len(self.parts[-1]) + len(line) > LARGEST:
                self.parts.append(bytearray(self.head))
            self.parts[-1] += line

    def name_parts(self, name: str) -> list[File]:
        """Its parts as files, numbered where there are several."""
        several = len(self.parts) > 1
        return [
            File(f"{name}{f'-{number}' if several else ''}.{self.ending}", self.type, bytes(part), kept=True)
            for number, part in enumerate(self.parts, 1)
        ]


async def write_results(jobs: Jobs, job: int, asked: RowPrompt, name: str) -> list[File]:
    """The files with all rows of a job."""
    columns = name_columns(asked)
    table = ResultFile("csv", CSV, _write_line([defuse(one) for one in columns]))
    lines = ResultFile("jsonl", JSONL)
    after = 0
    while rows := await jobs.read_rows(job, after, SLICE):
        await asyncio.to_thread(_write_rows, asked, columns, rows, table, lines)
        after = rows[-1].number
    return [*table.name_parts(name), *lines.name_parts(name)]


def name_columns(asked: RowPrompt) -> list[str]:
    """The columns of the results: the row's number, its own columns, those of the answer, and why it has none."""
    number, error = find_free_names(("row", "error"), "batch", (*asked.columns, *asked.answer_columns))
    return [number, *asked.columns, *asked.answer_columns, error]


def _write_rows(
    asked: RowPrompt, columns: Sequence[str], rows: Sequence[JobRow], table: ResultFile, lines: ResultFile
) -> None:
    told = [list(_list_cells(asked, row)) for row in rows]
    table.write(_write_line([defuse(write_cell(cell)) for cell in cells]) for cells in told)
    lines.write(
        f"{json.dumps(dict(zip(columns, cells, strict=True)), ensure_ascii=False)}\n".encode() for cells in told
    )


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
