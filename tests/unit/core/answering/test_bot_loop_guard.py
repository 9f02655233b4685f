"""Bot-loop guard: two bots that only talk to each other are stopped, told so once, and go on when a person speaks.

Tests core.answering.bot_loop_guard.
"""

from dataclasses import replace

import pytest

from core.answering.bot_loop_guard import BotLoopGuard, Verdict
from core.domain.events import Receipt
from core.domain.messages import Asks, Question
from core.store.records.claims import Claim
from tests.support.talk import KEY, NOON, asked, deleted, message, perhaps, said, thread

ANSWER, SAY_SO, SILENCE = Verdict.ANSWER, Verdict.SAY_SO, Verdict.SILENCE
QUESTION = Question(KEY, "1", "B1", NOON)


@pytest.fixture
def loop_guard(clock):
    return BotLoopGuard({"B1", "B2"}, clock)


def claim(name: str, *people: str, channel: str = "C1") -> Claim:
    questions = [
        replace(QUESTION, key=thread(name, channel), name=f"{name}{index}", person=person)
        for index, person in enumerate(people or ("B1",))
    ]
    return Claim(1, questions[0], "p", tuple(questions[1:]))


def verdicts(loop_guard, *names: str, **where: str) -> list[Verdict]:
    return [loop_guard.verdict(claim(name, **where)) for name in names]


def heard(loop_guard, event, ours: bool = True, new: bool = True) -> None:
    loop_guard.reset_after(event, Receipt(new=new, ours=ours, question=True, key=event.key))


@pytest.mark.parametrize(
    ("event", "asks"),
    [
        (asked(message("1", author="B1", bot=True)), Asks.CERTAINLY),
        (asked(message("1", author="B9", bot=True)), Asks.NO),
        (perhaps(message("1", author="B9", bot=True)), Asks.NO),
        (asked(message("1", author="U1")), Asks.CERTAINLY),
    ],
    ids=["a bot that may", "another bot", "another bot's follow-up", "a person"],
)
def test_only_bots_that_may_ask_are_heeded(loop_guard, event, asks):
    assert loop_guard.admit(event) == replace(event, asks=asks)


def test_what_is_not_said_counts_as_it_is(loop_guard):
    assert loop_guard.admit(deleted("1")) == deleted("1")


@pytest.mark.parametrize(("processes", "answers"), [(2, 2), (5, 1), (50, 1)])
def test_processes_that_share_a_database_share_the_answers_to_bots(clock, processes, answers):
    loop_guard = BotLoopGuard({"B1"}, clock, lambda: processes)

    assert verdicts(loop_guard, *"123") == [ANSWER] * answers + [SAY_SO, SILENCE][: 3 - answers]


def test_after_five_answers_in_a_row_it_says_so_once_and_is_silent(loop_guard):
    assert verdicts(loop_guard, *"12345678") == [ANSWER] * 5 + [SAY_SO, SILENCE, SILENCE]


def test_a_question_taken_up_again_gets_the_same_verdict(loop_guard):
    assert verdicts(loop_guard, *"123456") == verdicts(loop_guard, *"123456") == [ANSWER] * 5 + [SAY_SO]


def test_each_channel_has_its_own(loop_guard):
    verdicts(loop_guard, *"123456")

    assert verdicts(loop_guard, "7", channel="C2") == [ANSWER]


def test_people_are_always_answered_also_together_with_bots(loop_guard):
    verdicts(loop_guard, *"123456")

    assert loop_guard.verdict(claim("7", "U1")) is ANSWER
    assert loop_guard.verdict(claim("8", "B1", "U1")) is ANSWER
    assert loop_guard.verdict(claim("9", "B1", "B2")) is SILENCE


@pytest.mark.parametrize(
    ("event", "seen", "verdict"),
    [
        (perhaps(message("9", author="U1")), {}, ANSWER),
        (said(message("9", author="U1")), {"ours": False}, SILENCE),
        (said(message("9", author="U1")), {"new": False}, SILENCE),
        (said(message("9", author="B1", bot=True)), {}, SILENCE),
        (said(message("9", author="BOT", mine=True)), {}, SILENCE),
        (deleted("9"), {}, SILENCE),
    ],
    ids=["a person", "a person, in no thread of ours", "a person, told twice", "a bot", "ourselves", "a deletion"],
)
def test_only_a_person_in_a_thread_of_ours_lets_bots_go_on(loop_guard, event, seen, verdict):
    verdicts(loop_guard, *"123456")
    heard(loop_guard, event, **seen)

    assert verdicts(loop_guard, "7") == [verdict]


def test_after_a_while_it_goes_on_and_says_so_again_when_it_stops_again(loop_guard, clock):
    verdicts(loop_guard, *"1234567")
    clock.tick(600)

    assert verdicts(loop_guard, *"abcdefg") == [ANSWER] * 5 + [SAY_SO, SILENCE]


def test_slow_talk_is_stopped_too_for_a_day(loop_guard, clock):
    found = []
    for number in range(30):
        clock.tick(200)
        found += verdicts(loop_guard, f"{number}")
    clock.tick(24 * 3600)

    assert found == [ANSWER] * 20 + [SAY_SO] + [SILENCE] * 9
    assert verdicts(loop_guard, "later") == [ANSWER]
