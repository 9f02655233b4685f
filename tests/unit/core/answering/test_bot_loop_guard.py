"""Bot-loop guard: two bots that only talk to each other are stopped, told so once, and go on when a person speaks.

Tests core.answering.bot_loop_guard.
"""

from dataclasses import replace

import pytest

from core.answering.bot_loop_guard import BotLoopGuard
from core.domain.messages import Asks, Question
from core.store.records.bot_loops.answers import Verdict
from core.store.records.claims import Claim
from tests.support.talk import KEY, NOON, asked, deleted, message, perhaps, said, thread

ANSWER, SAY_SO, SILENCE = Verdict.ANSWER, Verdict.SAY_SO, Verdict.SILENCE
QUESTION = Question(KEY, "1", "B1", NOON)


class Unasked:
    """What counts answers, where nothing is to be counted: whoever asks it is wrong."""


@pytest.fixture
def loop_guard(store):
    return BotLoopGuard({"B1", "B2"}, store.bot_answers)


def claim(name: str, *people: str, channel: str = "C1") -> Claim:
    questions = [
        replace(QUESTION, key=thread(name, channel), name=f"{name}{index}", person=person)
        for index, person in enumerate(people or ("B1",))
    ]
    return Claim(1, questions[0], "p", tuple(questions[1:]))


async def verdicts(loop_guard, *names: str, **where: str) -> list[Verdict]:
    return [await loop_guard.verdict(claim(name, **where)) for name in names]


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


async def test_after_five_answers_in_a_row_it_says_so_once_and_is_silent(loop_guard):
    assert await verdicts(loop_guard, *"12345678") == [ANSWER] * 5 + [SAY_SO, SILENCE, SILENCE]


async def test_a_question_taken_up_again_gets_the_same_verdict(loop_guard):
    assert await verdicts(loop_guard, *"123456") == await verdicts(loop_guard, *"123456") == [ANSWER] * 5 + [SAY_SO]


async def test_each_channel_has_its_own(loop_guard):
    await verdicts(loop_guard, *"123456")

    assert await verdicts(loop_guard, "7", channel="C2") == [ANSWER]


async def test_it_is_known_without_counting_that_bots_are_stopped(loop_guard):
    await verdicts(loop_guard, *"1234")
    before = [await loop_guard.is_stopped(claim(name)) for name in "5678"]
    await verdicts(loop_guard, *"56")

    assert before == [False] * 4
    assert [await loop_guard.is_stopped(claim(name)) for name in "567"] == [False, True, True]


async def test_what_a_person_asks_is_answered_also_together_with_bots_and_nothing_is_looked_up():
    loop_guard = BotLoopGuard({"B1", "B2"}, Unasked())

    for people in (("U1",), ("B1", "U1"), ("U1", "B1")):
        assert await loop_guard.verdict(claim("7", *people)) is ANSWER
        assert not await loop_guard.is_stopped(claim("7", *people))


@pytest.mark.parametrize(
    ("event", "attended"),
    [
        (perhaps(message("9", author="U1")), True),
        (said(message("9", author="B1", bot=True)), False),
        (said(message("9", author="BOT", mine=True)), False),
        (deleted("9"), False),
    ],
    ids=["a person", "a bot", "ourselves", "a deletion"],
)
async def test_only_a_person_who_writes_lets_bots_go_on(loop_guard, store, event, attended):
    await store.questions.ingest(asked("1"))
    await verdicts(loop_guard, *"1234567")
    await store.questions.ingest(event, attended=loop_guard.is_attended(event))

    assert await verdicts(loop_guard, "8") == [ANSWER if attended else SILENCE]


@pytest.mark.parametrize(
    ("bots", "attended"),
    [((), False), (("B1",), True), (("T1:B1",), True), (("T2:B1",), False), (("T2:B1", "B2"), True)],
    ids=["none", "one everywhere", "one here", "one elsewhere", "one elsewhere and one everywhere"],
)
def test_a_person_is_heeded_only_where_a_bot_may_ask(bots, attended):
    assert BotLoopGuard(bots, Unasked()).is_attended(said("1")) is attended
