"""Personas that are tried before they count: seen by one person alone, paid for once, kept once.

Tests core.commands.trials.trial, core.commands.trials.draft, core.commands.trials.answers, core.commands.trials.keep,
core.answering.tasks.past_questions, core.store.records.trials, core.store.rules.trials and core.store.rules.drafts.
"""

import asyncio
from dataclasses import replace

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.messages import Question, Rank
from core.domain.personas import KnowledgeFile, Persona, Place, Version
from core.store.records.knowledge import KnowledgeText
from core.store.records.trials import NOTHING_TO_KEEP
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import ask, closed, command, key, messages, press
from tests.support.house import house

PLACE = Place("board:w1", "c1")
KEPT = "This channel has this persona from its next answer on, as version 1."


async def give(assistant, store, line, **fields):
    """Give a command, and wait until it is answered."""
    receipt = await assistant.ingest(command(line, private=True, **fields))
    await closed(store)
    return receipt


async def keep(assistant, board, store, **fields) -> str:
    """Press Keep below what was tried as k1; what is said to that, by a note or in words."""
    board.whispered.clear()
    receipt = await press(assistant, board, Control.KEEP, "k1", **fields)
    await closed(store)
    return receipt.note or board.whispered[-1]


async def set_persona(store, system, author="U2"):
    held = await store.personas.persona(PLACE)
    number = held.number if held else 0
    return await store.personas.change(PLACE, Persona(system=system), number, author, START)


@pytest.fixture
async def asked(assistant, board, claude, store):
    """A thread in which a question stands with its answer."""
    claude.script(Answer(text="It is on the second floor."), Answer(text="Arr, the second deck!"))
    return await ask(assistant, board, store, "Where is the printer?")


async def test_a_draft_answers_the_last_question_beside_todays_answer_for_its_editor_alone(
    asked, assistant, board, claude, store
):
    await give(assistant, store, "persona try Answer like a pirate.")

    (said,) = board.whispered
    assert said.startswith("The last question here was: `Where is the printer?`\n\n**Today** (as it stands, $0.")
    assert "\n\nIt is on the second floor.\n\n**Draft** (your words, `claude-" in said
    assert "\n\nArr, the second deck!\n\n" in said
    assert claude.requests[-1].body["system"][-1]["text"] == "Answer like a pirate."
    assert messages(claude)[-1] == messages(claude)[-2]
    assert board.controls("t1")[-1] == (Control.KEEP, Control.POST)
    assert await store.personas.persona(PLACE) is None


async def test_todays_answer_is_made_anew_where_none_stands(assistant, board, claude, store):
    claude.script(Answer(stop_reason="refusal"), Answer(text="Today."), Answer(text="Tomorrow."))
    await ask(assistant, board, store, "When?")

    await give(assistant, store, "persona try Be brief.")

    assert "**Today** (no persona, $0." in board.whispered[0]
    assert "\n\nToday.\n\n**Draft**" in board.whispered[0]
    assert len(messages(claude)) == 3


async def test_keep_gives_the_channel_the_draft_once_however_often_it_is_pressed(asked, assistant, board, store):
    await give(assistant, store, 'persona try reason="more fun" Answer like a pirate.')

    first = await keep(assistant, board, store)
    await asyncio.gather(*(press(assistant, board, Control.KEEP, "k1") for _ in range(3)))
    await closed(store)

    assert first.startswith(KEPT)
    assert board.whispered[-3:] == ["It is kept already, as version 1."] * 3
    (version,) = await store.personas.versions(PLACE)
    assert (version.persona, version.author, version.reason) == (
        Persona(system="Answer like a pirate."),
        "U1",
        "more fun",
    )


async def test_presses_at_the_same_time_make_one_version(asked, assistant, board, store):
    await give(assistant, store, "persona try Answer like a pirate.")

    await asyncio.gather(*(press(assistant, board, Control.KEEP, "k1") for _ in range(4)))
    await closed(store)

    assert len(await store.personas.versions(PLACE)) == 1
    assert sum(one.startswith(KEPT) for one in board.whispered) == 1


