"""The results of a batch are a csv and a jsonl file with all rows, in parts where one would be too large."""

import csv
import io
import json
from collections.abc import Sequence

import pytest

from core.commands.batches import results
from core.commands.batches.results import defuse, name_columns, write_portion
from core.prompting.row_prompts import AnswerField, RowPrompt
from core.store.records.jobs import JobRow, RowState

SORT = (AnswerField("kind"), AnswerField("n", "integer"))
DONE, FAILED = RowState.DONE, RowState.FAILED


class Rows:
    """A job's rows, as the store gives them."""

    def __init__(self, *rows: JobRow) -> None:
        self.rows = rows

    async def read_rows(self, job: int, after: int, most: int) -> Sequence[JobRow]:
        return [one for one in self.rows if one.number > after][:most]


def ask(*columns: str, fields: tuple[AnswerField, ...] = ()) -> RowPrompt:
    return RowPrompt("x", columns, {"system": []}, fields)


async def test_rows_stand_in_their_order_with_answers_and_problems():
    rows = Rows(JobRow(1, ("a", None), DONE, "eins"), JobRow(2, ("b", [1]), FAILED, "zw", "cut"), JobRow(3, (), FAILED))
    portion = await write_portion(rows, 1, ask("text", "more"), 0)  # type: ignore[arg-type]  as much of it as is asked
    table, lines = portion.name_files("batch-7", 0, "")

    assert (table.name, lines.name) == ("batch-7.csv", "batch-7.jsonl")
    assert table.content.decode() == "row,text,more,answer,error\r\n1,a,,eins,\r\n2,b,[1],zw,cut\r\n3,,,,\r\n"
    assert [json.loads(one) for one in lines.content.splitlines()][1] == {
        "row": 2, "text": "b", "more": [1], "answer": "zw", "error": "cut"
    }  # fmt: skip


async def test_an_answer_of_several_columns_fills_them():
    rows = Rows(JobRow(1, ("a",), DONE, '{"kind": "=x", "n": -3}'), JobRow(2, ("b",), FAILED, "", "why"))
    table, lines = (await write_portion(rows, 1, ask("text", fields=SORT), 0)).name_files("b", 0, "")  # type: ignore[arg-type]

    assert list(csv.reader(io.StringIO(table.content.decode())))[1:] == [
        ["1", "a", "'=x", "-3", ""],
        ["2", "b", "", "", "why"],
    ]
    assert json.loads(lines.content.splitlines()[0])["kind"] == "=x"


def test_columns_of_ours_have_names_that_the_table_has_not():
    assert name_columns(ask("Row", "error")) == ["row (batch)", "Row", "error", "answer", "error (batch)"]
    assert name_columns(ask("row", "row (batch)", "ROW (Batch 2)")) == [
        *("row (batch 3)", "row", "row (batch)", "ROW (Batch 2)", "answer", "error")
    ]


async def test_names_of_columns_are_no_formulas():
    portion = await write_portion(Rows(JobRow(1, ("a",), DONE, "b")), 1, ask("=HYPERLINK(1)"), 0)  # type: ignore[arg-type]
    table, lines = portion.name_files("b", 0, "")

    assert table.content.splitlines()[0] == b"row,'=HYPERLINK(1),answer,error"
    assert json.loads(lines.content)["=HYPERLINK(1)"] == "a"


@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1+1", "'=1+1"), ("-5", "-5"), ("+49 30", "'+49 30"), ("@x", "'@x"), ("a=b", "a=b"), ("", "")],
)
def test_a_cell_is_no_formula_and_a_number_stays_one(cell, written):
    assert defuse(cell) == written


async def test_many_rows_are_portions_that_are_bounded_and_hold_each_row_once():
    cell = "x" * (results.LARGEST // 250)
    rows, after, told, names = Rows(*(JobRow(one, (cell,), DONE, "a") for one in range(1, 601))), 0, [], []
    while after < 600:
        portion = await write_portion(rows, 1, ask("text"), after)  # type: ignore[arg-type]
        (file,) = portion.name_files("batch-1", after, "again")
        names.append(file.name)
        told += [int(line.partition(b",")[0]) for line in file.content.splitlines()[1:]]
        assert len(file.content) <= results.LARGEST
        after = portion.last

    assert told == list(range(1, 601))
    assert names == ["batch-1-rows-1-to-249.csv", "batch-1-rows-250-to-498.csv", "batch-1-rows-499-to-600.csv"]


async def test_the_table_is_whole_where_the_jsonl_file_would_be_too_large():
    names = [f"column{one:03}{'n' * 90}" for one in range(100)]
    rows = Rows(*(JobRow(one, ("1",) * 100, DONE, "a") for one in range(1, 1_001)))
    portion = await write_portion(rows, 1, ask(*names), 0)  # type: ignore[arg-type]
    (file,) = portion.name_files("batch-1", 0, "")

    assert (portion.whole, file.name, file.content.count(b"\r\n")) == (True, "batch-1.csv", 1_001)


@pytest.mark.parametrize("character", ["x", '"', "\U0001f600", "\x01"])
async def test_a_row_that_is_larger_than_a_file_is_cut_and_counted(character):
    rows = Rows(JobRow(1, (character * 11_000_000, "short"), DONE, "a"), JobRow(2, ("y", "z"), DONE, "b"))
    portion = await write_portion(rows, 1, ask("text", "more"), 0)  # type: ignore[arg-type]
    files = portion.name_files("batch-1", 0, "")
    line = files[0].content.split(b"\r\n")[1]

    assert portion.cut == 1
    assert max(len(one.content) for one in files) <= results.LARGEST
    assert line.decode().rstrip('"').endswith(f"{results.CUT},short,a,") or f'{results.CUT}",short,a,' in line.decode()
    assert portion.last == 2
