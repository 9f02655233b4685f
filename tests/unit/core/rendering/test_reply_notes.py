"""A note of ours stands below what Claude said, outside of all that is open, and is never taken for Claude's words.

Tests core.rendering.reply_notes.
"""

import pytest

from bots.discord.formatting import build_dialect
from core.rendering.paginator import pages
from core.rendering.reply_notes import (
    CUT,
    MARK,
    append_note,
    close_text,
    remove_notes,
    reopen_text,
    split_notes,
    write_plain_notes,
)

NOTE = f"\n\n{MARK}*(Stopped.)*"


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("Blue.", "Blue."),
        ("Blue. \n\n", "Blue."),
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("```py\nx = 1\n``", "```py\nx = 1\n```"),
        ("```py\nx = 1\n```", "```py\nx = 1\n```"),
        ("~~~\nx\n```", "~~~\nx\n```\n~~~"),
        ("````md\n```py\nx\n```", "````md\n```py\nx\n```\n````"),
        ("1. one\n   ```py\n   x", "1. one\n   ```py\n   x\n   ```"),
        ("- ```py\n  x", "- ```py\n  x\n  ```"),
        ("> ```\n> x", "> ```\n> x\n> ```"),
        ("> > ~~~\n> > x", "> > ~~~\n> > x\n> > ~~~"),
        ("Say ```three``` and", "Say ```three``` and"),
        ("a `b c", "a `b c`"),
        ("a ``b ` c", "a ``b ` c``"),
        ("**a _b", "**a _b_**"),
        ("*open\n\nclosed", "*open\n\nclosed"),
        ("2 * 3 and snake_case", "2 * 3 and snake_case"),
        ("    indented = 1", "    indented = 1"),
        ("```", "```\n```"),
    ],
)
def test_a_note_stands_outside_of_what_is_open(text, closed):
    cut = closed != text and closed.endswith(("```", "~~~"))
    assert close_text(text) == closed
    assert append_note(text, "Stopped.") == closed + (NOTE.replace(MARK, CUT) if cut else NOTE)
    assert remove_notes(append_note(text, "Stopped.")) == closed


@pytest.mark.parametrize("mark", ["```", "~~~", "````"])
@pytest.mark.parametrize("body", ["", "\ncode", "\ncode\n{}\nprose"], ids=["open line", "open", "closed"])
def test_a_note_stands_outside_of_code_whose_opening_line_is_longer_than_half_a_page(mark, body):
    text = append_note(f"Look:\n{mark} {'word ' * 300}{body.format(mark)}", "Stopped.")

    last = pages(text, build_dialect(2000))[-1]
    assert last.endswith(NOTE.strip())
    assert last.count("\n```") % 2 == 0


def test_a_note_alone_has_nothing_above_it():
    assert append_note(" \n", "Stopped.") == NOTE.strip("\n")


@pytest.mark.parametrize(
    "text", ["Blue.", "```py\nx = 1\n```", "- item", "*(Stopped.)*", "Why?\n\n*(Stopped.)*", "(a)"]
)
def test_what_claude_said_is_read_back_without_the_note(text):
    assert remove_notes(append_note(text, "A budget here is nearly used up.")) == text


def test_a_note_that_stands_on_a_page_of_its_own_is_known():
    assert remove_notes(append_note("", "Stopped.")) == ""


def test_words_after_a_note_stay():
    assert remove_notes(f"One.{NOTE}\n\nTwo.") == "One.\n\nTwo."


@pytest.mark.parametrize("text", ["```py\nx = 1", "> ```\n> x", "1. one\n   ~~~py\n   x", "```py\nx\n```", "Blue."])
def test_a_fence_that_a_note_closed_is_known(text):
    once = append_note(text, "Stopped.")

    assert reopen_text(once) == reopen_text(append_note(once, "Unread.")) == text


def test_a_text_and_its_notes_are_told_apart():
    both = append_note(append_note("Blue.", "Stopped."), "Unread.")

    assert split_notes(both) == ("Blue.", f"{MARK}*(Stopped.)*\n\n{MARK}*(Unread.)*")
    assert split_notes("Blue.") == ("Blue.", "")


def test_notes_are_plain_words_where_nothing_is_drawn():
    cut = append_note(append_note("*(smiles)*\n```py\nx = 1", "Stopped."), "I could not read `a_b`.")

    assert write_plain_notes(cut) == "*(smiles)*\n```py\nx = 1\n```\n\n(Stopped.)\n\n(I could not read `a_b`.)"
