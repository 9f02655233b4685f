"""Trials: which questions can be asked again, and the personas that were tried on them, as long as they are kept.

Tests core.store.rules.trials, core.store.rules.drafts, core.store.rules.private_answers, core.store.records.trials.
"""

from dataclasses import replace

import pytest

from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.events import Pressed
from core.domain.messages import FinalText, MadeFile, Outcome, Question, Unanswered
from core.domain.personas import Draft, Example, KnowledgeFile, Persona, Place, Version
from core.store.records.knowledge import KnowledgeText
from core.store.rules.presses import GONE
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, message, thread

DRAFT = Draft(Persona(system="Answer in Latin.", examples=(Example("Who?", ("a", "b"), ("c",)),)), 3, "more fun")
HERE = replace(KEY, thread="")
PLACE = Place("slack:T1", "C1")


def press(control, question="k1"):
    return Pressed(f"p-{question}", KEY, "U1", control, question, at(550), "{}")


async def rows(store, table):
    return await store.questions._engine.unit(lambda sql: sql.many(f"SELECT * FROM {table}", {}))


async def number_erasure(store):
    """The number of one more erasure: numbers of those that are gone are not given again."""
    return await store.questions._engine.unit(
        lambda sql: sql.insert_numbered("erasures", {"workspace": "w", "at": "x"})
    )


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


async def test_what_was_tried_is_found_for_a_day_and_no_longer(store, tried, clock):
    clock.tick(86_399)
    before = await store.trials.find_draft(KEY, "U1")
    clock.tick(2 + 500)

    assert before == DRAFT
    assert [await store.trials.find_draft(KEY, "U1", name) for name in ("k1", None)] == [None, None]


@pytest.mark.parametrize("posted", [False, True], ids=["to its asker alone", "to everybody"])
async def test_what_was_tried_is_erased_after_a_day(store, tried, clock, posted):
    if posted:
        await store.questions.ingest(press(Control.POST))
        claim = await store.questions.claim_next("p", PLATFORMS)
        await store.questions.close(claim, Outcome.SHOWN)
    kept = [row["draft"] is not None for row in await rows(store, "questions") if row["name"] == "k1"]
    clock.tick(86_401 + 600)
    await store.questions.heartbeat("p")

    assert kept == [True]
    assert {row["draft"] for row in await rows(store, "questions")} == {None}


async def test_a_draft_goes_with_a_file_that_it_names(store):
    names = []
    for number, name in enumerate(("secret.md", "open.md"), 1):
        command = Question(KEY, f"a{number}", "U1", at(1), command="persona attach")
        version = Version(PLACE, number, Persona(), "U1", at(1))
        file = KnowledgeText(KnowledgeFile(0, name, 0), "words")
        names.append((await store.personas.attach(command, version, [file])).persona.knowledge)
    for number, files in enumerate(names, 1):
        await store.questions.ingest(commanded(f"k{number}", "persona try 1", private=True))
        await answer(store, FinalText("Blue.", draft=Draft(Persona(knowledge=files), 1, "")))
        await store.questions.ingest(press(Control.POST, f"k{number}"))  # what is posted is no private answer any more
        await store.questions.close(await store.questions.claim_next("p", PLATFORMS), Outcome.SHOWN)
    await store.questions.ingest(deleted("a1"))

    drafts = {row["name"]: row["draft"] for row in await rows(store, "questions") if row["name"] in {"k1", "k2"}}
    assert drafts["k1"] is None
    assert "open.md" in drafts["k2"]


# Private answers to commands, for which much of the channel was read


GOES = {
    "a message of the thread is deleted": lambda store: store.questions.ingest(deleted("1")),
    "a message that is not kept is deleted": lambda store: store.questions.ingest(deleted("7", thread("7"))),
    "a command is deleted": lambda store: store.questions.ingest(deleted("k0")),
    "a thread is forgotten": lambda store: store.threads.forget(Scope("slack:T1", "C1", "1")),
    "somebody forgets": lambda store: store.threads.forget(Scope("slack:T1", person="U2")),
}


@pytest.fixture
async def channel(store):
    """A message of somebody's, and a command that was given with words."""
    await store.questions.ingest(asked(message("1", author="U2")))
    await answer(store)
    await store.questions.ingest(commanded("k0", when=at(400)))
    await answer(store, FinalText("$1", notice=True))


@pytest.mark.parametrize("go", GOES.values(), ids=GOES)
@pytest.mark.parametrize("meanwhile", [False, True], ids=["after it was answered", "while it is answered"])
async def test_no_answer_to_a_command_is_posted_that_may_quote_what_is_gone(store, channel, go, meanwhile):
    await store.questions.ingest(commanded("k1", "summarize last=5", private=True, values={"last": "5"}))
    claim = await store.questions.claim_next("p", PLATFORMS)
    if meanwhile:
        await go(store)
    made = (MadeFile("a.csv", "text/csv", text="SECRET"),)
    await store.questions.store_final_text(claim, FinalText("A SECRET.", made=made, draft=DRAFT))
    await store.questions.close(claim, Outcome.SHOWN)
    if not meanwhile:
        await go(store)
    receipt = await store.questions.ingest(press(Control.POST))

    (kept,) = [row for row in await rows(store, "questions") if row["name"] == "k1"]
    assert (receipt.question, receipt.note) == (False, GONE)
    assert [kept[name] for name in ("said", "made", "draft")] == [None] * 3
    assert await rows(store, "erasures") or await number_erasure(store) > 1  # a sweep takes them away


async def test_what_goes_in_another_channel_leaves_an_answer_to_be_posted(store, channel):
    await store.questions.ingest(commanded("k1", "summarize last=5", private=True))
    await store.questions.ingest(deleted("7", thread("7", channel="C2")))
    await answer(store)
    await store.questions.ingest(deleted("8", thread("8", channel="C2")))
    await store.threads.forget(Scope("slack:T1", "C2"))

    assert (await store.questions.ingest(press(Control.POST))).question


async def test_an_answer_about_a_message_stays_when_another_is_deleted(store, channel):
    values = {"message": "1", "thread": "1"}
    await store.questions.ingest(asked("5", thread("5"), alone=True, private=True, values=values))
    await store.questions.ingest(deleted("7", thread("7")))
    await answer(store)
    await store.questions.ingest(deleted("8", thread("8")))

    assert (await store.questions.ingest(press(Control.POST, "5"))).question
