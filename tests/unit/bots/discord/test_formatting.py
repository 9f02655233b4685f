"""How Confab looks on Discord, and how it knows its own pages again.

Tests bots.discord.formatting.
"""

import math
import random
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.discord import formatting as look
from core.domain.controls import Control
from core.rendering.dialect import measure_utf16
from core.rendering.inline import MARKS
from core.rendering.paginator import Pager, pages
from core.rendering.tables import measure_width
from tests.support.answers import ANSWERS, write_mixed


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        pytest.param("## Two", "## Two", id="headings of three sizes"),
        pytest.param("#### Four ##", "**Four**", id="deeper ones are bold"),
        pytest.param("![a cat](https://x.org/c.png)", "[a cat](https://x.org/c.png)", id="a picture is a link"),
        pytest.param("-# small", r"\-# small", id="only notices are small"),
        pytest.param("> -# small", r"> \-# small", id="also in a quote"),
        pytest.param("a || b || c", r"a \|\| b \|\| c", id="bars of a program hide nothing"),
        pytest.param("a||b and c||d", r"a\|\|b and c\|\|d", id="nor do those within words"),
        pytest.param("It is ||the **butler**||.", "It is ||the **butler**||.", id="a spoiler"),
        pytest.param("It is ||the butler", r"It is \|\|the butler", id="a spoiler without an end"),
        pytest.param("||a|| or ||b|| |||c|||", r"||a|| or ||b|| \|\|\|c\|\|\|", id="two spoilers, and longer bars"),
        pytest.param(
            "<:a_b_:12> <a:_c:3> <t:1700000000:R>", "<:a_b_:12> <a:_c:3> <t:1700000000:R>", id="emoji and a time"
        ),
        pytest.param("> a\n>\n> b", "> a\n> \n> b", id="a quote of two paragraphs is one"),
        pytest.param("> a\n>\n>", "> a", id="a quote has no empty line at its end"),
        pytest.param("- a\n  - b\n    - c", "- a\n  - b\n    - c", id="nested lists"),
        pytest.param("[above](#above)", "above (#above)", id="a link to no address"),
        pytest.param("[docs](https://x.org 'Title')", "[docs](https://x.org 'Title')", id="a link with a title"),
        pytest.param("`a || b` and `-# c`", "`a || b` and `-# c`", id="code stays as it is"),
        pytest.param("<https://x.org/a_||b>", r"<https://x.org/a_\|\|b>", id="a spoiler in what is no address"),
        pytest.param(">>> print(1)", r"\>>> print(1)", id="no quote without an end"),
        pytest.param(">quoted", "> quoted", id="a quote has a space"),
        pytest.param("Use ``` here", r"Use \`\`\` here", id="three backticks open nothing"),
        pytest.param("Use ```` ``` ```` here", "Use `` ``\u200b` `` here", id="code with three backticks"),
        pytest.param("``a ` b````c``", "``a ` b``\u200b``c``", id="code with four of them between two"),
        pytest.param(
            "[https://bank.example](https://evil.example)",
            "https://bank.example (https://evil.example)",
            id="a link whose label is a link",
        ),
        pytest.param("[https://x.org](https://x.org)", "https://x.org", id="a link that is its label"),
        pytest.param("[docs](https://x.org/a_(b))", "[docs](https://x.org/a_(b))", id="a link"),
        pytest.param("snake_case and 2 * 3", "snake_case and 2 * 3", id="the rest is Discord's Markdown already"),
    ],
)
def test_a_line_of_claudes_markdown_is_shown_as_discord_can(markdown, shown):
    assert look.render_prose(markdown) == shown


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        pytest.param("Sorry.", "-# Sorry.", id="a sentence is small"),
        pytest.param("```\ncode\n```", "-# …\n```\ncode\n```", id="code stays code"),
        pytest.param("> quoted", "-# > quoted", id="a quote is small too"),
        pytest.param("- one\n- two", "-# - one\n-# - two", id="every line is small"),
        pytest.param("**1. house**", "-# **1. house**", id="bold is small too"),
        pytest.param("One.\n\n```\na\n```\nTwo.", "-# One.\n\n```\na\n```\n-# Two.", id="all but code and blanks"),
    ],
)
def test_a_notice_is_marked_and_known_again(page, shown):
    marked = look.mark_notice(page)

    assert marked == shown
    assert look.split_page(marked, quote=False) == ("", page, True)


