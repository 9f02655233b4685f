"""Spoilers of several paragraphs.

Tests bots.discord.spoilers, bots.discord.spoilers.spread.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord.spoilers.spread import spread_spoilers

PARTS = st.lists(st.sampled_from(["||", "|", "word", " ", "\n", "\n\n", "- ", "> ", "`", "```\n", "# ", "| a |"]))


@pytest.mark.parametrize(
    ("text", "spread"),
    [
        pytest.param("It is ||the butler||.", "It is ||the butler||.", id="of one paragraph"),
        pytest.param("||one\ntwo||", "||one\ntwo||", id="of two lines"),
        pytest.param("||One.\n\nTwo.||\n\nThree.", "||One.||\n\n||Two.||\n\nThree.", id="of two paragraphs"),
        pytest.param("So: ||one\n\ntwo||, and", "So: ||one||\n\n||two||, and", id="amid a line"),
        pytest.param("- ||one\n- two||\n- three", "- ||one||\n- ||two||\n- three", id="of two items"),
        pytest.param("> ||one\n>\n> two||", "> ||one||\n>\n> ||two||", id="in a quote"),
        pytest.param("||\nOne.\n\nTwo.\n||\nThree.", "\n||One.||\n\n||Two.||\n\nThree.", id="between lines of bars"),
        pytest.param("||One.\n\nTwo.", "||One.||\n\n||Two.||", id="without an end"),
        pytest.param("||a|\n\nb||", "||a| ||\n\n||b||", id="with a bar at an end"),
        pytest.param("||```py\nx\n```||\ny", "```py\nx\n```\ny", id="of code"),
        pytest.param("||One.\n\n```\n||\n```\nTwo.||", "||One.||\n\n```\n||\n```\n||Two.||", id="with code in it"),
        pytest.param("||One:\n\n| a | b |\n\nTwo.||", "||One:||\n\n| a | b |\n\n||Two.||", id="with a table in it"),
        pytest.param("(a)||(b)\n\nc || d\n\ne", "(a)||(b)\n\nc || d\n\ne", id="bars of a program"),
        pytest.param("`||a`\n\nb", "`||a`\n\nb", id="bars in code"),
        pytest.param("```\n||a\n```\n\nb", "```\n||a\n```\n\nb", id="bars in a block of code"),
    ],
)
def test_a_spoiler_ends_with_its_paragraph_and_begins_again_in_the_next(text, spread):
    assert spread_spoilers(text) == spread


@given(PARTS.map("".join))
def test_what_is_spread_already_stays_as_it_is(text):
    once = spread_spoilers(text)

    assert spread_spoilers(once) == once


@given(PARTS.map("".join))
def test_no_word_is_lost(text):
    assert spread_spoilers(text).count("word") == text.count("word")


def test_what_grows_has_no_end_yet():
    assert spread_spoilers("||One.\n\nTw", whole=False) == "||One.||\n\n||Tw"


@pytest.mark.parametrize("begun", ["", "> ", "-", "12.", "##", "``", "||"])
def test_of_what_grows_a_line_is_left_out_until_it_is_known_what_it_begins(begun):
    assert spread_spoilers(f"||One.\n\nTwo \n{begun}", whole=False) == "||One.||\n\n||Two"


def test_many_blank_lines_cost_little():
    steps = spread_spoilers("||One." + "\n" * 100_000 + "Two", whole=False)

    assert steps.endswith("\n||Two")