async def test_keep_says_what_somebody_else_changed_meanwhile_and_keeps_nothing(asked, assistant, board, store):
    await give(assistant, store, "persona try Answer like a pirate.")
    await set_persona(store, "Answer in Latin.")

    said = await keep(assistant, board, store)

    assert said.startswith("Bob changed this persona after you had tried yours, so I kept nothing.")
    assert "+ Answer in Latin." in said
    assert [one.persona.system for one in await store.personas.versions(PLACE)] == ["Answer in Latin."]


async def test_only_who_tried_it_can_keep_it_and_only_while_they_manage_the_channel(asked, assistant, board, store):
    await give(assistant, store, "persona try Answer like a pirate.")

    others = await keep(assistant, board, store, person="U2")
    board.ranks["U1"] = Rank.MEMBER
    demoted = await keep(assistant, board, store)

    assert others == "Only who tried this persona can keep it."
    assert demoted == "Only those who manage this channel can use `keep`."
    assert await store.personas.versions(PLACE) == []


async def test_who_may_not_change_a_persona_may_not_try_one(asked, assistant, board, claude, store):
    await give(assistant, store, "persona try Answer like a pirate.", person="U2")

    assert board.whispered == ["Only those who manage this channel can use `persona try`."]
    assert len(messages(claude)) == 1


async def test_an_earlier_version_is_tried_by_its_number(asked, assistant, board, claude, store):
    await set_persona(store, "Answer in Latin.")
    await set_persona(store, "Answer in Greek.")

    await give(assistant, store, "persona try 1")
    await keep(assistant, board, store)

    assert claude.requests[-1].body["system"][-1]["text"] == "Answer in Latin."
    newest, *_ = await store.personas.versions(PLACE)
    assert (newest.number, newest.persona.system, newest.reason) == (3, "Answer in Latin.", "back to version 1")


async def test_what_holds_already_is_tried_and_there_is_nothing_to_keep(asked, assistant, board, store):
    await set_persona(store, "Answer in Latin.")

    await give(assistant, store, "persona try 1")

    assert "there is nothing to keep" in board.whispered[0]
    assert board.controls("t1")[-1] == (Control.POST,)
    assert await keep(assistant, board, store) == NOTHING_TO_KEEP


async def test_a_draft_is_told_the_files_that_the_channel_knows(asked, assistant, board, claude, store):
    attached = Version(PLACE, 1, Persona(system="Answer in Latin."), "U1", START)
    wiki = KnowledgeText(KnowledgeFile(0, "wiki.md", 21), "The printer is a Xyz.")
    await store.personas.attach(Question(key(), "k0", "U1", START), attached, [wiki])

    await give(assistant, store, "persona try Be brief.")
    await keep(assistant, board, store)

    assert "The printer is a Xyz." in claude.requests[-1].body["system"][1]["text"]
    newest, *_ = await store.personas.versions(PLACE)
    assert (newest.persona.system, [one.name for one in newest.persona.knowledge]) == ("Be brief.", ["wiki.md"])


async def test_words_of_a_draft_are_forgotten_with_who_tried_it(asked, assistant, store):
    await give(assistant, store, "persona try Be brief.")

    await store.threads.forget(Scope("board:w1", person="U1"))

    assert await store.trials.find_draft(key(), "U1") is None


async def test_a_persona_of_the_library_is_tried_by_its_name(asked, assistant, board, claude, store):
    await give(assistant, store, "persona try translator")
    await keep(assistant, board, store)

    assert "**Draft** (`translator` of the library, " in "".join(board.written[key()])
    newest, *_ = await store.personas.versions(PLACE)
    assert newest.persona.examples
    assert newest.reason == "translator from the library"


async def test_the_last_draft_of_a_thread_is_kept_by_the_command_too(asked, assistant, board, store):
    await give(assistant, store, "persona try Answer like a pirate.")

    await give(assistant, store, "keep", name="k2")

    assert board.whispered[-1].startswith(KEPT)


