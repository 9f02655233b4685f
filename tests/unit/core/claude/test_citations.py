"""Citations (core.claude.citations): numbers where they belong, never in code, and the pages below."""

import time

import pytest

from core.claude.citations import (
    LISTED,
    WEB,
    Citation,
    CitationCollector,
    PlaceFinder,
    append_sources,
    cite_web_page,
    insert_numbers,
)
from core.rendering.reply_notes import CUT, reopen_text

PLAN = (0, "plan.pdf")


def cite(first: int, last: int = 0, at: int | None = None, document: tuple[int, str] = PLAN) -> Citation:
    return Citation(*document, first, last or first, at)


PLACES = {  # the circumflex is where a number may stand, if anywhere
    "prose": "It costs 5.^",
    "before white space": "It costs 5.^ \n\n",
    "a closed span": "See `cost`^",
    "an open span": "See `co",
    "a span about to begin": "See `",
    "an open span of an earlier paragraph": "See `co\n\nIt costs 5.^",
    "an open span of an earlier item": "- See `co\n- It costs 5.^",
    "emphasis": "It **costs 5^",
    "an open fence": "So:\n```\ncost = 5",
    "a fence about to begin": "So:\n```py",
    "behind a fence": "So:\n```\ncost = 5\n```^",
    "behind a fence and its line": "So:\n```\ncost = 5\n```^\n",
    "prose behind a fence": "```\na `b\n```\nIt costs 5.^",
    "prose behind another fence": "~~~\na `b\n~~~\nIt costs 5.^",
    "an open fence in a quote": "> ```\n> cost",
    "backticks in a fence": "```\na\n``\nb",
    "a row of a table": "| a | b |\n|---|---|\n| cost | 5^ |",
    "a table's rule": "| a | b |\n|---|---|",
    "nothing": " \n",
}


@pytest.mark.parametrize("marked", PLACES.values(), ids=PLACES)
def test_a_number_stands_behind_the_last_word_and_never_in_code(marked):
    at = marked.find("^")

    assert PlaceFinder().find(marked.replace("^", "")) == (None if at < 0 else at)


@pytest.mark.parametrize("marked", PLACES.values(), ids=PLACES)
def test_a_place_is_the_same_however_the_text_grew(marked):
    finder = PlaceFinder()
    grown = [finder.find(marked[:end]) for end in range(len(marked) + 1)]

    assert grown == [PlaceFinder().find(marked[:end]) for end in range(len(marked) + 1)]


FENCED = "It is:\n```\nx = 5\n^```\nSo it is, for a long time, and\n~~~\ny"
"""What is cited before the circumflex, and what follows it."""


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_what_is_cited_in_code_has_its_number_where_the_code_ends_however_the_rest_came(size):
    collector = CitationCollector()
    text, rest = FENCED.split("^")
    collector.add(cite(3))
    assert not collector.end_block(text)

    placed = [collector.grow(text + rest[: at + size]) for at in range(0, len(rest), size)]
    collector.finish(text + rest)

    assert sum(placed) == 1
    assert collector.placed == (cite(3, at=len(text) + 3),)


def test_what_is_cited_in_code_without_an_end_gets_no_place():
    collector = CitationCollector()
    collector.add(cite(3))
    collector.grow("```\nx = 5")
    collector.finish("```\nx = 5")

    assert collector.placed == (cite(3),)


def test_sources_are_numbered_in_the_order_in_which_they_are_cited_and_each_once():
    text = "One. Two. Three. Four."
    cited = [cite(3, at=4), cite(1, 2, at=9), cite(3, at=16), cite(3, at=22), cite(9, at=22), cite(9, at=22)]

    assert append_sources(text, cited) == (
        "One.[1] Two.[2] Three.[1] Four.[1][3]\n\n[1] plan.pdf, page 3\n[2] plan.pdf, pages 1 to 2\n[3] plan.pdf, page 9"
    )


def test_while_a_text_grows_it_has_its_numbers_alone():
    assert insert_numbers("One. Two", [cite(3, at=4)]) == "One.[1] Two"


