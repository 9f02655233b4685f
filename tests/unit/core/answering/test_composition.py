"""Composition: what could not be read of a thread stands below the answer, and what is forbidden is told once."""

import pytest

from core.answering.composition import Composer, Composition
from core.answering.final_answer import Answer, refuse
from core.answering.policy import Rules
from core.answering.recovery import SILENT
from core.domain.errors import CannotAnswer, NoAnswer
from core.domain.messages import Question
from core.domain.personas import Persona
from core.store.protocols import Thread
from core.store.records.claims import Claim
from tests.support.talk import KEY, at

FORBIDDEN = CannotAnswer("I may not read this channel.")


@pytest.fixture
def composed(store, clock):
    """A composition of a question, of which no request was made yet."""

    def build(unread: CannotAnswer | None, name: str = "2") -> Composition:
        claim, thread = Claim(1, Question(KEY, name, "U1", at(2)), "p"), Thread(KEY, (), stale=True)
        return Composition(
            Composer(store, {}, None, Rules(Persona()), clock),
            claim,
            thread,
            None,
            Persona(),
            0,
            unread,
            lambda _: None,
        )

    return build


async def explained(composition: Composition, answer: Answer = Answer("fine")) -> str:  # noqa: B008  frozen
    """What people read of an answer."""
    composition.unread_note = await composition.explain_unread()
    return (await composition.conclude(composition.finish(answer))).text


async def test_a_history_that_is_forbidden_is_told_once_in_a_channel(composed):
    first, again, later = [await explained(composed(FORBIDDEN, name)) for name in ("2", "2", "3")]

    assert "I may not read this channel. I answered from what I had heard." in first
    assert (again, later) == (first, "fine")


async def test_it_is_told_again_where_nobody_was_shown_it(composed):
    assert await explained(composed(FORBIDDEN), refuse("No.")) == "No."

    assert "I may not read" in await explained(composed(FORBIDDEN, "3"))


async def test_a_history_that_did_not_come_in_time_is_told_each_time_it_matters(composed):
    late = [await explained(composed(NoAnswer("late"), name)) for name in ("2", "3")]

    assert all(SILENT in text for text in late)


async def test_a_history_that_was_read_is_no_word_worth(composed):
    assert await explained(composed(None)) == "fine"
