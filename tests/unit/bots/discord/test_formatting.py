"""How Confab looks on Discord, and how it knows its own pages again.

Tests bots.discord.formatting.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord import formatting as look
from core.domain.controls import Control
from core.rendering.dialect import measure_utf16
from core.rendering.paginator import MARKS


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        pytest.param("## Two", "## Two", id="headings of three sizes"),
        pytest.param("#### Four ##", "**Four**", id="deeper ones are bold"),
        pytest.param("![a cat](https://x.org/c.png)", "[a cat](https://x.org/c.png)", id="a picture is a link"),
        pytest.param("-# small", r"\-# small", id="only notices are small"),
        pytest.param("> -# small", r"> \-# small", id="also in a quote"),
        pytest.param("a || b || c", r"a \|\| b \|\| c", id="nothing is a spoiler"),
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
    first, second = look.build_buttons(list(Control), "1177")

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
    assert look.build_buttons([], "1177") == []
