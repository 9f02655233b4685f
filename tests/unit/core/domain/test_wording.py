"""Numbers and days in sentences, and strangers' text on a terminal and in logs.

Tests core.domain.wording.
"""

import json

import pytest

from core.domain.wording import (
    count_noun,
    describe_days,
    escape_controls,
    escape_json_controls,
    is_control,
    list_some,
)


@pytest.mark.parametrize(
    ("number", "counted"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1001, "1,001 lines")], ids=str
)
def test_one_thing_is_singular(number, counted):
    assert count_noun(number, "line") == counted


def test_a_plural_may_be_named():
    assert (count_noun(1, "reply", "replies"), count_noun(2, "reply", "replies")) == ("1 reply", "2 replies")


def test_a_span_of_one_day_is_that_day():
    assert describe_days("2026-11-26", "2026-11-26") == "2026-11-26"
    assert describe_days("2026-11-25", "2026-11-26") == "2026-11-25 to 2026-11-26"


def test_a_list_names_ten_and_counts_the_others():
    names = [f"n{number}" for number in range(12)]

    assert list_some(names[:2]) == "n0, n1"
    assert list_some(names[:10]).endswith("n8, n9")
    assert list_some(names).endswith("n8, n9, and 2 more")


def test_what_a_list_names_stands_on_one_line():
    assert list_some(["one\n\n- two", " three\r\nfour ", "a\u2028b"]) == "one - two, three four, a b"


HARMFUL = {
    "an escape sequence": ("\x1b[31mred", r"\x1b[31mred"),
    "the one-byte escape": ("\x9b2J", r"\x9b2J"),
    "a line of its own": ("Ada\n2026-11-20 INFO forged", r"Ada\n2026-11-20 INFO forged"),
    "an overwritten line": ("Ada\rBob", r"Ada\rBob"),
    "a bell and a backspace": ("\a\b", r"\x07\x08"),
    "right to left": ("gpt\u202e3-edualc", r"gpt\u202e3-edualc"),
    "an isolate": ("\u2066x\u2069", r"\u2066x\u2069"),
    "nothing to see": ("A\u200bda", r"A\u200bda"),
    "a line separator": ("a\u2028b", r"a\u2028b"),
    "a lone surrogate": ("a\ud800", r"a\ud800"),
    "delete": ("a\x7f", r"a\x7f"),
    "a tag": ("a\U000e0041", r"a\U000e0041"),
}


@pytest.mark.parametrize(("text", "shown"), HARMFUL.values(), ids=HARMFUL)
def test_what_a_terminal_would_carry_out_is_shown_instead(text, shown):
    assert escape_controls(text) == shown
    written = escape_json_controls(json.dumps(text, ensure_ascii=False))
    assert json.loads(written) == text
    assert not any(map(is_control, written))


@pytest.mark.parametrize("text", ["Zoë", "渡辺 太郎", "שלום", "👩\u200d💻 🇩🇪 ☺️", "a\u00a0b", "plain", ""])
def test_letters_of_the_world_stay(text):
    assert escape_controls(text) == text


def test_what_is_to_be_kept_is():
    assert escape_controls("a\n\tb\x1b", "\n\t") == "a\n\tb\\x1b"
