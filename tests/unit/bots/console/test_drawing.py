"""Markdown drawn append-only: bots.console.drawing, bots.console.inline, bots.console.table."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.console.drawing import Drawing, Glyphs
from bots.console.table import draw_table
from core.rendering.tables import measure_width

PIECES = ["a ", "word", "**", "*", "_", "`", "```", "~~", "\n", "\n\n", "- ", "1. ", "> ", "# ", "[x](", "http://y", ")", "|a|b|", "\n|-|-|\n", "日本", "👩‍👩‍👧", "e\u0301", "    ", "---", "\\", "!", "\t"]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def draw(text, columns=80, styled=False):
    return Drawing(lambda: columns, Glyphs(styled)).finish(text)


@given(text=TEXTS, cuts=st.lists(st.integers(0, 200), max_size=20), columns=st.integers(8, 90))
def test_a_text_is_drawn_alike_however_it_comes(text, cuts, columns):
    drawing = Drawing(lambda: columns, Glyphs(styled=False))
    grown = "".join(drawing.grow(text[:cut]) for cut in sorted(cuts))

    assert grown + drawing.finish(text) == draw(text, columns)


@given(
    words=st.lists(st.sampled_from(["word", "日本語", "e\u0301", "👩‍👩‍👧", "x" * 30]), max_size=40),
    columns=st.integers(8, 90),
)
def test_no_row_of_prose_is_wider_than_the_window(words, columns):
    drawn = draw(" ".join(words), columns)

    assert all(measure_width(row) < columns for row in drawn.split("\n"))
    assert "".join(drawn.split()) == "".join(words)


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("**bold**, *it*, ~~no~~ and `code`", "bold, it, no and code"),
        ("[docs](http://x.y), [http://x.y](http://x.y)", "docs (http://x.y), http://x.y"),
        ("![picture](http://x.y/z.png)", "picture (http://x.y/z.png)"),
        ("see [docs][1]\n\n[1]: http://x.y", "see [docs][1]\n\n[1]: http://x.y"),
        ("2 * 3 * 4, snake_case_name, **kwargs", "2 * 3 * 4, snake_case_name, **kwargs"),
        (r"\*no\* \x1b", r"*no* \x1b"),
        ("# Title\n- a\n  - b\n1. c\n- [x] d", "Title\n• a\n  • b\n1. c\n• [x] d"),
        ("> said\n> so", "▌ said\n▌ so"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("```py\nx = a*b*c\n\n\n```\nend", "```py\nx = a*b*c\n\n\n```\nend"),
        ("````\n```\n````", "````\n```\n````"),
        ("|a|b|\n|-|-:|\n|x|1|\n|y **z**|22|", "a      b\n---  ---\nx      1\ny z   22"),
        ("| no table", "| no table"),
        ("    a*b*c", "    a*b*c"),
    ],
)
def test_marks_are_drawn_and_nothing_is_lost(text, drawn):
    assert draw(text) == f"{drawn}\n"


def test_words_are_drawn_as_soon_as_they_are_final():
    drawing = Drawing(lambda: 80, Glyphs())

    assert [drawing.grow(text) for text in ("He", "Hello wor", "Hello world **bo", "Hello world **bold** x")] == [
        "",
        "Hello",
        " world",
        " \x1b[1mbold\x1b[0m",
    ]


def test_a_line_of_code_in_a_language_is_not_folded():
    assert draw(f"```sh\n{'x ' * 100}y\n```", 20) == f"```sh\n{'x ' * 100}y\n```\n"


@pytest.mark.parametrize("language", ["", "text"])
def test_a_line_in_a_fence_without_a_language_is_folded_between_words(language):
    text = f"```{language}\n  one  two three four\n\n\nfive\n{'x' * 30} y\n```"

    drawn = f"```{language}\n  one  two\nthree four\n\n\nfive\n{'x' * 11}\n{'x' * 11}\n{'x' * 8} y\n```\n"
    assert draw(text, 12) == drawn


def test_folded_items_and_quotes_hang_below_their_words():
    assert draw("- one two three\n\n> one two three", 12) == "• one two\n  three\n\n▌ one two\n▌ three\n"


def test_another_text_is_drawn_beneath_what_stands():
    drawing = Drawing(lambda: 80, Glyphs())

    assert drawing.grow("Once upon a time") == "Once upon a"
    assert drawing.finish("No, sorry.") == " time\n\nNo, sorry.\n"


@pytest.mark.parametrize(
    "text",
    ["*a" * 50_000, "[" * 100_000, "[a](" + "(a" * 50_000, "> " * 50_000, "`" * 100_000, "\U0001f1e9" * 30_000, "|a|b|\n|-|-|\n" + "|x|y|\n" * 15_000],
    ids=["stars", "brackets", "parentheses", "quotes", "ticks", "half-flags", "table"],
)  # fmt: skip
def test_hostile_texts_take_a_time_that_grows_as_their_length(text):
    begun = time.process_time()
    draw(text)

    assert time.process_time() - begun < 5


def test_where_a_table_has_no_room_an_empty_cell_has_no_line():
    table = ["| model | retires | reads |", "|---|---|---|", "| claude-haiku-5-5 | | 200,000 |", "| b | soon | |"]

    assert draw_table(table, 24) == [
        *("model: claude-haiku-5-5", "reads: 200,000"),
        "",
        *("model: b", "retires: soon"),
    ]
    assert draw_table(table[:2], 8) == ["model", "retires", "reads"]