def test_a_text_without_citations_is_left_as_it_is():
    assert append_sources("One. ```\n", []) == insert_numbers("One. ```\n", []) == "One. ```\n"


@pytest.mark.parametrize(
    ("after", "shown"), [("(or 6)", "5[1] (or 6)"), ("[or 6]", "5[1] [or 6]"), (", or", "5[1], or")]
)
def test_a_number_makes_no_link_of_what_follows(after, shown):
    assert insert_numbers(f"5{after}", [cite(1, at=1)]) == shown


def test_behind_a_fence_a_number_has_a_line_of_its_own():
    text = "> ```\n> x\n> ```\n\nNext."

    assert insert_numbers(text, [cite(1, at=15)]) == "> ```\n> x\n> ```\n> [1]\n\nNext."


def test_what_is_cited_in_code_without_an_end_is_listed_below_it():
    shown = append_sources("```\nx = 5", [cite(1)])

    assert shown.replace(CUT, "") == "```\nx = 5\n```\n\n[1] plan.pdf, page 1"
    assert reopen_text(shown) == "```\nx = 5"


def test_two_documents_of_one_name_are_told_apart():
    cited = [cite(1, at=1), cite(1, at=2, document=(3, "plan.pdf")), cite(2, at=2, document=(1, "cost.pdf"))]

    assert append_sources("ab", cited).splitlines()[2:] == [
        "[1] plan.pdf, page 1",
        "[2] plan.pdf (2), page 1",
        "[3] cost.pdf, page 2",
    ]


@pytest.mark.parametrize(
    ("count", "last"),
    [
        (LISTED, "[20] plan.pdf, page 20"),
        (LISTED + 1, "[21] 1 more source"),
        (LISTED + 7, "[21] to [27] 7 more sources"),
    ],
)
def test_many_sources_are_counted_in_one_line(count, last):
    shown = append_sources("a", [cite(page, at=1) for page in range(1, count + 1)])

    lines = shown.splitlines()
    assert lines[-1] == last
    assert lines[0].endswith(f"[{count}]")
    assert len(lines) == 2 + min(count, LISTED + 1)


def test_a_long_text_is_read_once_however_often_it_is_cited():
    finder, text, began = PlaceFinder(), "", time.process_time()
    for number in range(4_000):
        text += f"- It says `{number}`, on a line as long as lines are in a list of many.\n"
        assert finder.find(text) == len(text) - 1

    assert time.process_time() - began < 2


def test_the_name_of_a_source_is_shown_as_it_is_also_where_it_has_markup():
    cited = [cite(1, at=1), cite(1, at=2, document=(1, "__init__ 2026.pdf"))]

    assert append_sources("A. B.", cited).endswith("[1] plan.pdf, page 1\n[2] `__init__ 2026.pdf`, page 1")


WEB_PAGES = {
    "a title": ("A page", "A page"),
    "no title": ("", "a.example"),
    "a title like a source": ("x\n[2] Bank: https://bank.example", "x 2 Bank: https bank.example"),
    "a title like a mention": ("<!channel> **@here** `x`", "!channel here x"),
}


@pytest.mark.parametrize(("title", "name"), WEB_PAGES.values(), ids=WEB_PAGES)
def test_a_page_of_the_web_is_cited_by_its_title_which_is_no_markup(title, name):
    assert cite_web_page("https://a.example/b", title) == Citation(WEB, name, 0, 0, url="https://a.example/b")


def test_an_address_that_is_none_of_the_web_is_not_cited():
    assert cite_web_page("javascript:alert(1)", "A page") is None


def test_pages_of_the_web_have_a_line_for_each_address():
    pages = [Citation(WEB, name, 0, 0, at, url) for name, at, url in (("A", 1, "https://a"), ("B", 2, "https://b"))]
    again = Citation(WEB, "A, later", 0, 0, 3, "https://a")

    assert append_sources("xyz", [*pages, cite(3, at=3), again]) == (
        "x[1]y[2]z[3][1]\n\n[1] A: https://a\n[2] B: https://b\n[3] plan.pdf, page 3"
    )
