"""How many blocks a page becomes: never fewer than a Markdown parser finds, and as many where people write as usual.

Tests core.rendering.block_count.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rendering.dialect import Dialect
from core.rendering.paginator import pages
from tests.fakes.slack.text import expanded
from tests.support.answers import ANSWERS, scribbles, write_mixed
from tests.support.short_form import examples

MOST = 5
OVER = 2  # what a fence brings with it: the quote or item that it stands in, and a name above it
CROWDED = Dialect(2000, standalone=True, blocks=MOST, rows=5, cells=200, keeps_whole=True)

PIECES = [
    *(
        "word word",
        "a\n",
        "\n",
        "\n\n",
        "- ",
        "- a\n",
        "* b\n",
        "+ c\n",
        "1. a\n",
        "2. b\n",
        "3) c\n",
        "   in\n",
        "  two\n",
    ),
    *("    four\n", "# ", "## H\n", "#x", "> ", "> q\n", ">", "---\n", "***\n", "***b***", "===\n", "-\n", "--", "\t"),
    *("|", "| a | b |\n|---|---|\n", "| 1 | 2 |\n", "a | b\n-|-\n", "x | y\n", "[a]: b\n", "<b>", "`a` ", "**b** "),
    *("```py\nx\n\ny\n```\n", "   ```\n   x\n   ```\n", "> ```\n> x\n> ```\n", "- ```\n  x\n  ```\n", "```a``` b\n"),
]


def parse(page: str) -> int:
    """The blocks that a parser finds."""
    return len(expanded([{"type": "markdown", "text": page}]))


def fits(text: str, most: int) -> bool:
    """Whether all of a text has room on a page of so many blocks."""
    return len(pages(text, Dialect(100_000, standalone=True, blocks=most))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "one\ntwo\n\n\nthree\n\nfour\n\nfive",
        "# a\ntext\n## b\ntext\n### c",
        "- a\n- b\n  - c\n\n  more of b\n\n- d\n\none\n\ntwo\n\nthree\n\nfour",
        "- a\n\n* b\n\n1. c\n2. d\n\n3. e\n\n1) f\n\nend",
        "> a\n> b\n\n> c\n\none\n\ntwo\n\nthree",
        "one\n\n---\n\ntwo\n\n***\n\nthree",
        "one:\n```py\nx\n\n# y\n\nz\n```\ntwo\n\n~~~\na\n~~~\n\nthree",
        "one\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\ntwo\n\n    code\n\nthree",
        "1. Do\n   ```sh\n   x\n   ```\n2. Then\n   ```sh\n   y\n   ```\n\nend",
        "Title\n=====\ntext\n\n**a:** b\n**c:** d\n`e` f\n\none\n\ntwo\n\nthree",
    ],
    ids=[
        "paragraphs",
        "headings",
        "lists",
        "kinds of lists",
        "quotes",
        "rules",
        "code",
        "tables",
        "code in a list",
        "lines",
    ],
)
def test_what_people_write_is_counted_exactly(text):
    found = parse(text)

    assert (fits(text, found), fits(text, found - 1)) == (True, False)


def test_code_in_a_list_interrupts_it():
    assert parse("- a\n  ```\n  x\n  ```\n  b\n- c") == 3


@pytest.mark.parametrize("size", [3_500, 15_000, 60_000])
def test_an_answer_as_people_get_them_is_counted_nearly_exactly(size):
    shown = pages(write_mixed(size), Dialect(100_000, standalone=True, blocks=40))

    assert len(shown) >= size // 15_000
    assert [page for page in shown[:-1] if not 36 <= parse(page) <= 40] == []


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_page_of_an_answer_has_more_blocks_than_it_may(answer):
    shown = pages(answer, CROWDED)

    assert shown
    assert [page for page in shown if parse(page) > MOST + OVER] == []


@pytest.mark.slow
@examples(150)
@given(text=st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | scribbles(80))
def test_no_page_of_any_text_has_more_blocks_than_it_may(text):
    assert [page for page in pages(text, CROWDED) if parse(page) > MOST + OVER] == []


@pytest.mark.slow
@examples(60)
@given(text=st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_while_blocks_grow_only_the_last_page_changes(text):
    fixed: list[str] = []
    for length in range(len(text) + 1):
        shown = pages(text[:length], CROWDED)

        assert shown[: len(fixed)] == fixed, text[:length]
        fixed = max(fixed, shown[:-1], key=len)


def test_a_table_has_no_more_rows_than_it_may():
    table = "| a | b |\n|---|---|\n" + "".join(f"| {row} | x |\n" for row in range(7))

    assert pages(table, Dialect(2000, rows=4)) == [
        "| a | b |\n|---|---|\n| 0 | x |\n| 1 | x |\n| 2 | x |",
        "| a | b |\n|---|---|\n| 3 | x |\n| 4 | x |\n| 5 | x |",
        "| a | b |\n|---|---|\n| 6 | x |",
    ]


def test_the_tables_of_a_page_have_no_more_characters_than_they_may():
    table = "| a | b |\n|---|---|\n" + f"| {'x' * 30} | y |\n" * 3
    dialect = Dialect(2000, rows=99, cells=100)

    assert [page.count("x" * 30) for page in pages(f"{table}\ntext\n\n{table}", dialect)] == [2, 2, 2]


def test_a_table_wider_than_it_may_be_is_shown_as_it_was_written():
    shown = pages("| a | b | c |\n|---|---|---|\n| 1 | 2 | 3 |", Dialect(2000, columns=2))

    assert (len(shown), parse(shown[0])) == (1, 1)
    assert shown[0].replace("\u2010", "-") == "| a | b | c |\n|---|---|---|\n| 1 | 2 | 3 |"


@pytest.mark.parametrize("whole", ["```py\n" + "x = 1\n\n" * 20 + "```", "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 14])
def test_a_page_that_is_half_full_ends_before_what_fits_whole_on_the_next_one(whole):
    above = "word " * 24 + ":"

    assert pages(f"{above}\n{whole}", Dialect(200, keeps_whole=True)) == [above, whole.rstrip()]
