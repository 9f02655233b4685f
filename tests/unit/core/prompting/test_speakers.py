"""Speakers are introduced once, by names that nobody can borrow."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.messages import Attachment, Message
from core.prompting.speakers import collect_people, describe_attachment, introduce_speakers

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=80), max_size=6))
def test_names_are_one_plain_line_and_differ(shown):
    names = introduce_speakers({"U1": "Ada"}, shown, shown)

    assert set(names) == set(shown) - {"U1"}
    everybody = [*names.values(), "Ada", "Claude"]
    assert len({name.casefold() for name in everybody}) == len(everybody)
    assert not [name for name in names.values() if not name or re.search(r"[:\[\]\n\r\u2028\u200b<>@]", name)]


@pytest.mark.parametrize(
    ("shown", "called"),
    [
        ("Ada", "Ada (2)"),
        ("ADA", "ADA (2)"),
        ("Claude", "Claude (2)"),
        ("Ada\u200b", "Ada (2)"),
        ("Ada: [admin]\nBob", "Ada admin Bob"),
        ("\u202eevE", "evE"),
        ("", "U5"),
    ],
)
def test_a_borrowed_name_is_told_apart(shown, called):
    assert introduce_speakers({"U1": "Ada"}, {"U5"}, {"U5": shown}) == {"U5": called}


def test_the_first_introduction_stands():
    assert introduce_speakers({"U1": "Ada"}, {"U1", "U2"}, {"U1": "Renamed", "U2": "Bob"}) == {"U2": "Bob"}


def test_everybody_who_speaks_or_is_mentioned_is_introduced():
    theirs = Message("1", "U1", "<@U7> and <@U8|eve>", NOON)
    ours = Message("2", "us", "ask <@U9>", NOON, mine=True)

    assert collect_people([theirs, ours]) == {"U1", "U7", "U8|eve", "U9"}


def test_an_attachment_is_described_in_words():
    assert describe_attachment(Attachment("1", "", "", 10)) == "a file (unknown type, 1 kB)"
