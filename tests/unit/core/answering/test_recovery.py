"""Recovery: which pages on the platform are a dead predecessor's answer."""

from core.answering.recovery import find_orphaned_pages
from core.domain.messages import Asks, History, Question
from core.store.protocols import Thread
from core.store.records.claims import Claim
from tests.support.talk import KEY, at, message, page


def claim(*asks: Asks) -> Claim:
    first, *others = (Question(KEY, str(number), "U1", at(number), one) for number, one in enumerate(asks, 1))
    return Claim(1, first, "p", tuple(others))


def thread(*texts: str) -> Thread:
    return Thread(KEY, tuple(message(str(number), text) for number, text in enumerate(texts, 1)), stale=False)


def test_a_predecessors_pages_are_those_with_the_questions_mark_and_later_ones_without_any():
    question = claim(Asks.CERTAINLY).question
    marked, unmarked = page("5", "1"), page("6", None)
    others = [page("0", None), page("7", "4"), page("8", None, notice=True), message("9")]

    assert find_orphaned_pages(History((marked, unmarked, *others)), thread(), question) == [marked, unmarked]


def test_a_page_that_lost_its_mark_stays_with_the_question_that_we_know_it_answers():
    question = claim(Asks.CERTAINLY).question
    ours, others = page("5", "1"), page("6", "4")
    kept = Thread(KEY, (ours, others), stale=False)

    assert find_orphaned_pages(History((page("5", None), page("6", None))), kept, question) == [ours]
