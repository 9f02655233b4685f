"""Moves and completion, control characters, and the lock of the day's conversation.

Tests bots.console.place, bots.console.escapes, bots.console.other_terminals.
"""

import os
from datetime import UTC, datetime

import pytest

from bots.console.escapes import neutralise, neutralise_line
from bots.console.other_terminals import hold_session
from bots.console.place import ConsolePlace
from core.commands import TABLE
from core.commands.craft.library import offer_personas
from core.commands.persona import offer_tools
from core.domain.messages import ThreadKey


@pytest.fixture
def place():
    return ConsolePlace("ada", "2026-01-01", lambda: datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC))


def test_two_conversations_that_begin_in_one_second_are_two(place):
    place.apply_move("/new")
    first = place.key
    place.apply_move("/new")

    assert first == ThreadKey("console:local", "general", "2026-01-01T12:00:00")
    assert place.key == ThreadKey("console:local", "general", "2026-01-01T12:00:00.1")


def test_threads_lists_every_conversation_and_goes_back(place):
    place.apply_move("/channel #dev")
    place.apply_move("/new")

    assert place.apply_move("/threads 1") == (
        "1. #general, begun 2026-01-01 (you are here)\n2. #dev, begun 2026-01-01\n"
        "3. #dev, begun 2026-01-01 12:00:00\n\n`/threads NUMBER` goes to one of them."
    )
    assert place.key == ThreadKey("console:local", "general", "2026-01-01")


def test_a_conversation_of_an_earlier_start_is_gone_to_as_it_was_named(place):
    place.apply_move("/channel dev")
    place.apply_move("/new")
    (way,) = place.list_moves(place.key, "ada")
    later = ConsolePlace("ada", "2026-01-01", lambda: datetime(2026, 1, 1, 12, 30, 0, tzinfo=UTC))

    assert way == "/threads #dev 2026-01-01T12:00:00"
    assert "2. #dev, begun 2026-01-01 12:00:00 (you are here)" in (later.apply_move(way) or "")
    assert later.key == place.key
    assert later.apply_move("/threads #general, begun 2026-01-01")
    assert later.key == ThreadKey("console:local", "general", "2026-01-01")


def test_the_next_start_begins_in_the_first_conversation_unless_its_day_ends_within_the_hour(place):
    night = ConsolePlace("ada", "2026-01-01", lambda: datetime(2026, 1, 1, 23, 30, 0, tzinfo=UTC))

    assert place.list_moves(place.key, "ada") == []
    assert night.list_moves(night.key, "ada") == ["/threads #general 2026-01-01"]
    assert night.list_moves(night.key, "bob", now=True) == ["/as bob"]


@pytest.mark.parametrize("line", ["/help", "as bob", "/asbob", "/persona show", "/newer"])
def test_other_lines_are_no_moves(place, line):
    assert place.apply_move(line) is None


@pytest.mark.parametrize(
    ("line", "wholes"),
    [
        ("/he", ["/help "]),
        ("/persona s", ["/persona set ", "/persona show "]),
        ("/persona set where=w", ["/persona set where=workspace "]),
        ("/usage since=today b", ["/usage since=today by="]),
        ("/as a", ["/as ada"]),
        ("hello", []),
    ],
)
def test_lines_of_commands_are_completed(place, line, wholes):
    assert list(place.complete_line(line, TABLE)) == wholes


@pytest.mark.parametrize(
    ("typed", "wholes"),
    [
        ("w", ["web ", "web_fetch "]),
        ("web,", ["web,time ", "web,web_fetch ", "web,none ", "web,default "]),
        ("web,t", ["web,time "]),
        ("d", ["default "]),
    ],
)
def test_each_tool_of_a_list_is_completed_and_none_twice(place, typed, wholes):
    begun = "/persona tune effort=low tools="

    table = offer_tools(TABLE, ["time", "web", "web_fetch"])
    assert list(place.complete_line(begun + typed, table)) == [begun + whole for whole in wholes]


@pytest.mark.parametrize("code", [*range(9), *range(11, 32), *range(127, 160), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])  # fmt: skip
def test_every_character_that_a_terminal_obeys_is_shown(code):
    shown = neutralise(f"a{chr(code)}b")

    assert chr(code) not in shown
    assert shown.startswith("a\\")


def test_words_stay_as_they_are():
    text = "naïve\tcafé\n日本語 👩‍👩‍👧 می‌خواهم"

    assert neutralise(text) == text
    assert neutralise_line(" two\n lines\x1b ") == "two lines\\x1b"


def test_the_second_terminal_on_a_database_does_not_get_the_lock_and_the_next_one_does(tmp_path):
    url = f"sqlite:///{tmp_path}/confab.db"
    first = hold_session(url)
    assert first is not None
    assert hold_session(url) is None
    other = hold_session(f"sqlite:///{tmp_path}/other.db")
    assert other is not None
    os.close(other)
    os.close(first)
    again = hold_session(url)

    assert again is not None
    os.close(again)


@pytest.mark.parametrize(
    ("typed", "wholes"),
    [
        ("/persona use tra", ["/persona use translator "]),
        ("/persona compare now tra", ["/persona compare now translator "]),
        ("/persona try tra", ["/persona try translator "]),
        ("/replay persona=tra", ["/replay persona=translator "]),
        ("/persona use x", []),
    ],
)
def test_personas_of_the_library_are_completed_where_a_command_takes_one(place, typed, wholes):
    table = offer_personas(TABLE, ["editor", "translator"])

    assert list(place.complete_line(typed, table)) == wholes
