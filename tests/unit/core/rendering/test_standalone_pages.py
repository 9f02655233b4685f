"""Each page is understood without its neighbours: what is open at its end is closed, and opened again on the next.

Tests core.rendering.page_builder, core.rendering.fences.
"""

import pytest

from core.rendering.dialect import Dialect
from core.rendering.fences import break_runs, mend_runs, plain_mark
from core.rendering.paginator import pages

WORDS = "seven words that fill a page here"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"**Bold: {WORDS} and there** end",
            ["**Bold: seven words that fill a page**", "**here and there** end"],
            id="bold",
        ),
        pytest.param(
            f"*It _and {WORDS} and there_ end*",
            ["*It _and seven words that fill a page_*", "*_here and there_ end*"],
            id="italics in italics",
        ),
        pytest.param(
            f"~~Gone: {WORDS} and there~~",
            ["~~Gone: seven words that fill a page~~", "~~here and there~~"],
            id="strike",
        ),
        pytest.param(
            f"`code {WORDS} {WORDS} {WORDS} now` there",
            [
                "`code seven words that fill a page here`",
                "`seven words that fill a page here`",
                "`seven words that fill a page here`",
                "`now` there",
            ],
            id="code",
        ),
        pytest.param(
            f"> Said {WORDS} and {WORDS}.",
            ["> Said seven words that fill a page here", "> and seven words that fill a page here."],
            id="a quote",
        ),
        pytest.param(
            f"- one\n  - two {WORDS} and there",
            ["- one\n  - two seven words that fill a", "- …\n  - … page here and there"],
            id="an item of the second level",
        ),
        pytest.param(
            "1. the first item of these\n1. the second item\n1. the third",
            ["1. the first item of these", "2. the second item\n1. the third"],
            id="ordered numbers",
        ),
        pytest.param(
            "**open\n\n" + "word " * 8 + "x",
            ["**open\n\nword word word word word word", "word word x"],
            id="what no paragraph closes",
        ),
        pytest.param(
            f"2 * 3 {WORDS} is snake_case",
            ["2 * 3 seven words that fill a page here", "is snake_case"],
            id="what is no mark",
        ),
    ],
)
def test_what_a_page_cuts_is_closed_and_opened_again(text, expected):
    assert pages(text, Dialect(42, standalone=True)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("````md\n```py\nx\n```\n````", "```md\n``\u200b`py\nx\n``\u200b`\n```"),
        ("~~~sh\nls\n~~~", "```sh\nls\n```"),
        ("~~~\n```\n~~~", "```\n``\u200b`\n```"),
        ("```js {1,3} title=x\na\n```", "```js\n{1,3} title=x\na\n```"),
        ("```c++\na\n```", "```c++\na\n```"),
        ("- ~~~py\n  a\n  ~~~", "- ```py\n  a\n  ```"),
        ("> ````\n> a\n> ````", "> ```\n> a\n> ```"),
        ("```\na\n~~~\n```", "```\na\n~~~\n```"),
        ("````\na", "```\na\n```"),
    ],
)
def test_fences_are_of_three_backticks(text, expected):
    assert pages(text, Dialect(400, standalone=True)) == [expected]


def test_a_long_fence_is_reopened_as_a_plain_one():
    shown = pages("````md\n" + "line of it\n" * 6 + "````", Dialect(50, standalone=True))

    assert shown == ["```md\n" + "line of it\n" * 2 + "```"] * 3


@pytest.mark.parametrize("size", [100, 140, 200, 290, 400, 1200])
@pytest.mark.parametrize("before", ["", "Some words before.\n\n", "# Heading\n"])
@pytest.mark.parametrize("mark", ["```", "~~~"])
@pytest.mark.parametrize("language", ["py ", "", "p" * 60 + " "], ids=["py", "none", "a long word"])
def test_a_fence_whose_opening_line_is_long_ends_where_it_is_closed(size, before, mark, language):
    info = " ".join(f"<{number:03}>" for number in range(size // 6))
    text = f"{before}{mark}{language}{info}\ncode\n{mark}\nprose **and** prose\n" * 2
    shown = pages(text, Dialect(300, standalone=True))

    assert [page for page in shown if len(page) > 300] == []
    assert [page for page in shown if page.count("```") % 2] == []
    outside = [part for page in shown for part in page.split("```")[::2]]
    inside = [part for page in shown for part in page.split("```")[1::2]]
    assert "".join(outside).count("prose **and** prose") == 2
    assert ["prose" in part for part in inside] == [False] * len(inside)
    assert "".join("".join(inside).split()).count("code") == 2
    assert sum(part.count(f"<{number:03}>") for part in inside for number in range(size // 6)) == 2 * (size // 6)


@pytest.mark.parametrize("code", ["```", "a````b", "``````", "`", "``", "no"])
def test_runs_of_backticks_are_read_back(code):
    assert "```" not in break_runs(code)
    assert mend_runs(break_runs(code)) == code


def test_a_plain_mark_says_its_language():
    assert [plain_mark(line) for line in ("~~~~ py x", "````", "  ~~~")] == ["```py", "```", "  ```"]
