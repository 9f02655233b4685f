"""A csv or jsonl file is a table, or a sentence says why it is none."""

import pytest

from core.commands.batches import tables
from core.commands.batches.tables import read_table
from core.domain.errors import CannotAnswer


def read(content: str | bytes) -> tuple[tuple[str, ...], list[tuple]]:
    table = read_table(content.encode() if isinstance(content, str) else content)
    rows = [one.cells for one in table]
    assert len(rows) == table.count
    assert rows == [one.cells for one in table]
    return table.columns, rows


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param("a,b\n1,2\n", (("a", "b"), [("1", "2")]), id="commas"),
        pytest.param("a;b\r\n1;x, y\r\n", (("a", "b"), [("1", "x, y")]), id="semicolons, as Excel writes them"),
        pytest.param("a\tb\n1\t2", (("a", "b"), [("1", "2")]), id="tabs, no line end"),
        pytest.param('a,b\n1,"x\ny"\n', (("a", "b"), [("1", "x\ny")]), id="a line end in a cell"),
        pytest.param("\ufeffa\n1\n", (("a",), [("1",)]), id="a byte order mark"),
        pytest.param("a\nz\u00fcrich\n".encode("cp1252"), (("a",), [("z\u00fcrich",)]), id="Windows-1252"),
        pytest.param("a,b\n1\n".encode("utf-16"), (("a", "b"), [("1", "")]), id="UTF-16, a short row"),
        pytest.param("a,b\n\n , \n1,2,,\n", (("a", "b"), [("1", "2")]), id="empty lines and cells"),
        pytest.param('{"a": "\\ud83d\\ude00 \\ud800"}', (("a",), [("\U0001f600 \ufffd",)]), id="half a character"),
        pytest.param('{"a": 1, "b": [2]}\n\n{"c": null}\n', (("a", "b", "c"), [(1, [2], None), (None, None, None)]), id="jsonl"),
    ],
)  # fmt: skip
def test_rows_are_read_and_read_again(content, found):
    assert read(content) == found


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "no rows", id="nothing"),
        pytest.param(" \n ", "no rows", id="blanks"),
        pytest.param("a,b\n", "no rows", id="a header alone"),
        pytest.param("{}\n{}\n", "no rows", id="objects without a name"),
        pytest.param("a,\n1,2\n", "one of them has no name", id="a column without a name"),
        pytest.param("a,A\n1,2\n", "Two columns are called `a`", id="a name twice"),
        pytest.param("a,b\n1,2,3\n", "Line 2 has 3 cells, and the table 2 columns.", id="too many cells"),
        pytest.param('{"a": 1}\n[2]\n', "Line 2 is no JSON object", id="a line that is no object"),
        pytest.param('{"a": 1}\n{"a": \n', "Line 2 is no JSON object", id="a broken line"),
        pytest.param('{"a": ' * 3_000, "Line 1 is no JSON object", id="a deep line"),
        pytest.param('[{"a": 1}]', "not jsonl", id="a JSON array"),
        pytest.param(b"PK\x03\x04abc", "no table", id="an archive"),
        pytest.param(b"\x1f\x8b\x08", "no table", id="gzip"),
        pytest.param(b"a,b\n\0\0\0", "no table", id="bytes"),
        pytest.param(f"a\n{'x' * 200_000}\n", "Line 2 can't be read as csv", id="a huge cell"),
        pytest.param(f"{'x' * 200}\n1\n", "100 characters at most", id="a long name"),
        pytest.param(f"{','.join(f'c{one}' for one in range(300))}\n1\n", "200 columns", id="many columns"),
    ],
)
def test_what_is_no_table_says_so_in_a_sentence(content, said):
    with pytest.raises(CannotAnswer, match=said.replace("`", ".")) as caught:
        read(content)

    assert len(str(caught.value)) < 300


def test_a_table_has_a_million_rows_at_most():
    with pytest.raises(CannotAnswer, match="1,000,000 rows at most"):
        read_table(b"a\n" + b"1\n" * (tables.MOST + 1))