LINE = st.text(st.sampled_from("-# *!()[]ab>`\t") | st.characters(codec="utf-8", exclude_characters="\n"))


@given(LINE)
def test_claudes_words_are_never_taken_for_a_notice(line):
    assert look.split_page(look.render_prose(line).strip(), quote=False)[2] is False


@given(st.lists(LINE, min_size=1, max_size=3))
def test_prose_grows_by_no_more_than_is_measured(lines):
    measured = sum(measure_utf16(line) + look.measure_growth(line) for line in lines)

    assert measure_utf16(look.render_prose("\n".join(lines))) <= measured + len(lines) - 1


@given(LINE)
def test_a_line_grows_by_its_marks_at_most(line):
    larger = sum(line.count(mark) for mark in MARKS + look.ESCAPED)

    assert measure_utf16(look.render_prose(line)) <= measure_utf16(line) + larger


@pytest.mark.parametrize("answer", ["Blue.", "> As Newton said", "-# Sorry.", "# Title"])
@given(question=st.text(st.characters(codec="utf-8"), min_size=1, max_size=look.QUOTED))
def test_a_quoted_question_is_read_back(answer, question):
    line = " ".join(question.split())
    page = look.place_below_quote(look.quote_question(question), answer)

    asked, said, notice = look.split_page(page, quote=True)

    assert (asked, said, notice) == (line, answer.removeprefix("-# "), answer.startswith("-# "))


def test_code_with_three_backticks_is_read_back():
    (page,) = look.render_pages("````md\n```py\nx\n```\n````")

    assert page == "```md\n``\u200b`py\nx\n``\u200b`\n```"
    assert look.split_page(page, quote=False)[1] == "```md\n```py\nx\n```\n```"


def test_a_long_question_is_quoted_in_one_short_line():
    quote = look.quote_question("why\n" * 400)

    assert quote.startswith("> why why")
    assert quote.endswith("…")
    assert "\n" not in quote
    assert len(quote) == look.QUOTED + 2


def test_a_quote_mentions_nobody_and_opens_nothing():
    quote = look.quote_question("<@7001> @everyone ```py\nx``` ||secret||")

    assert quote == r"> \<\@7001\> \@everyone \`\`\`py x\`\`\` \|\|secret\|\|"


@pytest.mark.parametrize(("text", "units"), [("abc", 3), ("é", 1), ("👍", 2), ("👨‍👩‍👧", 8)])
def test_length_is_counted_in_utf_16(text, units):
    assert measure_utf16(text) == units


def test_buttons_have_ids_that_say_all_and_words_or_an_emoji_and_a_row_has_five_of_them():
    first, second, third = look.build_buttons(list(Control), "1177")

    assert first == {
        "type": 1,
        "components": [
            {"type": 2, "style": 4, "custom_id": "stop:1177", "label": "Stop"},
            {"type": 2, "style": 1, "custom_id": "continue:1177", "label": "Continue"},
            {"type": 2, "style": 2, "custom_id": "retry:1177", "label": "Try again"},
            {"type": 2, "style": 3, "custom_id": "allow:1177", "label": "Allow once"},
            {"type": 2, "style": 2, "custom_id": "allow-thread:1177", "label": "Allow for this thread"},
        ],
    }
    assert second == {
        "type": 1,
        "components": [
            {"type": 2, "style": 4, "custom_id": "deny:1177", "label": "Deny"},
            {"type": 2, "style": 2, "custom_id": "up:1177", "emoji": {"name": "👍"}},
            {"type": 2, "style": 2, "custom_id": "down:1177", "emoji": {"name": "👎"}},
            {"type": 2, "style": 2, "custom_id": "delete:1177", "label": "Delete"},
            {"type": 2, "style": 2, "custom_id": "post:1177", "label": "Post in the channel"},
        ],
    }
    assert third == {
        "type": 1,
        "components": [
            {"type": 2, "style": 2, "custom_id": "keep:1177", "label": "Keep"},
            {"type": 2, "style": 2, "custom_id": "start:1177", "label": "Start"},
            {"type": 2, "style": 2, "custom_id": "retry-failed:1177", "label": "Retry failed"},
            {"type": 2, "style": 2, "custom_id": "end-session:1177", "label": "End session"},
        ],
    }
    assert look.build_buttons([], "1177") == []


