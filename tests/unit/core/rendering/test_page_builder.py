"""What holds for each page of any text, while it grows.

Tests core.rendering.page_builder.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rendering.dialect import Dialect
from core.rendering.paginator import pages
from tests.support.answers import ANSWERS, KINDS, TRICKY, dialects, scribbles
from tests.support.short_form import examples, shorten

pytestmark = pytest.mark.slow

LIMITS = st.sampled_from([40, 41, 45, 60, 90])


def unclosed(page: str) -> str | None:
    """The fence that `page` leaves open; a closing fence may be indented as it likes."""
    mark, quoted = None, False
    for line in page.replace("&gt;", ">").split("\n"):
        if mark:
            lead = r"[ \t>]*" if quoted else r"[ \t]*"
            mark = None if re.fullmatch(rf"{lead}{mark[0]}{{{len(mark)},}}\s*", line) else mark
        elif opening := re.match(r"([ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?)(`{3,}(?=[^`]*$)|~{3,})", line):
            mark, quoted = opening[2], ">" in opening[1]
    return mark


def faults(shown: list[str], dialect: Dialect) -> list[str]:
    return [page for page in shown if not page.strip() or dialect.size(page) > dialect.limit or unclosed(page)]


@pytest.mark.parametrize("kind", KINDS)
@examples(60)
@given(text=scribbles(120), limit=LIMITS)
def test_no_page_is_empty_or_too_large_or_leaves_a_fence_open(kind, text, limit):
    dialect = dialects(limit)[kind]

    shown = pages(text, dialect)

    assert faults(shown, dialect) == []
    assert bool(shown) == bool(text.strip())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@examples(25)
@given(text=scribbles(30), limit=LIMITS)
def test_while_a_text_grows_only_the_last_page_changes(kind, text, limit):
    grows(text, dialects(limit)[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", ["nested fences", "a table", "scripts and emoji"])
def test_while_an_answer_grows_only_the_last_page_changes(kind, answer):
    grows(ANSWERS[answer], dialects(150)[kind])


@pytest.mark.parametrize(
    ("text", "kind", "limit"),
    shorten(3, [pytest.param(text, id=name) for name, text in TRICKY.items()], KINDS, [40, 47, 60]),
)
def test_while_something_becomes_something_else_only_the_last_page_changes(text, kind, limit):
    grows(text, dialects(limit)[kind])


def grows(text: str, dialect: Dialect) -> None:
    fixed: list[str] = []
    for length in range(len(text) + 1):
        shown = pages(text[:length], dialect)

        assert shown[: len(fixed)] == fixed, text[:length]
        assert faults(shown, dialect) == [], text[:length]
        fixed = max(fixed, shown[:-1], key=len)


@pytest.mark.parametrize("limit", [40, 100, 400, 2000])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_fits_on_its_pages(answer, kind, limit):
    dialect = dialects(limit)[kind]
    shown = pages(answer, dialect)

    assert shown
    assert faults(shown, dialect) == []


@pytest.mark.parametrize("header", [50, 190, 210, 600])
def test_a_row_that_no_page_has_room_for_beneath_its_header_is_text(header):
    dialect = Dialect(2_000, standalone=True, rows=5, cells=200)

    shown = pages(f"| {'h' * header} | b |\n|---|---|\n| x | {'word ' * 100}|\n\nAfter.", dialect)

    assert "".join(shown).count("word") == 100
    assert shown[-1].endswith("After.")
