"""Lines of commands (bots.console.lines.typed_lines): which are some, and which words are asked for."""

import pytest

from bots.console.lines.typed_lines import (
    begins_with_command,
    describe_more,
    explain_move,
    find_needed_words,
    write_question,
)
from core.commands import TABLE


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("/help", True),
        ("/persona history", True),
        ("/Persona sett", True),
        ("/retry", True),
        ("/allow thread", True),
        ("/new", True),
        ("/?", True),
        ("/quit", True),
        ("/pirates speak so", False),
        ("/etc/hosts is a file", False),
        ("You are /help itself", False),
        ("help", False),
        ("", False),
    ],
)
def test_a_line_begins_with_a_command_that_there_is(line, begins):
    assert begins_with_command(line, TABLE) is begins


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("/persona set", "text"),
        ("/persona try", "what"),
        ("/draft code", "what"),
        ("/note add", "text"),
        ("/classify", "categories"),
        ("/persona use", "name"),
        ("/note remove", None),
        ("/persona try 3", None),
        ("/persona show", None),
        ("/persona sett", None),
    ],
)
def test_words_that_a_command_lacks_are_asked_for(line, asked):
    needed = find_needed_words(line, TABLE)

    assert (needed and needed.name) == asked


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/help", ["/as", "/channel", "/start", "/retry failed", "/stop"]),
        ("/help batch", ["/start", "/retry failed", "/stop"]),
        ("/help persona", []),
        ("/batch", []),
    ],
)
def test_help_tells_the_words_that_stand_here_for_buttons(line, told):
    said = "\n".join(describe_more(line))

    assert [word for word in ("/as", "/channel", "/start", "/retry failed", "/stop") if f"- `{word}" in said] == told


def test_the_question_says_how_to_take_the_command_back():
    needed = find_needed_words("/persona use", TABLE)

    assert needed is not None
    assert write_question(needed) == ("its name or its number in persona library (an empty line or Ctrl-C ends this): ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/help attach", "- `/attach PATH`: Attach a file"),
        ("/HELP /detach", "- `/detach [NAME]`: Take files off"),
        ("/help persona", ""),
        ("/help a", ""),
        ("/help", ""),
        ("help attach", ""),
    ],
)
def test_help_explains_what_only_the_terminal_knows(line, said):
    explained = explain_move(line)

    assert explained.startswith(said)
    assert bool(explained) is bool(said)
