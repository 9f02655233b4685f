"""What a terminal waits for ends also where nobody shows it here. Tests bots.console.other_terminals."""

import asyncio

import pytest

from bots.console.other_terminals import ELSEWHERE, STOPPED, UNANSWERED, AwaitedAnswers
from core.domain.errors import StoreUnavailable
from core.domain.messages import Outcome, ThreadKey
from core.store.records.replies import Ending

KEY = ThreadKey("console:local", "general", "today")


async def pause(_seconds):
    await asyncio.sleep(0)


def awaiting(*endings):
    """What waits for `q`, and finds these endings one after the other."""
    left = list(endings)

    async def find_ending(_key, _name):
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    awaited = AwaitedAnswers(pause)
    awaited.find_ending = find_ending
    awaited.expect("q")
    return awaited


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.SHOWN, ELSEWHERE),
        (None, ELSEWHERE),
        (Outcome.WITHDRAWN, STOPPED),
        (Outcome.EXPIRED, UNANSWERED),
        (Outcome.NOT_FOR_US, UNANSWERED),
    ],
    ids=["answered", "waits for a person", "withdrawn", "expired", "not for us"],
)
async def test_a_question_that_another_terminal_has_ended_is_told_how(outcome, words):
    awaited = awaiting(None, Ending("q", outcome))

    assert await awaited.watch_ending(KEY, "q") == words


async def test_of_a_question_that_is_answered_with_another_nothing_is_said_where_that_is_shown():
    awaited = awaiting(Ending("lead", Outcome.SHOWN))
    awaited.mark_shown("lead")

    assert await awaited.watch_ending(KEY, "q") == ""


async def test_what_was_shown_before_and_is_asked_anew_is_awaited_anew():
    awaited = awaiting(Ending("q", Outcome.SHOWN))
    awaited.mark_shown("q")
    awaited.expect("q")

    assert not awaited["q"].is_set()
    assert await awaited.watch_ending(KEY, "q") == ELSEWHERE


async def test_who_decides_on_what_waits_for_a_person_waits_until_it_is_answered():
    awaited = awaiting(Ending("q", None), None, Ending("q", Outcome.SHOWN))

    assert await awaited.watch_ending(KEY, "q", decides=True) == ELSEWHERE


async def test_a_database_that_cannot_be_asked_is_asked_again():
    awaited = awaiting(StoreUnavailable("disk"), Ending("q", Outcome.SHOWN))

    assert await awaited.watch_ending(KEY, "q") == ELSEWHERE


def test_what_is_expected_together_is_answered_together():
    awaited = awaiting()
    awaited.expect("press", together="q")
    awaited.mark_shown("q")

    assert awaited["press"].is_set()
    awaited.forget("press", None)
    assert ("press" in awaited, "q" in awaited) == (False, True)
