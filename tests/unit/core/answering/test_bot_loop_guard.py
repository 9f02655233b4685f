"""The breaker: two bots that only talk to each other are stopped, told so once, and go on when a person speaks.

Tests core.answering.bot_loop_guard.
"""

from dataclasses import replace

import pytest

from core.answering.bot_loop_guard import Breaker, Verdict
from core.domain.messages import Asks, Heard, Question
from core.store.protocols import Claim
from tests.support.talk import KEY, NOON, asked, deleted, message, perhaps, said, thread

ANSWER, SAY_SO, SILENCE = Verdict.ANSWER, Verdict.SAY_SO, Verdict.SILENCE
QUESTION = Question(KEY, "1", "B1", NOON)


@pytest.fixture
def breaker(clock):
    return Breaker({"B1", "B2"}, clock)


def claim(name: str, *people: str, channel: str = "C1") -> Claim:
    questions = [
        replace(QUESTION, key=thread(name, channel), name=f"{name}{index}", person=person)
        for index, person in enumerate(people or ("B1",))
    ]
    return Claim(1, questions[0], "p", tuple(questions[1:]))


def verdicts(breaker, *names: str, **where: str) -> list[Verdict]:
    return [breaker.verdict(claim(name, **where)) for name in names]


def heard(breaker, event, ours: bool = True, new: bool = True) -> None:
    breaker.attended(event, Heard(new=new, ours=ours, question=True, key=event.key))


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
def test_only_bots_that_may_ask_are_heeded(breaker, event, asks):
    assert breaker.heeded(event) == replace(event, asks=asks)


def test_what_is_not_said_counts_as_it_is(breaker):
    assert breaker.heeded(deleted("1")) == deleted("1")


def test_after_five_answers_in_a_row_it_says_so_once_and_is_silent(breaker):
    assert verdicts(breaker, *"12345678") == [ANSWER] * 5 + [SAY_SO, SILENCE, SILENCE]


def test_a_question_taken_up_again_gets_the_same_verdict(breaker):
    assert verdicts(breaker, *"123456") == verdicts(breaker, *"123456") == [ANSWER] * 5 + [SAY_SO]


def test_each_channel_has_its_own(breaker):
    verdicts(breaker, *"123456")

    assert verdicts(breaker, "7", channel="C2") == [ANSWER]


def test_people_are_always_answered_also_together_with_bots(breaker):
    verdicts(breaker, *"123456")

    assert breaker.verdict(claim("7", "U1")) is ANSWER
    assert breaker.verdict(claim("8", "B1", "U1")) is ANSWER
    assert breaker.verdict(claim("9", "B1", "B2")) is SILENCE


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
def test_only_a_person_in_a_thread_of_ours_lets_bots_go_on(breaker, event, seen, verdict):
    verdicts(breaker, *"123456")
    heard(breaker, event, **seen)

    assert verdicts(breaker, "7") == [verdict]


def test_after_a_while_it_goes_on_and_says_so_again_when_it_stops_again(breaker, clock):
    verdicts(breaker, *"1234567")
    clock.tick(600)

    assert verdicts(breaker, *"abcdefg") == [ANSWER] * 5 + [SAY_SO, SILENCE]


def test_slow_talk_is_stopped_too_for_a_day(breaker, clock):
    found = []
    for number in range(30):
        clock.tick(200)
        found += verdicts(breaker, f"{number}")
    clock.tick(24 * 3600)

    assert found == [ANSWER] * 20 + [SAY_SO] + [SILENCE] * 9
    assert verdicts(breaker, "later") == [ANSWER]
