"""Each page is understood without its neighbours: what is open at its end is closed, and opened again on the next.

Tests core.rendering.page_builder, core.rendering.fences.
"""

import pytest

from core.rendering.dialect import Dialect
from core.rendering.fences import break_runs, mend_runs, plain_mark
from core.rendering.paginator import pages

pytestmark = pytest.mark.slow

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
        ("```js {1,3} title=x\na\n```", "`x` `{1,3}`\n```js\na\n```"),
        ("```js {1,3}\na\n```", "`{1,3}`\n```js\na\n```"),
        ("```c++\na\n```", "```c++\na\n```"),
        ("- ~~~py\n  a\n  ~~~", "- ```py\n  a\n  ```"),
        ("> ````\n> a\n> ````", "> ```\n> a\n> ```"),
        ("```\na\n~~~\n```", "```\na\n~~~\n```"),
        ("````\na", "```\na\n```"),
    ],
)
def test_fences_are_of_three_backticks(text, expected):
    assert pages(text, Dialect(400, standalone=True)) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```python circle_area.py\na\n```", "`circle_area.py`\n```python\na\n```"),
        ('```js title="src/my_app.test.js"\na\n```', "`my_app.test.js`\n```js\na\n```"),
        ('```title="a.js"\na\n```', "`a.js`\n```\na\n```"),
        ('```{.python title="x.py"}\na\n```', "`x.py`\n```python\na\n```"),
        ("```../../etc/passwd.py\na\n```", "`passwd.py`\n```\na\n```"),
        ("```python:src/a.py\na\n```", "`a.py`\n```python\na\n```"),
        ("```py a.py as it was\na\n```", "`a.py` `as it was`\n```py\na\n```"),
        ("~~~ a.py `now`\na\n~~~", "`a.py` `'now'`\n```\na\n```"),
        ("Here:\n```py a.py\na\n```\nSo.", "Here:\n\n`a.py`\n```py\na\n```\nSo."),
        ("Here:\n\n```py a.py\na\n```", "Here:\n\n`a.py`\n```py\na\n```"),
        ("```py a.py\na\n```\n```sh b.sh\nb\n```", "`a.py`\n```py\na\n```\n\n`b.sh`\n```sh\nb\n```"),
        ("- ```py a.py\n  a\n  ```", "- `a.py`\n  ```py\n  a\n  ```"),
        ("> So:\n> ```py a.py\n> a\n> ```", "> So:\n>\n> `a.py`\n> ```py\n> a\n> ```"),
        ("```py a.py", "`a.py`\n```py\n```"),
    ],
)
def test_the_name_of_a_block_stands_above_it_and_not_in_its_code(text, expected):
    assert pages(text, Dialect(400, standalone=True)) == [expected]


def test_the_name_of_a_block_stands_once_above_all_pages_of_it():
    shown = pages("```py a.py\n" + "a line of it\n" * 6 + "```", Dialect(60, standalone=True))

    assert [page.count("a.py") for page in shown] == [1] + [0] * (len(shown) - 1)
    assert [
        part for page in shown for part in page.split("```py\n")[1].split("\n") if part not in ("a line of it", "```")
    ] == []
    assert sum(page.count("a line of it") for page in shown) == 6
    assert len(shown) > 1


@pytest.mark.parametrize("limit", range(40, 90, 3))
@pytest.mark.parametrize("before", ["", "Words.\n", "- ", "> so\n> "])
@pytest.mark.parametrize("info", ["python tool.py", 'js {1} title="src/a_b.js" x', "a.py", "py " + "**" * 20])
def test_pages_with_names_keep_their_size_and_only_the_last_one_changes(limit, before, info):
    dialect = Dialect(limit, standalone=True)
    text = f"{before}```{info}\nx = 1\n```\nSo.\n```{info}\ny = 2\n```\n"
    earlier: list[str] = []

    for end in range(len(text) + 1):
        shown = pages(text[:end], dialect)
        assert [page for page in shown if len(page) > limit] == []
        assert shown[: len(earlier) - 1] == earlier[:-1]
        earlier = shown


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
    said = "".join(shown)
    assert sum(said.count(f"<{number:03}>") for number in range(size // 6)) == 2 * (size // 6)


@pytest.mark.parametrize("code", ["```", "a````b", "``````", "`", "``", "no"])
def test_runs_of_backticks_are_read_back(code):
    assert "```" not in break_runs(code)
    assert mend_runs(break_runs(code)) == code


def test_a_plain_mark_says_its_language():
    assert [plain_mark(line) for line in ("~~~~ py x", "````", "  ~~~")] == ["```py", "```", "  ```"]
