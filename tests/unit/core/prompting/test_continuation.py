"""Continuation: an answer that goes on says nothing twice, and opens the code block again that it was cut in."""

from itertools import pairwise

import pytest

from core.answering.final_answer import interrupt
from core.prompting.continuation import Continuation, read_continuation, write_note

PROSE = Continuation("The sky is blue because the air scatters the light of the sun, and of all")
CODE = Continuation("def paint(wall):\n    wall.colour = BLUE\n    wall.wait(", "```python")


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        (" colours the short waves most.", "colours the short waves most."),
        ("    x = 1", "    x = 1"),
        ("and of all colours", "colours"),
        ("The sky is blue because the air scatters the light of the sun, and of all colours", "colours"),
        ("\n\nof all\n\nNew", "New"),
        ("all\tat once", "\tat once"),
        ("ll at once", "ll at once"),
        ("and of all", ""),
        ("", ""),
    ],
    ids=[
        "nothing",
        "indented code",
        "some words",
        "a sentence",
        "between blank lines",
        "a word",
        "letters of a word are none",
        "nothing else",
        "no word",
    ],
)
def test_what_an_answer_repeats_of_its_last_words_is_left_out(text, joined):
    assert PROSE.join(text) == joined


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("seconds)\n", "```python\nseconds)\n"),
        ("    wall.wait(seconds)\n", "```python\nseconds)\n"),
        ("```python\n    wall.wait(seconds)\n```", "```python\nseconds)\n```"),
        ("```py\nseconds)\n```", "```py\nseconds)\n```"),
        ("```\n\nThat is all.", "\nThat is all."),
    ],
    ids=["goes on", "repeats a line", "opens it and repeats", "opens it", "closes it"],
)
def test_a_code_block_is_opened_again_with_its_language_once(text, joined):
    assert CODE.join(text) == joined


def test_a_bracket_that_ends_a_line_may_begin_the_next():
    assert Continuation("    }\n    }", "```").join("    }\n}") == "```\n    }\n}"


@pytest.mark.parametrize("text", ["and of all colours that it has", "an answer", "```py\nand of all"])
@pytest.mark.parametrize("continuation", [PROSE, CODE, Continuation()], ids=["prose", "code", "none"])
def test_while_it_streams_nothing_is_shown_that_is_taken_back(continuation, text):
    shown = [continuation.join(text[:end], whole=False) for end in range(len(text) + 1)]

    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))
    assert continuation.join(text).startswith(shown[-1])


def test_what_is_none_streams_as_it_comes():
    assert [Continuation().join(text, whole=False) for text in ("B", "Bl", "Blue")] == ["B", "Bl", "Blue"]


@pytest.mark.parametrize(
    ("text", "continuation"),
    [
        ("The sky is", Continuation("The sky is")),
        ("Like this:\n```py\nx = 1\ny =", Continuation("Like this:\n```py\nx = 1\ny =", "```py")),
        ("Like this:\n```py\nx = 1\n``", Continuation("Like this:\n```py\nx = 1", "```py")),
        ("- So:\n  ~~~\n  x", Continuation("- So:\n  ~~~\n  x", "  ~~~")),
        ("x" * 900, Continuation("x" * 500)),
    ],
    ids=["prose", "code", "a fence that was not whole", "a list", "long"],
)
def test_where_an_answer_was_cut_is_read_from_what_was_stored(text, continuation):
    assert read_continuation(interrupt(text, "It was cut. Really.").final_text) == continuation


def test_claude_is_told_of_a_code_block_that_it_was_cut_in():
    code, prose = (write_note(interrupt(text, "Cut.").final_text) for text in ("```\nx", "x"))

    assert "code block" in code
    assert "code block" not in prose
    assert write_note(None) == prose