async def test_a_thread_without_a_question_has_nothing_to_try_on(assistant, board, claude, store):
    await give(assistant, store, "persona try Be brief.")

    assert board.whispered[0].startswith("Nothing was asked here")
    assert messages(claude) == []


async def test_a_version_that_never_was_is_told_before_anything_is_asked(asked, assistant, board, claude, store):
    await give(assistant, store, "persona try 7")

    assert board.whispered == ["There is no version 7 here. No persona was ever set."]
    assert len(messages(claude)) == 1


async def test_a_budget_forbids_a_trial(asked, assistant, board, claude, store):
    await store.ledger.allow(Budget(Scope("board:w1"), Period.MONTH, 0, "UTC", "U1", START), 0)

    await give(assistant, store, "persona try Be brief.")

    assert "budget" in board.whispered[0].lower()
    assert len(claude.billed) == 1


async def test_a_trial_delivered_twice_is_paid_for_once(asked, assistant, claude, store):
    await give(assistant, store, "persona try Be brief.")
    again = await give(assistant, store, "persona try Be brief.")

    assert not again.new
    assert len(claude.billed) == 2


HOSTILE = ("<!channel> @everyone", "```\n@here", "](https://evil.example/x) **| a | b", "/keep \u202e <@U2>")


@pytest.mark.parametrize("words", HOSTILE, ids=repr)
async def test_hostile_words_are_kept_as_they_are_and_no_marks_where_a_question_is_named(
    words, assistant, board, claude, store
):
    claude.script(Answer(text="No."), Answer(text="```\nno end"))
    await ask(assistant, board, store, words)

    await give(assistant, store, f"persona try {words}")
    head, _, rest = board.whispered[0].partition("\n\n**Today**")
    await keep(assistant, board, store)

    assert head.startswith("The last question here was: `")
    assert head.count("`") == 2
    assert "```\nno end\n```" in rest
    assert [one.persona.system for one in await store.personas.versions(PLACE)] == [words]


async def test_where_there_is_no_thread_the_channels_last_question_is_tried_that_its_giver_may_read(
    asked, assistant, board, claude, store
):
    secret = board.said("t9", "U1", "What is the secret?")
    await assistant.ingest(secret)
    await closed(store)
    board.hidden.add("t9")

    given = replace(command("persona try Be brief.", private=True), key=key(""))
    await assistant.ingest(given)
    await closed(store)

    assert board.whispered[0].startswith("The last question here was: `Where is the printer?`")


async def test_a_trial_that_is_taken_up_by_another_process_asks_and_keeps_nothing_twice(store, board, claude, tmp_path):
    claude.script(Answer(stop_reason="refusal"), Answer(text="Today."))
    stalled = Gate(after=1)
    async with house(store, claude, board, process="p1") as first:
        await ask(first, board, store, "When?")
        claude.script(Answer(text="Tomorrow.", gate=stalled))
        await first.ingest(command("persona try Be brief.", private=True))
        await stalled.reached.wait()
    claude.script(Answer(text="Tomorrow."))
    async with house(store, claude, board, process="p2") as second:
        await closed(store)
        await press(second, board, Control.KEEP, "k1", name="press")
        await press(second, board, Control.KEEP, "k1", name="press")
        await closed(store)

    asked_anew = [one for one in messages(claude) if one[-1][1].endswith("When?")]
    assert len(asked_anew) == 4  # the question, today's answer once, and the draft, which the first process never saw
    assert "\n\nToday.\n\n**Draft**" in board.whispered[0]
    assert len(await store.personas.versions(PLACE)) == 1


async def test_the_history_says_which_words_were_tried(asked, assistant, board, store):
    await give(assistant, store, "persona try Answer like a pirate who has sailed the seven seas for forty years.")
    await keep(assistant, board, store)

    (version,) = await store.personas.versions(PLACE)
    assert version.reason == "tried first: Answer like a pirate who has sailed the seven seas…"


async def test_where_nothing_was_tried_keep_says_what_could_be(assistant, board, store):
    receipt = await press(assistant, board, Control.KEEP, None)

    assert receipt.note == NOTHING_TO_KEEP
