"""Trials: which questions can be asked again, and the personas that were tried on them, as long as they are kept.

Tests core.store.rules.trials, core.store.rules.drafts, core.store.records.trials.
"""

from dataclasses import replace

import pytest

from core.billing.ledger_rows import Scope
from core.domain.messages import FinalText, Outcome, Unanswered
from core.domain.personas import Draft, Example, Persona
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, message, thread

DRAFT = Draft(Persona(system="Answer in Latin.", examples=(Example("Who?", ("a", "b"), ("c",)),)), 3, "more fun")
HERE = replace(KEY, thread="")


async def answer(store, final=FinalText("Blue."), outcome=Outcome.SHOWN):  # noqa: B008  frozen
    """Answer the next question."""
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, f"{claim.question.name}0", at(50))
    await store.questions.store_final_text(claim, final)
    await store.questions.close(claim, outcome)


async def ask(store, name, key=KEY, final=FinalText("Blue."), **more):  # noqa: B008  frozen
    await store.questions.ingest(asked(name, key, **more))
    await answer(store, final)


async def list_names(store, place=HERE, last=9):
    return [one.question.name for one in await store.trials.list_questions(place, last)]


async def test_the_last_questions_of_a_channel_or_of_a_thread_are_listed_oldest_first(store):
    await ask(store, "1")
    await ask(store, "2", thread("2"))
    await ask(store, "3")

    assert await list_names(store) == ["1", "2", "3"]
    assert await list_names(store, last=2) == ["2", "3"]
    assert await list_names(store, KEY) == ["1", "3"]


async def test_a_question_is_listed_with_its_words_and_what_was_answered(store):
    await ask(store, "1")

    (found,) = await store.trials.list_questions(KEY, 1)

    assert (found.words, found.final.text, found.micro_usd) == ("words 1", "Blue.", None)
    assert found.rooted


async def test_what_can_not_be_asked_again_is_not_listed(store):
    await ask(store, "1", thread("1"))
    await ask(store, message("2"), thread("2"), private=True)
    await ask(store, "3", thread("3"), FinalText("", notice=True, unanswered=Unanswered.DECLINED))
    await ask(store, "4", thread("4"))
    await store.questions.ingest(deleted("4", thread("4")))
    await ask(store, "5", thread("5", channel="C2"))
    await store.questions.ingest(asked("6", thread("6")))
    await store.questions.ingest(commanded("k1"))

    assert await list_names(store) == ["1"]


async def test_what_is_no_answer_of_claudes_is_none(store):
    await ask(store, "1", final=FinalText("I can't.", notice=True))

    (found,) = await store.trials.list_questions(KEY, 1)

    assert found.final is None


@pytest.fixture
async def tried(store):
    await store.questions.ingest(commanded("k1", "persona try Answer in Latin.", private=True))
    await answer(store, FinalText("Caeruleum.", draft=DRAFT))


async def test_what_a_person_tried_is_found_by_its_command_or_as_the_last_one_in_the_channel(store, tried):
    found = [await store.trials.find_draft(KEY, "U1", name) for name in ("k1", None)]

    assert found == [DRAFT, DRAFT]


async def test_what_somebody_else_tried_or_elsewhere_is_not_found(store, tried):
    elsewhere = thread("1", channel="C2")

    found = [
        await store.trials.find_draft(*where) for where in ((KEY, "U2", "k1"), (KEY, "U2", None), (elsewhere, "U1"))
    ]

    assert found == [None] * 3


async def test_what_was_tried_is_forgotten_with_its_person(store, tried):
    await store.threads.forget(Scope("slack:T1", person="U1"))

    assert await store.trials.find_draft(KEY, "U1", "k1") is None
