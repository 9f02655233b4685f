"""Claude knows which day it is: times are told where they change, and stand byte for byte once they were told.

Tests core.prompting.clock_notes, core.answering.conversation and core.store.rules.read_thread.
"""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.clock import find_local_zone, is_time_zone
from core.domain.events import Edited, Missed
from core.domain.messages import Message, ThreadKey
from core.store import open_store
from tests.fakes.board import START
from tests.support.board_house import closed, timed_messages
from tests.support.house import house

KEY = ThreadKey("board:w1", "c1", "t1")


class Days:
    """What people say on the board at given moments."""

    def __init__(self, board, store, assistant) -> None:
        self._board, self._store, self._assistant = board, store, assistant

    async def say(self, person: str, text: str, after: timedelta) -> Message:
        event = self._board.said("t1", person, text)
        message = replace(event.message, at=START + after)
        self._board.posts[KEY][-1] = message
        self._board.slept(max(0.0, (message.at - self._board.now()).total_seconds()))
        await self._assistant.ingest(replace(event, message=message))
        await closed(self._store)
        return message


def flat(request) -> str:
    return "\n".join(f"{role}\n{text}" for role, text in request)


def lasts(claude) -> list[str]:
    return [request[-1][1] for request in timed_messages(claude)]


async def test_the_time_is_told_first_at_midnight_and_after_a_long_pause(store, board, claude):
    async with house(store, claude, board, clock=board.now, zone="Europe/Berlin") as assistant:
        days = Days(board, store, assistant)
        for hours in (0, 0.5, 13.9, 14.1):
            await days.say("U1", "hi", timedelta(hours=hours))

    assert lasts(claude) == [
        "[Friday, 2 January 2026, 10:00, Europe/Berlin, UTC+01:00]\nAda: hi",
        "Ada: hi",
        "[Friday, 2 January 2026, 23:54, Europe/Berlin, UTC+01:00]\nAda: hi",
        "[Saturday, 3 January 2026, 00:06, Europe/Berlin, UTC+01:00]\nAda: hi",
    ]
    assert all(flat(later).startswith(flat(earlier)) for earlier, later in pairwise(timed_messages(claude)))


async def test_the_time_is_the_askers_and_what_was_told_stands_when_they_travel(store, board, claude):
    board.zones = {"U1": "Europe/Berlin"}
    async with house(store, claude, board, clock=board.now) as assistant:
        days = Days(board, store, assistant)
        await days.say("U1", "a", timedelta(0))
        await days.say("U2", "b", timedelta(minutes=1))
        board.zones = {"U1": "Asia/Tokyo"}
        await days.say("U1", "c", timedelta(minutes=2))

    assert lasts(claude) == [
        "[Friday, 2 January 2026, 10:00, Europe/Berlin, UTC+01:00]\nAda: a",
        "[Friday, 2 January 2026, 09:01, UTC]\nBob: b",
        "[Friday, 2 January 2026, 18:02, Asia/Tokyo, UTC+09:00]\nAda: c",
    ]
    assert all(flat(later).startswith(flat(earlier)) for earlier, later in pairwise(timed_messages(claude)))


async def test_another_process_tells_the_same_bytes_also_when_the_thread_is_read_again(board, claude, tmp_path):
    url = f"sqlite:///{tmp_path}/confab.db"
    board.zones = {"U1": "Europe/Berlin"}
    for number, process in enumerate(("p1", "p2", "p3")):
        store = await open_store(url, clock=board.now)
        async with house(store, claude, board, clock=board.now, process=process) as assistant:
            if number == 2:
                await assistant.ingest(Missed("m1", "board"))
            await Days(board, store, assistant).say("U1", f"{number}", timedelta(hours=20 * number))
        await store.shut()
        board.zones = {"U1": "America/New_York"}

    assert all(flat(later).startswith(flat(earlier)) for earlier, later in pairwise(timed_messages(claude)))
    assert lasts(claude)[1] == "[Saturday, 3 January 2026, 00:00, America/New_York, UTC-05:00]\nAda: 1"


async def test_an_edit_changes_no_time(store, board, claude):
    async with house(store, claude, board, clock=board.now) as assistant:
        days = Days(board, store, assistant)
        first = await days.say("U1", "teh", timedelta(0))
        words = replace(first, text="the", edited=START + timedelta(hours=5))
        board.posts[KEY][0] = words
        await assistant.ingest(Edited("x", KEY, words))
        await days.say("U1", "so", timedelta(minutes=1))

    assert timed_messages(claude)[-1][0] == ("user", "[Friday, 2 January 2026, 09:00, UTC]\nAda: the")


async def test_a_workspace_has_a_zone_where_its_platform_knows_nobodys(store, board, claude):
    await store.ledger.allow(Budget(Scope("board:w1"), Period.MONTH, 9_000_000, "Asia/Tokyo", "U1", START), 0)
    async with house(store, claude, board, clock=board.now) as assistant:
        await Days(board, store, assistant).say("U1", "hi", timedelta(0))

    assert lasts(claude) == ["[Friday, 2 January 2026, 18:00, Asia/Tokyo, UTC+09:00]\nAda: hi"]


def test_the_machine_names_its_zone_or_none():
    zone = find_local_zone()

    assert zone is None or is_time_zone(zone)


async def test_a_question_is_answered_where_no_zone_is_known_that_it_is_asked_and_paid_in(store, board, claude):
    await store.ledger.allow(Budget(Scope("board:w1"), Period.DAY, 9_000_000, "Europe/Atlantis", "U1", START), 0)
    board.zones = {"U1": "Asia/Atlantis"}
    async with house(store, claude, board, clock=board.now) as assistant:
        await Days(board, store, assistant).say("U1", "a", timedelta(0))
        await Days(board, store, assistant).say("U2", "b", timedelta(minutes=1))

    assert lasts(claude) == ["[Friday, 2 January 2026, 09:00, UTC]\nAda: a", "Bob: b"]
