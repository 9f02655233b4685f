"""Options of a batch: before its prompt, or behind it where it is in quotes, on a line and in the field of a form.

Tests core.commands.lines.options and core.commands.registry.
"""

import pytest

from core.commands import TABLE
from core.commands.registry import UsageError, find_command, parse_values

WORDS = "Translate {text}, which says x=1"


def parse(line: str, **given: str) -> dict[str, str]:
    row, rest = find_command(TABLE, line)
    return parse_values(row, rest, given)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"Translate {text} into German" max_tokens=300', {"prompt": "Translate {text} into German", "max_tokens": "300"}),
        ('last=5 "Sort {text}" categories="a, b" max_tokens=3',
         {"prompt": "Sort {text}", "last": "5", "categories": "a, b", "max_tokens": "3"}),
        ('“Sort {text}”\n  max_tokens=3', {"prompt": "Sort {text}", "max_tokens": "3"}),
        ('"foo=bar {text}"', {"prompt": "foo=bar {text}"}),
        ('"foo=bar {text}" max_tokens=3', {"prompt": "foo=bar {text}", "max_tokens": "3"}),
        ('"max_tokens=3 {text}" last=5', {"prompt": "max_tokens=3 {text}", "last": "5"}),
        ('categories="a, b" Sort {text}', {"prompt": "Sort {text}", "categories": "a, b"}),
        (WORDS, {"prompt": WORDS}),
    ],
)  # fmt: skip
def test_options_of_a_batch_stand_before_its_prompt_or_behind_one_in_quotes(text, found):
    assert parse(f"batch {text}") == found
    assert parse("batch run", prompt=text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('category="good, bad" Sort {text}', "There is no `category=`. Did you mean `categories=`? If"),
        ("Categories=a,b Sort {text}", "There is no `Categories=`. Did you mean `categories=`? If"),
        ("last=5 foo=bar Sort {text}", "There is no `foo=`. Like this: `batch run PROMPT ["),
        ("temperature=1 Sort {text}", "There is no `temperature=`. Like this: `batch run PROMPT ["),
        ('"Sort {text}" max_token=3', "There is no `max_token=`. Did you mean `max_tokens=`? If"),
        ('"Sort {text}" max_token=3 last=5', "There is no `max_token=`. Did you mean `max_tokens=`? If"),
        ("Sort {text} max_tokens=3", "max_tokens= stands behind words that it belongs before: `batch run"),
    ],
)
def test_a_name_that_is_no_option_of_a_batch_is_refused(text, said):
    for line, given in ((f"batch {text}", {}), ("batch", {"prompt": text})):
        with pytest.raises(UsageError) as refused:
            parse(line, **given)

        assert str(refused.value).startswith(said)


def test_an_option_in_the_field_of_a_prompt_that_has_a_field_too_is_given_twice():
    with pytest.raises(UsageError, match=r"^last is given more than once"):
        parse("batch", prompt="last=5 Sort {text}", last="7")


def test_a_pair_of_another_name_stays_a_word_of_what_other_commands_take():
    assert parse("persona set foo=bar is what you say")["text"] == "foo=bar is what you say"
    assert parse('persona set "You are calm" foo=bar')["text"] == '"You are calm" foo=bar'
    assert parse('persona set "You are calm" where=workspace') == {"text": "You are calm", "where": "workspace"}


def test_a_long_line_of_pairs_behind_quotes_is_read_at_once():
    words = '"a" ' + "b=c " * 20_000

    assert parse(f"persona set {words}")["text"].startswith('"a" b=c')


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("status", "batch show"),
        ("Status 2", "batch show 2"),
        ("2", "batch show 2"),
        ("delete", "batch stop"),
        ("remove #3", "batch stop 3"),
        ("cancle", "batch stop"),
        ("stopp", "batch stop"),
        ("help", "help batch"),
        ("lst", "batch list"),
        ("lits", "batch list"),
        ("shwo 4", "batch show 4"),
        ("retyr", "batch retry"),
        ("strat", "batch start"),
    ],
)
def test_a_slip_of_another_command_is_no_prompt_unless_it_stands_in_quotes(text, meant):
    with pytest.raises(UsageError, match=rf"Did you mean `{meant}`\? If these are the words of a prompt, put all"):
        parse(f"batch {text}")

    assert parse(f'batch "{text}"') == parse("batch", prompt=text) == {"prompt": text}


@pytest.mark.parametrize(
    "text",
    [
        "Sort by mood",
        "Rate this",
        "Translate",
        "Delete all names from {text}",
        "State which of the moods it shows",
        "What is 2",
    ],
)
def test_a_prompt_may_begin_with_a_word_that_is_like_a_command(text):
    assert parse(f"batch {text}") == {"prompt": text}


def test_a_step_of_a_batch_has_the_word_of_its_button_and_the_other_word_too():
    assert [find_command(TABLE, line)[0].words for line in ("batch stop 2", "batch cancel 2")] == ["batch stop"] * 2
    assert find_command(TABLE, "batch retry failed 2")[1] == "2"
