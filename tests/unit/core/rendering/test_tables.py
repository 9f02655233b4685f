"""A table is found in Markdown as it is written, and drawn so that its columns stand in line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from core.rendering.tables import SCREEN, Table, draw_table, parse_table_head, split_cells
from tests.support.short_form import examples


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("| a | b |", ["a", "b"]),
        ("a | b", ["a", "b"]),
        ("|a||", ["a", ""]),
        (r"| a \| b | `c` |", [r"a \| b", "`c`"]),
        ("|", [""]),
        ("||", [""]),
    ],
)
def test_a_line_has_cells(line, expected):
    assert split_cells(line) == expected


@pytest.mark.parametrize(
    ("header", "rule", "found"),
    [
        ("| a | b |", "|---|:-:|", True),
        ("a | b", "-|-", True),
        ("| a |", "|--|", True),
        ("| a | b |", "|---|", False),
        ("| a | b |", "|---|x|", False),
        ("a", "---", False),
        ("| a | b |", "| - | = |", False),
    ],
)
def test_a_header_and_its_rule_begin_a_table(header, rule, found):
    assert parse_table_head(header, rule) == (Table(header, rule) if found else None)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("| 1 | 2 |", "| 1 | 2 |"),
        ("| 1 | 2 | 3", "| 1 | 2 |"),
        ("1 | 2 |", "1 | 2 |"),
        ("| 1 | 2", None),
        (r"|1|2\|", None),
    ],
)
def test_a_row_is_whole_at_the_pipe_that_closes_its_last_column(line, row):
    assert Table("| a | b |", "|---|---|").row(line) == row


def table(text: str) -> list[list[str]]:
    return [split_cells(line) for line in text.strip().splitlines()]


def test_columns_are_aligned_as_their_rule_says():
    text = """
        | Name | Middle | Price |
        |:-----|:------:|------:|
        | apple | x | 1.20 |
        | fig | wide one | 13.00 |
    """

    assert draw_table(table(text)).splitlines() == [
        "```",
        "Name    Middle   Price",
        "-----  --------  -----",
        "apple     x       1.20",
        "fig    wide one  13.00",
        "```",
    ]


def test_characters_count_as_wide_as_they_are_shown():
    text = "| 名前 | n |\n|---|--:|\n| 漢字漢字 | 1 |\n| 👩\u200d💻 | 22 |\n| Cafe\u0301 | 3 |"

    assert draw_table(table(text)).splitlines()[1:-1] == [
        "名前        n",
        "--------  ---",
        "漢字漢字    1",
        "👩\u200d💻         22",
        "Cafe\u0301        3",
    ]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("**bold** and *soft*", "bold and soft"),
        ("__bold__ and _soft_", "bold and soft"),
        ("***both***, ~~gone~~", "both, gone"),
        ("**very _nested_**", "very nested"),
        ("`a*b*c`", "a*b*c"),
        (r"`a \| b`", "a | b"),
        (r"\*no\*", "*no*"),
        ("snake_case_name", "snake_case_name"),
        ("2 * 3 * 4 and 2*3*4", "2 * 3 * 4 and 2*3*4"),
        ("`https://x.y` <b>", "https://x.y <b>"),
        ("one<br>two", "one two"),
        ("**open", "**open"),
        ("tab\there", "tab here"),
    ],
)
def test_a_cell_loses_marks_that_mean_nothing_in_code(cell, shown):
    assert draw_table([["h"], ["---"], [cell]]).splitlines()[3] == shown


def test_backticks_inside_need_a_longer_fence():
    drawn = draw_table([["h"], ["---"], ["\\`\\`\\`"]]).splitlines()

    assert (drawn[0], drawn[3], drawn[-1]) == ("````", "```", "````")


def test_a_table_wider_than_a_screen_is_listed_by_its_first_column():
    rows = [["Name", "**What** it is", ""], ["---"] * 3, ["`a`", "x" * 80], ["b", "**y** \\| z", "more"], ["", "", "w"]]

    assert draw_table(rows).splitlines() == [
        "Name:",
        "- **`a`**",
        "  What it is: " + "x" * 80,
        "- **b**",
        "  What it is: **y** | z",
        "  more",
        "- w",
    ]


@pytest.mark.parametrize(
    "cell",
    [
        *("[docs](http://x.y/z_(1))", "see https://x.y now", "<https://x.y>", "![](http://x.y)"),
        *("<:party:1234>", "<a:party:1234>", "<t:1700000000:R>", "<@7001>", "<#81382>"),
    ],
)
def test_what_would_be_words_alone_in_code_stands_in_a_list(cell):
    drawn = ["What:", "- **a**", f"  Where: {cell}", "- **b**", "  Where: c"]

    assert draw_table([["What", "Where"], ["---"] * 2, ["a", cell], ["b", "c"]]).splitlines() == drawn


def test_columns_are_listed_where_a_screen_is_narrower_than_they_are_shown():
    rows = [["名前", "n"], ["---", "---"], ["漢" * 20, "👍"]]

    assert draw_table(rows, screen=45).splitlines()[0] == "```"
    assert draw_table(rows, screen=44).splitlines() == ["名前:", f"- **{'漢' * 20}**", "  n: 👍"]


def test_a_wide_table_without_rows_names_its_columns():
    assert draw_table([["a" * 90, "**b** c"], ["---", "---"]]) == f"{'a' * 90}, b c:"


CELL = st.text(st.sampled_from("ab1 漢👍é\u0301&_*`|\\"), max_size=6).map(lambda text: text.strip().replace("|", "\\|"))


@examples(200)
@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=5),
    rule=st.sampled_from(["---", ":-:", "--:"]),
)
def test_a_drawn_table_is_a_block_no_wider_than_a_screen(rows, rule):
    drawn = draw_table([rows[0], [rule] * 3, *rows[1:]]).splitlines()

    assert len(drawn) == len(rows) + 3
    assert drawn[0] == drawn[-1] == "`" * len(drawn[0])
    assert not any(drawn[0] in line for line in drawn[1:-1])
    assert max(map(wcswidth, drawn)) == wcswidth(drawn[2]) <= SCREEN


@pytest.mark.parametrize(
    ("cell", "drawn"),
    [
        (r"the butler: \|\|he did it\|\|", "a:\n- **x**\n  b: the butler: ||he did it||"),
        (r"`p \|\| q \|\| r`", "```\na    b\n---  -----------\nx    p || q || r\n```"),
        (r"p \|\| q", "```\na    b\n---  ------\nx    p || q\n```"),
    ],
    ids=["a spoiler", "code", "two bars"],
)
def test_hidden_words_of_a_cell_stay_hidden_and_other_bars_stand_in_columns(cell, drawn):
    assert draw_table([["a", "b"], ["---", "---"], ["x", cell]], 60) == drawn
