"""Strangers' text on a terminal and in logs: core.domain.control_characters."""

import json

import pytest

from core.domain.control_characters import escape_controls, escape_json_controls, is_control

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
