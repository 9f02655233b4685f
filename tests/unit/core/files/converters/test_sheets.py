"""Spreadsheets. Tests core.files.converters.sheets, core.files.converters.converted."""

import pytest

from core.files.converters.converted import Unreadable, Words, write_code, write_table
from core.files.converters.packages import Kind
from core.files.converters.sheets import COLUMNS, ROOM, SHEETS, convert_workbook
from tests.support.documents import write_ods, write_xlsx

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("content", "kind", "rows"),
    [
        (write_xlsx(), Kind.XLSX, "| 1 | what | EUR |\n| 2 | rent | 900.5 |\n\n## Sheet: Notes\n\n(empty)"),
        (write_ods(), Kind.ODS, "| 1 | rent | 900.5 |"),
    ],
)
def test_sheets_have_the_names_of_their_rows_and_columns(content, kind, rows):
    assert convert_workbook(content, kind.value) == Words(
        f"## Sheet: Prices\n\n|  | A | B |\n|---|---|---|\n{rows}", f"{kind.value}, values without formulas"
    )


def test_values_are_written_as_people_see_them():
    row = [1.0, 0.1 + 0.2, True, "a|b\nc", "x" * 2_000]

    said = convert_workbook(write_xlsx({"S": [row]}), "a workbook").text

    assert f"| 1 | 1 | 0.3 | TRUE | a\\|b c | {'x' * 1_000}… |" in said


def test_a_table_that_stands_elsewhere_keeps_its_places():
    said = convert_workbook(write_xlsx({"S": [[], [], [None, None, "here"]]}), "a workbook").text

    assert "|  | C |\n|---|---|\n| 3 | here |" in said


def test_each_sheet_has_its_share_and_the_rest_is_counted():
    rows = [[f"row {at}", "x" * 50] for at in range(20_000)]

    words = convert_workbook(write_xlsx({"First": rows, "Second": [["last"]], "Third": rows}), "a workbook")

    assert words.cut
    assert ROOM * 0.9 < len(words.text) < ROOM * 1.1
    assert "| 1 | last |" in words.text
    assert words.text.count(" more rows are left out here ...]") == 2
    shown = words.text.partition("## Sheet: Second")[0].count("\n| ") - 1
    assert f"[... {20_000 - shown:,} more rows are left out here ...]" in words.text


def test_what_is_too_wide_or_too_many_is_said_to_be_left_out():
    wide = convert_workbook(write_xlsx({"S": [["x"] * (COLUMNS + 5)]}), "a workbook")
    many = convert_workbook(write_xlsx({f"S{at}": [["x"]] for at in range(SHEETS + 2)}), "a workbook")

    assert "[... 5 more columns are left out here ...]" in wide.text
    assert "[... 2 more sheets are left out here ...]" in many.text
    assert (wide.cut, many.cut) == (True, True)


def test_a_workbook_without_cells_says_so():
    with pytest.raises(Unreadable, match="no cell"):
        convert_workbook(write_xlsx({"S": []}), "a workbook")


def test_a_cell_cannot_make_rows_and_a_text_cannot_end_its_fence():
    assert write_table([["a\n| b", "c"], ["d", "e"]]) == "| a \\| b | c |\n|---|---|\n| d | e |"
    assert write_code("```\nx\n```\n", "md") == "````md\n```\nx\n```\n````"
