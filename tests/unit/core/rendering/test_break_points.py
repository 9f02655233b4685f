"""A cut is chosen by what is seen of the text, and by nothing after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rendering.break_points import BreakKind, BreakRank, Line, find_break_inside, rank_breaks
from core.rendering.fences import Fence
from core.rendering.tables import Table


def line(text: str, kind: BreakKind = BreakKind.TEXT, around: Fence | Table | None = None) -> Line:
    return Line(0, text, kind, around, 0)


FENCE = Fence("", "```", "")
TABLE = Table("| a |", "|---|")


@pytest.mark.parametrize(
    ("above", "below", "worth"),
    [
        pytest.param([line("text")], line("more"), BreakRank.LINE, id="between lines"),
        pytest.param([line("text"), line("")], line("more"), BreakRank.BLOCK, id="between blocks"),
        pytest.param([line("text")], line("## Head"), BreakRank.BLOCK, id="before a heading"),
        pytest.param([line("## Head"), line("")], line("text"), BreakRank.GLUED, id="after a heading"),
        pytest.param(
            [line("```", BreakKind.OPENING)], line("x", BreakKind.CODE, FENCE), BreakRank.GLUED, id="after an opening"
        ),
        pytest.param(
            [line("x", BreakKind.CODE, FENCE)],
            line("```", BreakKind.CLOSING, FENCE),
            BreakRank.GLUED,
            id="before a closing",
        ),
        pytest.param(
            [line("x", BreakKind.CODE, FENCE)], line("# y", BreakKind.CODE, FENCE), BreakRank.LINE, id="in code"
        ),
        pytest.param(
            [line("x", BreakKind.CODE, FENCE), line("", BreakKind.CODE, FENCE)],
            line("y", BreakKind.CODE, FENCE),
            BreakRank.GAP,
            id="in code with a gap",
        ),
        pytest.param([line("| a |")], line("|-"), BreakRank.GLUED, id="before what may be a rule"),
        pytest.param([line("| a |", BreakKind.ROW)], line("|---|", BreakKind.ROW), BreakRank.GLUED, id="before a rule"),
        pytest.param(
            [line("|---|", BreakKind.ROW)], line("| 1 |", BreakKind.ROW, TABLE), BreakRank.GLUED, id="after a rule"
        ),
        pytest.param(
            [line("| 1 |", BreakKind.ROW, TABLE)],
            line("| 2 |", BreakKind.ROW, TABLE),
            BreakRank.LINE,
            id="between rows",
        ),
    ],
)
def test_lines_differ_in_how_good_it_is_to_cut_before_them(above, below, worth):
    lines = [*above, below]

    assert rank_breaks(lines)[-1] == (worth, len(lines) - 1)


def test_nothing_is_cut_before_a_blank_line():
    assert [index for _, index in rank_breaks([line("a"), line(""), line("b")])] == [2]


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        ("One. Two three fo", "One. "),
        ("これは文です。次の文で", "これは文です。"),
        ("one two three fo", "one two three "),
        ("one two \u0301three", "one "),
        ("a word and <@U12345", "a word and "),
        ("a word and &am", "a word and "),
        ("a word and \\", "a word and "),
        ("see [the long docs](http://x", "see "),
        ("(http://example.org/a/b/c", "("),
        ("it is `some code sp", "it is "),
        ("- [link](http://x.y/", "- [link](http://x.y"),
        ("    indented", "    indente"),
        ("漢字👩\u200d💻👩\u200d💻", "漢字👩\u200d💻"),
    ],
)
def test_a_line_is_cut_where_nothing_is_torn(seen, kept):
    at = find_break_inside(seen + "unseen. ", 0, 0, len(seen) - 1, movable=False)

    assert seen[:at] == kept


def test_a_line_that_would_be_torn_goes_to_the_next_page_if_it_can():
    url = "http://example.org/a/b/c"

    assert find_break_inside(url, 0, 10, 20, movable=True) == 0
    assert find_break_inside(url, 0, 10, 20, movable=False) == 20


@given(
    seen=st.text("a .&;<>[]()`\u0301👩\u200d💻", min_size=2),
    rest=st.text("a .;>)`\u0301\u200d💻"),
    roomy=st.integers(0, 9),
)
def test_what_is_not_seen_decides_nothing(seen, rest, roomy):
    full = len(seen) - 1

    assert find_break_inside(seen + rest, 0, roomy, full, movable=False) == find_break_inside(
        seen, 0, roomy, full, movable=False
    )