LIST = "- **Point {n}** is well-known - see `a_{n}`, *e.g.* [the notes](https://x.org/n-{n}) of the long-standing |x| set\n"
CODE = "### Step {n}\n\n```python\ndef step_{n}(value):\n    return `value` ** {n}\n```\n\nand **then**:\n\n"
ROWS = "| Part {n} | {n} pieces of it | https://x.org/{n} |\n"
NARROW = "| {n} | 1 | x |\n"
CORPUS = {
    "mixed": write_mixed,
    "lists": lambda size: repeat(LIST, size),
    "code": lambda size: repeat(CODE, size),
    "words": lambda size: repeat("word-{n} ", size),
    "a table of links": lambda size: "| Part | Words | Where |\n|---|---|---|\n" + repeat(ROWS, size),
    "a narrow table": lambda size: "| Part | Words | Where |\n|---|---|---|\n" + repeat(NARROW, size),
    "all of them": lambda size: repeat(ANSWERS["all of them"], size),
}


def repeat(text: str, size: int) -> str:
    return "".join(text.replace("{n}", str(number)) for number in range(size // len(text) + 1))[:size]


@pytest.mark.parametrize("kind", CORPUS)
def test_a_long_answer_takes_few_pages(kind):
    """A table is counted as it is drawn: that may be longer than it was written."""
    for size in (100, 700, 1900, 2100, 4000, 9000, 17000, 30000):
        text = CORPUS[kind](size)
        (whole,) = pages(text, replace(look.build_dialect(), limit=10**6, dense=0))
        shown = look.render_pages(text, "> why?")

        assert len(shown) <= math.ceil(max(len(text), measure_utf16(whole)) / 1900) + 1, size
        assert [page for page in shown if measure_utf16(page) > look.PAGE] == []


def test_a_table_is_never_wider_than_a_phone_shows():
    rows = "| Name | What it is |\n|---|---|\n| apple | red |\n"
    (narrow,) = look.render_pages(f"{rows}| fig | {'漢' * 26} |")
    (wide,) = look.render_pages(f"{rows}| fig | {'漢' * 27} |")

    assert narrow.splitlines()[0] == "```"
    assert wide == f"Name:\n- **apple**\n  What it is: red\n- **fig**\n  What it is: {'漢' * 27}"


def test_while_a_table_comes_only_its_last_page_changes():
    text = (
        "| Part | Words |\n|---|---|\n"
        + repeat("| Part {n} | {n} pieces |\n", 2600)
        + "| a | [b](https://x.org) |\n" * 60
    )
    fixed: list[str] = []
    for end in [*range(0, len(text), 7), len(text)]:
        shown = look.render_pages(text[:end])
        assert shown[: len(fixed)] == fixed
        fixed = shown[:-1]

    assert shown[0].splitlines()[0] == "```"
    assert shown[-1].endswith("- **a**\n  Words: [b](https://x.org)")


@pytest.mark.parametrize(
    "token",
    ["<:party_time:123456789012345678>", "<t:1700000000:R>", "||the butler did it||", "[a b c](https://x.org 'a b')"],
)
def test_no_page_ends_in_what_discord_draws_as_one(token):
    for length in range(1960, 2000):
        shown = look.render_pages("word " * (length // 5) + "x" * (length % 5) + f" {token} and more words " * 3)

        assert sum(page.count(token) for page in shown) == 3
        assert len(shown) == 2


def test_hidden_words_are_hidden_on_each_page():
    shown = look.render_pages(f"It is ||{'the butler and ' * 200}the cook||. So.")

    assert [page.count("||") for page in shown] == [2, 2]
    assert shown[1].startswith("||")
    assert shown[1].endswith("the cook||. So.")


def test_hidden_words_are_hidden_while_they_are_written():
    text = "So:\n\n- It is ||the **butler**.\n\n  He had a knife||, and **that** is"
    pager = Pager(look.build_dialect())
    grown = ["\n".join(look.render_pages(text[:end], pager=pager, grows=True)) for end in range(1, len(text))]
    seen = [strip_hidden(page) for page in grown]

    assert [page for page in seen if "butl" in page or "kni" in page] == []
    assert "||the **but||" in grown[text.index("tler")]


@pytest.mark.parametrize("row", ["| 1 | 2 | 3 |", "1 | 2"], ids=["of more cells", "without bars around it"])
def test_the_last_row_of_an_answer_is_one_without_a_line_break_too(row):
    (page,) = look.render_pages(f"| a | b |\n|---|---|\n{row}")

    assert "1    2" in page
    assert "|" not in page


def strip_hidden(page: str) -> str:
    """What is seen of a page before anybody presses on it."""
    return re.sub(r"(?<!\\)\|\|.+?(?<!\\)\|\|", "", page, flags=re.DOTALL)


def test_an_answer_that_stands_elsewhere_looks_as_it_would_and_is_taken_for_no_answer_there():
    answer = "# Title\n\n- one\n\n```py\nx\n```\n" + "word " * 900
    shown = look.render_set_apart(answer)

    assert shown[0].startswith("-# \u2026\n# Title\n\n- one\n\n```py\nx\n```\nword")
    assert [look.split_page(page, quote=False)[2] for page in shown] == [True] * len(shown)
    assert max(map(measure_utf16, shown)) <= look.PAGE
    assert "".join(look.split_page(page, quote=False)[1] for page in shown).count("word") == 900


CELLS = ["a", "word", "x" * 20, "some long words", "**b**", "[l](https://a.b/c)", "é", "漢字", " "]
NAMES = ["n", "a very long column name that repeats", "x" * 90, "x" * 400]


@st.composite
def write_hostile_tables(draw) -> str:
    """Tables whose columns are called longer than what stands in them, and prose between."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8))
        cells = st.lists(st.sampled_from(CELLS), min_size=1, max_size=len(names) + 1)
        rows = draw(st.lists(cells, max_size=8)) * draw(st.sampled_from([1, 8]))
        bars = draw(st.sampled_from(["| {} |", "{}", "> | {} |"]))
        lines = [names, ["---"] * len(names), *rows]
        parts.append("\n".join(bars.format(" | ".join(cells)) for cells in lines))
    return "\n\nwords\n\n".join(parts)


@settings(max_examples=40, deadline=None)
@given(write_hostile_tables())
def test_no_table_takes_more_pages_than_its_words_do(text):
    shown = look.render_pages(text)

    assert len(shown) <= math.ceil(measure_utf16(text) / 1900) + 1
    assert [page for page in shown if measure_utf16(page) > look.PAGE] == []


def test_columns_are_named_once_where_naming_them_again_would_take_pages_more():
    name = "what the customer said about it " * 2
    row = "| apple | [red](https://x.org) | sweet |\n"
    shown = look.render_pages(f"| Fruit | {name}| {name}|\n|---|---|---|\n" + row * 150)

    assert shown[0].startswith(f"Fruit ¦ {name.strip()} ¦ {name.strip()}\n- apple ¦ [red](https://x.org) ¦ sweet\n")
    assert sum(page.count("customer") for page in shown) == 4
    assert sum(page.count("\n- apple") + page.startswith("- apple") for page in shown) == 150
    assert len(shown) <= 4


def write_cell(chance: random.Random, write: Callable[[int], str], kind: str) -> str:
    """A cell of new words: long, mostly empty, or with what Markdown makes of it."""
    if kind == "long":
        return write(chance.randint(20, chance.choice([60, 120, 700])))
    if kind == "empty":
        return "" if chance.random() < 0.8 else write(1)
    written = chance.choice(["{}", "{}", "[{}](https://x.org/1)", "\\|\\|{}\\|\\|", "**{}**", "x \\| {}", ""])
    return written.format(write(chance.choice([1, 2, 12, 50]))) if written else ""


def write_long_tables(chance: random.Random) -> tuple[str, list[str]]:
    """Tables in quotes, in items of lists and outside, and the words of their cells."""
    said: list[str] = []

    def write(count: int) -> str:
        said.extend([f"w{len(said) + at}q" for at in range(count)])
        return " ".join(said[-count:])

    parts = []
    for _ in range(chance.randint(1, 3)):
        kind, columns = chance.choice(["long", "empty", "any", "any"]), chance.choice([2, 3, 5, 9, 20])
        names = [chance.choice(["n", "the name of it", "x" * 60]) for _ in range(columns)]
        count = chance.choice([3, 12, 30] if kind == "long" else [3, 20, 80, 200])
        body = [[write_cell(chance, write, kind) for _ in names] for _ in range(count)]
        bars = chance.choice(["| {} |", "|{}|", "{}"])
        bar = "|" if bars == "|{}|" else " | "
        first, further = chance.choice([("", ""), ("> ", "> "), ("- ", "  ")])
        lines = [bars.format(bar.join(cells)) for cells in (names, ["---"] * columns, *body)]
        parts.append("\n".join([first + lines[0], *(further + line for line in lines[1:])]))
    return "\n\nwords\n\n".join(parts), said


@pytest.mark.parametrize("seed", range(16))
def test_long_rows_and_empty_cells_take_no_more_pages_than_their_words_do_and_lose_none(seed):
    text, said = write_long_tables(random.Random(seed))
    shown = look.render_pages(text)
    drawn = [line for page in shown for line in page.split("```")[1::2] for line in line.splitlines()]

    assert len(shown) <= math.ceil(measure_utf16(text) / 1900) + 1
    assert [page for page in shown if measure_utf16(page) > look.PAGE] == []
    assert [line for line in drawn if measure_width(line) > look.SCREEN] == []
    assert set(said) - set(re.findall(r"w\d+q", "\n".join(shown))) == set()
    assert said


def test_a_row_longer_than_a_message_is_an_item_of_a_list():
    text = f"| Name | What it is |\n|---|---|\n| apple | {'red and sweet ' * 300}|\n| fig | violet |"
    shown = look.render_pages(text)

    assert shown[0].startswith(
        "```\nName  What it is\n----  ----------\n```\n\n- **apple**\n  What it is: red and sweet"
    )
    assert shown[-1].endswith("\n- **fig**\n  What it is: violet")
    assert len(shown) == 3


def test_empty_cells_of_a_row_on_one_line_cost_nothing_and_hide_no_words():
    name = "what the customer said about it " * 4
    text = f"|Fruit|{name}|{name}|{name}|\n|---|---|---|---|\n" + "|apple||[red](https://x.org)||\n" * 150
    shown = look.render_pages(text)

    assert "\n- apple\u00a6\u00a6[red](https://x.org)\u00a6\n" in shown[0]
    assert len(shown) <= math.ceil(len(text) / 1900) + 1


@pytest.mark.parametrize("seed", [1, 2])
def test_while_long_rows_come_only_the_last_page_changes(seed):
    text = write_long_tables(random.Random(seed))[0][:9000]
    fixed: list[str] = []
    for end in range(0, len(text), 83):
        shown = Pager(look.build_dialect()).pages(text[:end])
        assert shown[: len(fixed)] == fixed
        fixed = shown[:-1]

    assert len(fixed) > 1
