"""The results of a batch are a csv and a jsonl file with all rows, in parts where one would be too large."""

import csv
import io
import json
from collections.abc import Sequence

import pytest

from core.commands.batches import results
from core.commands.batches.results import ResultFile, defuse, name_columns, write_results
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
    table, lines = await write_results(rows, 1, ask("text", "more"), "batch-7")  # type: ignore[arg-type]  as much of it as is asked

    assert (table.name, lines.name) == ("batch-7.csv", "batch-7.jsonl")
    assert table.content.decode() == "row,text,more,answer,error\r\n1,a,,eins,\r\n2,b,[1],zw,cut\r\n3,,,,\r\n"
    assert [json.loads(one) for one in lines.content.splitlines()][1] == {
        "row": 2, "text": "b", "more": [1], "answer": "zw", "error": "cut"
    }  # fmt: skip


async def test_an_answer_of_several_columns_fills_them():
    rows = Rows(JobRow(1, ("a",), DONE, '{"kind": "=x", "n": -3}'), JobRow(2, ("b",), FAILED, "", "why"))
    table, lines = await write_results(rows, 1, ask("text", fields=SORT), "b")  # type: ignore[arg-type]

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
    table, lines = await write_results(Rows(JobRow(1, ("a",), DONE, "b")), 1, ask("=HYPERLINK(1)"), "b")  # type: ignore[arg-type]

    assert table.content.splitlines()[0] == b"row,'=HYPERLINK(1),answer,error"
    assert json.loads(lines.content)["=HYPERLINK(1)"] == "a"


@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1+1", "'=1+1"), ("-5", "-5"), ("+49 30", "'+49 30"), ("@x", "'@x"), ("a=b", "a=b"), ("", "")],
)
def test_a_cell_is_no_formula_and_a_number_stays_one(cell, written):
    assert defuse(cell) == written


def test_a_large_file_is_cut_between_rows_and_each_part_begins_with_the_columns():
    file = ResultFile("csv", "text/csv", b"row\n")
    file.write([b"x" * (results.LARGEST // 2)] * 3)
    parts = file.name_parts("batch-1")

    assert [one.name for one in parts] == ["batch-1-1.csv", "batch-1-2.csv", "batch-1-3.csv"]
    assert {one.content[:4] for one in parts} == {b"row\n"}
    assert max(len(one.content) for one in parts) <= results.LARGEST
