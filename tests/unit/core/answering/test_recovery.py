"""Belonging: which questions are ours to answer, and which pages answer them."""

import pytest

from core.answering.recovery import adopted, for_us
from core.domain.messages import Asks, History, Question
from core.store.protocols import Claim, Thread
from tests.support.talk import KEY, at, message, page


def claim(*asks: Asks) -> Claim:
    first, *others = (Question(KEY, str(number), "U1", at(number), one) for number, one in enumerate(asks, 1))
    return Claim(1, first, "p", tuple(others))


def thread(*texts: str) -> Thread:
    return Thread(KEY, tuple(message(str(number), text) for number, text in enumerate(texts, 1)), stale=False)


@pytest.mark.parametrize(
    ("asks", "texts", "ours"),
    [
        ([Asks.CERTAINLY], ["<@U2> look"], True),
        ([Asks.PERHAPS], ["and why?"], True),
        ([Asks.PERHAPS], ["<@U2> look"], False),
        ([Asks.PERHAPS, Asks.PERHAPS], ["<@U2> look", "and why?"], True),
        ([Asks.PERHAPS, Asks.CERTAINLY], ["<@U2> look", "<@U3> too"], True),
        ([Asks.PERHAPS], [], False),
    ],
    ids=["asked", "a follow-up", "for somebody else", "one of two", "one is certain", "taken back"],
)
def test_a_question_is_ours_unless_all_of_it_is_for_somebody_else(asks, texts, ours):
    assert for_us(claim(*asks), thread(*texts)) is ours


def test_a_predecessors_pages_are_those_with_the_questions_mark_and_later_ones_without_any():
    question = claim(Asks.CERTAINLY).question
    marked, unmarked = page("5", "1"), page("6", None)
    others = [page("0", None), page("7", "4"), page("8", None, notice=True), message("9")]

    assert adopted(History((marked, unmarked, *others)), thread(), question) == [marked, unmarked]


def test_a_page_that_lost_its_mark_stays_with_the_question_that_we_know_it_answers():
    question = claim(Asks.CERTAINLY).question
    ours, others = page("5", "1"), page("6", "4")
    kept = Thread(KEY, (ours, others), stale=False)

    assert adopted(History((page("5", None), page("6", None))), kept, question) == [ours]
