"""A csv or jsonl file is a table, or a sentence says why it is none.

Tests core.commands.batches.tables and core.commands.batches.encodings.
"""

import pytest

from core.commands.batches import tables
from core.commands.batches.tables import read_table
from core.domain.errors import CannotAnswer

CHEESE = "K\u00e4se." * 12


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
        pytest.param(
            f"a\nSpa\u00df\u201c\n{CHEESE}\n".encode("cp1252"), (("a",), [("Spa\u00df\u201c",), (CHEESE,)]),
            id="Windows-1252 with two letters that are one of UTF-8",
        ),
        pytest.param("a,b\n1\n".encode("utf-16"), (("a", "b"), [("1", "")]), id="UTF-16, a short row"),
        pytest.param("a,b\n\n , \n1,2,,\n", (("a", "b"), [("1", "2")]), id="empty lines and cells"),
        pytest.param("a,b\r1,2\r3,4\r", (("a", "b"), [("1", "2"), ("3", "4")]), id="line ends of old Macs"),
        pytest.param("\n \na,b\n1,2\n", (("a", "b"), [("1", "2")]), id="empty lines above the names"),
        pytest.param('"a\nb",c\n1,2\n', (("a b", "c"), [("1", "2")]), id="a name on two lines"),
        pytest.param('{"a": "[[{,:\\" "}\r{"a": 2}\r', (("a",), [('[[{,:" ',), (2,)]), id="jsonl of old Macs"),
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
        pytest.param('{"a": 1, "A ": 2}\n', "Two columns are called `a`", id="names that differ in large letters"),
        pytest.param("{}\n{}\n", "no rows", id="objects without a name"),
        pytest.param(
            "a\n\u00fc\n\u00e4\n".encode() + b"caf\xe9\n",
            "Line 4 has a character that is not UTF-8",
            id="a broken UTF-8 file",
        ),
        pytest.param(
            b"a\n" + b"\xc3\xbc" * 60_000 + b"\n" + b"x" * 20_000 + b"\nz\xe9",
            "Line 4 has a character",
            id="a broken UTF-8 file of several pieces",
        ),
        pytest.param(
            "\u0438\u043c\u044f\n\u0418\u0432\u0430\u043d".encode("cp1251"),
            "Line 1 has a character",
            id="another code page",
        ),
        pytest.param(
            "a\n1\n2\n".encode("utf-16")[:-1],
            "Line 3 has a character that is not UTF-16",
            id="half a character of UTF-16",
        ),
        pytest.param("a,\n1,2\n", "one of them has no name", id="a column without a name"),
        pytest.param("a,A\n1,2\n", "Two columns are called `a`", id="a name twice"),
        pytest.param("a,b\n1,2,3\n", "Line 2 has 3 cells, and the table 2 columns.", id="too many cells"),
        pytest.param('{"a": 1}\n[2]\n', "Line 2 is no JSON object", id="a line that is no object"),
        pytest.param('{"a": 1}\n{"a": \n', "Line 2 is no JSON object", id="a broken line"),
        pytest.param('{"a": ' * 3_000, "Line 1 holds too much", id="a deep line"),
        pytest.param('[{"a": 1}]', "not jsonl", id="a JSON array"),
        pytest.param(b"PK\x03\x04abc", "no table", id="an archive"),
        pytest.param(b"\x1f\x8b\x08", "no table", id="gzip"),
        pytest.param(b"a,b\n\0\0\0", "no table", id="bytes"),
        pytest.param(f"a\n{'x' * 200_000}\n", "Line 2 can't be read as csv", id="a huge cell"),
        pytest.param(f"{'x' * 200}\n1\n", "100 characters at most", id="a long name"),
        pytest.param(f"id{',' * 300_000}\n1\n", "The first line has to name the columns", id="a long first line"),
        pytest.param(f'"{"x" * 20_000}\n{"y" * 200_000}\n', "The first line has to name", id="a heading without end"),
        pytest.param(f"a\n\n{'x' * 110_000}\n", "Line 3 has a cell with more than 100,000", id="a long cell"),
        pytest.param(f'{{"a": [["{"x" * 110_000}"]]}}\n', "Line 1 has a cell with more than 100,000", id="a long list"),
        pytest.param(f'{{"a": "{"x" * 400_000}"}}', "Line 1 has more than 400,000 characters", id="a long line"),
        pytest.param(f"a,b\n{','.join(['x' * 99_000] * 5)}\n", "Line 2 has more than 400,000", id="a long csv line"),
        pytest.param(
            "a,b,c,d,e\n" + ",".join([f'"{"x" * 90_000}\n"'] * 5), "The row at line 7 has more than", id="a long row"
        ),
        pytest.param(f'{{"a": [{",".join(["[1]"] * 20_000)}]}}', "Line 1 holds too much", id="many values"),
        pytest.param(f'{{"a": {"[" * 60}{"]" * 60}}}', "Line 1 holds too much", id="deep values"),
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


def test_numbers_that_are_none_in_json_are_words():
    line = '{"a": [NaN, -Infinity, 1e999, -1e5], "b": "\\ud83d", "c": Infinity}'

    assert read(line) == (("a", "b", "c"), [(["NaN", "-Infinity", "1e999", -1e5], "\ufffd", "Infinity")])


def test_what_a_line_holds_in_its_words_is_not_counted_as_values():
    words = "[{,:" * 20_000

    assert read(f'{{"a": "{words}"}}\n{{"a": "\\"{words}"}}') == (("a",), [(words,), (f'"{words}',)])


def test_a_line_of_escaped_quotes_is_read_through_once():
    with pytest.raises(CannotAnswer, match="Line 1 is no JSON object"):
        read(f'{{"a": [,,,{"{}," * 60} "{chr(92)}"' + '\\"' * 150_000)
