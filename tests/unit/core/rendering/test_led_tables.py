"""Tables in quotes and in items of lists are drawn where they stand, no wider than a phone shows.

Tests core.rendering.tables, core.rendering.table_growth, core.rendering.dialect, core.rendering.page_builder.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from bots.discord.formatting import SCREEN, build_dialect, render_pages
from core.rendering.dialect import Dialect, measure_utf16
from core.rendering.paginator import Pager, pages
from core.rendering.tables import find_lead
from tests.support.short_form import examples

WIDE = "wide " * 14


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(
            "> | Name | n |\n> |---|--:|\n> | fig | 22 |\n> after",
            "> ```\n> Name    n\n> ----  ---\n> fig    22\n> ```\n> after",
            id="in a quote",
        ),
        pytest.param(
            ">a | b\n>--- | ---\n>1 | 2\nend",
            ">```\n>a    b\n>---  ---\n>1    2\n>```\nend",
            id="in a quote without spaces and outer pipes",
        ),
        pytest.param(
            f"> | Name | n |\n> |---|---|\n> | {WIDE}| 2 |\nend",
            f"> Name:\n> - **{WIDE.strip()}**\n>   n: 2\nend",
            id="too wide, in a quote",
        ),
        pytest.param(
            "- | a | b |\n  |---|---|\n  | 1 | 2 |\n- next",
            "- ```\n  a    b\n  ---  ---\n  1    2\n  ```\n- next",
            id="that begins an item",
        ),
        pytest.param(
            "1. one\n   | a | b |\n   |---|---|\n   | 1 | 2 |\n2. two",
            "1. one\n```\na    b\n---  ---\n1    2\n```\n2. two",
            id="below the words of an item",
        ),
        pytest.param(
            f"> - | a | b |\n>   |---|---|\n>   | {WIDE}| 2 |\n> - next",
            f"> - a:\n>   - **{WIDE.strip()}**\n>     b: 2\n> - next",
            id="too wide, that begins an item in a quote",
        ),
        pytest.param(
            "> | a | b |\n|---|---|\n| 1 | 2 |", "> | a | b |\n|---|---|\n| 1 | 2 |", id="no table: its rule is outside"
        ),
        pytest.param(
            "- | a | b |\n|---|---|\nend", "- | a | b |\n|---|---|\nend", id="no table: its rule is no item's"
        ),
    ],
)
def test_a_table_is_drawn_where_it_stands(text, shown):
    assert pages(text, Dialect(2000, screen=SCREEN, standalone=True)) == [shown]


def test_a_quote_takes_from_a_table_what_it_is_wide_itself():
    rows = "> | a | b |\n> |---|---|\n> | x | {} |"
    (narrow,), (wide,) = (render_pages(rows.format("y" * size)) for size in (SCREEN - 7, SCREEN - 6))

    assert max(map(len, narrow.split("\n"))) == SCREEN
    assert wide == f"> a:\n> - **x**\n>   b: {'y' * (SCREEN - 6)}"


@pytest.mark.parametrize("lead", ["> ", "- ", "> 1. "])
def test_hidden_words_of_a_cell_stay_hidden(lead):
    below = re.sub(r"[^\s>]", " ", lead)
    (shown,) = render_pages(f"{lead}| who | what |\n{below}|---|---|\n{below}| x | \\|\\|the butler\\|\\| |")

    assert shown.endswith("what: ||the butler||")
    assert "```" not in shown


def test_a_platform_that_shows_tables_itself_is_left_a_quoted_one_as_it_is():
    text = "> | a | b |\n> |---|---|\n> | 1 | 2 |"

    assert pages(text, Dialect(2000)) == [text]


def test_a_long_quoted_table_repeats_its_header_and_stays_in_its_quote():
    rows = "".join(f"> | part {number} | {number * 7} |\n" for number in range(300))
    shown = render_pages(f"> | Part | n |\n> |---|---|\n{rows}")

    assert len(shown) > 2
    assert [page.split("\n")[:2] for page in shown] == [["> ```", "> Part      n"]] * len(shown)
    assert [line for page in shown for line in page.split("\n") if not line.startswith("> ")] == []
    assert [len(re.findall(rf"\bpart {number} ", "\n".join(shown))) for number in range(300)] == [1] * 300


CELL = st.sampled_from(
    ["a1", "漢字", "👍", "**b**", "`c`", "long words in a cell", "[l](https://x.org)", r"\|\|s\|\|", "", "x`"]
)
LEAD = st.sampled_from(["> ", ">", "- ", "> - ", "12. ", "> > "])
PROSE = st.sampled_from(["", "> said\n", "- item\n", "words and more words\n\n", "> \n", "```\ncode\n```\n"])


@st.composite
def write_tables(draw) -> str:
    """Tables behind a lead, with prose around them."""
    found = ""
    for _ in range(draw(st.integers(1, 3))):
        lead = draw(LEAD)
        below, columns = re.sub(r"[^\s>]", " ", lead), draw(st.integers(1, 4))
        rows = draw(st.lists(st.lists(CELL, min_size=columns, max_size=columns), max_size=6))
        head = ["h" + draw(CELL) for _ in range(columns)]
        lines = [lead + f"| {' | '.join(head)} |", below + "|---" * columns + "|"]
        lines += [f"{below}| {' | '.join(row)} |" for row in rows]
        found += draw(PROSE) + "\n".join(lines) + draw(st.sampled_from(["\n\n", "\n", f"\n{below}after\n"]))
    return found


@examples(60, derandomize=True)
@given(text=write_tables(), limit=st.sampled_from([200, 300, 2000]))
def test_pages_keep_their_size_and_blocks_their_width(text, limit):
    for page in pages(text, build_dialect(limit)):
        assert measure_utf16(page) <= limit
        blocks = page.split("```")[1::2]
        assert [line for block in blocks for line in block.split("\n") if wcswidth(line) > SCREEN] == []


@examples(25, derandomize=True)
@given(text=write_tables(), limit=st.sampled_from([200, 300]))
def test_while_they_come_only_the_last_page_changes(text, limit):
    dialect = build_dialect(limit)
    pager, fixed = Pager(dialect), []
    for end in [*range(0, len(text), 5), len(text)]:
        shown = pager.pages(text[:end])
        assert shown[: len(fixed)] == fixed == pages(text[:end], dialect)[: len(fixed)]
        fixed = shown[:-1]


@examples(200, derandomize=True)
@given(st.text(st.sampled_from("> \t-*1.|a"), max_size=12), st.text(st.sampled_from("> \t-*1.|a"), max_size=12))
def test_a_lead_is_the_beginning_of_its_line(header, rule):
    assert header.startswith(find_lead(header, rule))
