"""Notes of a channel in its prompts, and proposed by Claude: nothing is kept that nobody allowed.

Tests core.tools.notes, core.prompting.asides.channel_notes, core.answering.conversation, core.answering.composition.
"""

from datetime import timedelta

import pytest

from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.messages import Rank
from core.domain.personas import Persona, Place
from core.prompting.asides.channel_notes import TOLD
from core.store.note_taking import take_note
from core.store.records.channel_notes import NoteChange
from tests.fakes.board import START
from tests.fakes.claude.script import Answer
from tests.support.board_house import ask, closed, command, press
from tests.support.house import house
from tests.support.note_proposals import APRIL, parked, propose, with_notes
from tests.support.tool_shed import call, use

HERE = Place("board:w1", "c1")


async def note(store, text=APRIL, place=HERE, author="U1"):
    return await take_note(store.channel_notes, await store.channel_notes.history(place), text, author, START)


async def list_texts(store):
    return [one.text for one in (await store.channel_notes.history(HERE)).notes]


def list_systems(claude) -> list[list[str]]:
    """The blocks of each request's system prompt."""
    asked = [one.body for one in claude.requests if one.path == "/v1/messages"]
    return [[block["text"] for block in body["system"]] for body in asked]


async def test_notes_stand_behind_the_persona_in_prompts_of_their_channel_alone(store, board, claude):
    claude.script(*(Answer(text="Yes.") for _ in range(3)))
    await note(store, "<@U3> signs contracts.")
    await note(store, "elsewhere", Place("board:w1", "c2"))
    async with house(store, claude, board, persona=Persona("Be brief.", "claude-haiku-5-5")) as assistant:
        await ask(assistant, board, store)
        board.people["U3"] = "Cyrus"
        await ask(assistant, board, store)
        await assistant.ingest(board.said("t9", "U1", "and there?", channel="c3"))
        await closed(store)

    here, again, there = list_systems(claude)
    assert here[1:] == ["Be brief.", f"{TOLD}\n- 2026-01-02: @Cy signs contracts."]
    assert again == here
    assert there[1:] == ["Be brief."]


async def test_prompt_shows_the_notes_as_a_block_of_their_own(store, board, claude):
    await note(store)
    async with house(store, claude, board) as assistant:
        await ask(assistant, board, store)
        await assistant.ingest(command("prompt", private=True))
        await closed(store)

    assert "**2. notes**, about" in board.whispered[-1]
    assert f"- 2026-01-02: {APRIL}\n```\ncache breakpoint" in board.whispered[-1]


async def test_the_cache_holds_until_a_note_changes_and_usage_says_so(store, board, claude):
    fact = "Facts are long here. " * 12
    for number in range(12):
        await note(store, f"{number} {fact}")
    async with house(store, claude, board) as assistant:
        for _ in range(2):
            await ask(assistant, board, store)
        await note(store)
        await ask(assistant, board, store)

    lines = await store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9999), "miss")
    assert sorted((line.group or "", line.requests) for line in lines) == [("", 1), ("new", 1), ("notes", 1)]


@pytest.mark.parametrize("control", [Control.ALLOW, Control.ALLOW_THREAD], ids=["once", "for the thread, by force"])
async def test_what_claude_proposes_is_kept_by_who_allows_it_and_each_time_anew(store, board, claude, control):
    async with house(store, claude, board, tools=with_notes(), clock=board.now) as assistant:
        named = await propose(assistant, board, store, claude, Answer(text="Noted."))
        waiting, buttons = await list_texts(store), [*board.buttons.values()][-1]
        asked = board.shown("t1")[-1]
        await press(assistant, board, control, named)
        await closed(store)
        shown = board.shown("t1")[-1]
        kept = await store.channel_notes.history(HERE)
        claude.script(call(use("propose_note", 2, text="Another.")))
        await assistant.ingest(board.said("t1", "U1", "and another"))
        await parked(store)
        grants = await store.tool_use.list_grants(Scope("board:w1", "c1", person="U1"))

    assert (waiting, buttons) == ([], (Control.ALLOW, Control.DENY))
    assert "**May I use `propose_note`?**" in asked
    assert f'"text": "{APRIL}"' in asked
    assert shown == "I'll remember that.\n\nNoted."
    assert [(one.text, one.author, one.number) for one in kept.notes] == [(APRIL, "U1", 1)]
    assert grants == []
    assert await list_texts(store) == [APRIL]


async def test_a_note_that_was_allowed_is_told_from_the_next_answer_on(store, board, claude):
    async with house(store, claude, board, tools=with_notes()) as assistant:
        named = await propose(assistant, board, store, claude, Answer(text="Noted."), Answer(text="In April."))
        await press(assistant, board, Control.ALLOW, named)
        await closed(store)
        await ask(assistant, board, store, "when does it begin?")

    first, second, third = list_systems(claude)
    assert first == second == third[:1]
    assert third[1].endswith(APRIL)


async def test_what_is_denied_or_expires_is_never_kept(store, board, claude):
    async with house(store, claude, board, tools=with_notes()) as assistant:
        named = await propose(assistant, board, store, claude, Answer(text="Then not."))
        await press(assistant, board, Control.DENY, named)
        await closed(store)
        named = await propose(assistant, board, store, claude)
        board.slept(3_700)
        await press(assistant, board, Control.ALLOW, named)
        await closed(store)

    assert (await store.channel_notes.history(HERE)).changes == ()
    assert "has expired after an hour: nothing was done" in board.shown("t1")[-1]


async def test_who_does_not_manage_the_channel_can_not_keep_what_claude_proposes(store, board, claude):
    board.ranks["U2"] = Rank.MEMBER
    async with house(store, claude, board, tools=with_notes()) as assistant:
        named = await propose(assistant, board, store, claude, Answer(text="A manager has to."), person="U2")
        await press(assistant, board, Control.ALLOW, named, person="U2")
        await closed(store)

    told = [one.body for one in claude.requests if one.path == "/v1/messages"][-1]["messages"][-1]["content"][-1]
    assert told["is_error"] is True
    assert "only those who manage this channel may keep notes" in str(told["content"])
    assert (await store.channel_notes.history(HERE)).changes == ()


async def test_where_managers_may_a_manager_allows_it_and_is_its_author(store, board, claude):
    board.ranks |= {"U2": Rank.MEMBER, "U3": Rank.MANAGER}
    async with house(store, claude, board, tools=with_notes(), managers_approve=True) as assistant:
        named = await propose(assistant, board, store, claude, Answer(text="Noted."), person="U2")
        await press(assistant, board, Control.ALLOW, named, person="U3")
        await closed(store)

    assert [one.author for one in (await store.channel_notes.history(HERE)).notes] == ["U3"]


async def test_a_proposal_that_waits_outlives_its_process(store, board, claude):
    async with house(store, claude, board, tools=with_notes(), process="first") as assistant:
        named = await propose(assistant, board, store, claude)
    claude.script(Answer(text="Noted."))
    async with house(store, claude, board, tools=with_notes(), process="second") as assistant:
        await press(assistant, board, Control.ALLOW, named)
        await closed(store)

    assert board.shown("t1")[-1] == "I'll remember that.\n\nNoted."
    assert await list_texts(store) == [APRIL]


async def test_what_others_note_in_the_same_moment_stays_beside_what_claude_proposed(store, board, claude):
    history, races = store.channel_notes.history, ["Theirs.", "Theirs too."]

    async def race(place):
        held = await history(place)
        if races:
            await store.channel_notes.change(place, NoteChange(held.number + 1, "U3", START, races.pop(0)))
        return held

    async with house(store, claude, board, tools=with_notes()) as assistant:
        named = await propose(assistant, board, store, claude, Answer(text="Noted."))
        store.channel_notes.history = race
        await press(assistant, board, Control.ALLOW, named)
        await closed(store)
    store.channel_notes.history = history

    assert await list_texts(store) == ["Theirs.", "Theirs too.", APRIL]


@pytest.mark.parametrize(
    ("text", "why", "asks"),
    [(" ", "The note is empty.", True), ("x" * 301, "at most 300", False)],
    ids=["empty", "too long"],
)
async def test_a_proposal_that_can_not_be_kept_is_told_to_claude(store, board, claude, text, why, asks):
    claude.script(call(use("propose_note", text=text)), Answer(text="Well."))
    async with house(store, claude, board, tools=with_notes()) as assistant:
        asked = board.said("t1", "U1", "remember")
        await assistant.ingest(asked)
        if asks:
            await parked(store)
            await press(assistant, board, Control.ALLOW, f"{asked.message.id}#1")
        await closed(store)

    told = [one.body for one in claude.requests if one.path == "/v1/messages"][-1]["messages"][-1]["content"][-1]
    assert told["is_error"] is True
    assert why in str(told["content"])
    assert await list_texts(store) == []


async def test_what_is_allowed_is_done_though_the_notes_changed_while_it_waited(store, board, claude):
    async with house(store, claude, board, tools=with_notes()) as assistant:
        named = await propose(assistant, board, store, claude, Answer(text="Noted."))
        await note(store, "Another fact.")
        await press(assistant, board, Control.ALLOW, named)
        await press(assistant, board, Control.ALLOW, named)
        await closed(store)

    assert await list_texts(store) == ["Another fact.", APRIL]
    assert board.shown("t1")[-1].endswith("Noted.")
    assert len(list_systems(claude)) == 2


async def test_two_notes_that_are_proposed_in_one_step_are_both_kept(store, board, claude):
    both = call(use("propose_note", 1, text="First."), use("propose_note", 2, text="Second."), text="Two.")
    claude.script(both, Answer(text="Noted both."))
    async with house(store, claude, board, tools=with_notes()) as assistant:
        asked = board.said("t1", "U1", "remember both")
        await assistant.ingest(asked)
        await parked(store)
        await press(assistant, board, Control.ALLOW, f"{asked.message.id}#1")
        await parked(store)
        await press(assistant, board, Control.ALLOW, f"{asked.message.id}#2")
        await closed(store)

    assert await list_texts(store) == ["First.", "Second."]
    assert board.shown("t1")[-1].endswith("Noted both.")


@pytest.mark.parametrize("place", [HERE, Place("board:w1")], ids=["of the channel", "of the workspace"])
@pytest.mark.parametrize("before", [None, Persona("Be kind.")], ids=["the first persona", "another persona"])
async def test_what_is_allowed_is_done_though_the_persona_changed_while_it_waited(store, board, claude, place, before):
    if before:
        await store.personas.change(place, before, 0, "U1", START)
    async with house(store, claude, board, tools=with_notes(), clock=board.now) as assistant:
        named = await propose(assistant, board, store, claude, Answer(text="Noted."))
        changed = Persona("Be brief.", "claude-haiku-5-5", effort="low")
        await store.personas.change(place, changed, 1 if before else 0, "U1", board.now())
        await press(assistant, board, Control.ALLOW, named)
        await closed(store)

    assert await list_texts(store) == [APRIL]
    begun, ended = list_systems(claude)
    assert begun == ended
    assert board.shown("t1")[-1].endswith("Noted.")


async def test_a_tool_that_was_taken_away_while_it_waited_does_nothing(store, board, claude):
    async with house(store, claude, board, tools=with_notes(), clock=board.now) as assistant:
        named = await propose(assistant, board, store, claude, Answer(text="Well."))
        await store.personas.change(HERE, Persona(tools="none"), 0, "U1", board.now())
        await press(assistant, board, Control.ALLOW, named)
        await closed(store)

    assert await list_texts(store) == []
    assert "What was allowed is not available now, and nothing was done" in board.shown("t1")[-1]


async def test_who_is_asked_to_allow_a_note_sees_all_of_it_and_who_may(store, board, claude):
    text = "Twelve words. " * 21 + "Here ends it."
    assert len(text) > 300 - 14
    claude.script(call(use("propose_note", text=text[:300]), text="Well."))
    async with house(store, claude, board, tools=with_notes()) as assistant:
        await assistant.ingest(board.said("t1", "U1", "remember"))
        await parked(store)

    shown = board.shown("t1")[-1]
    assert f'"text": "{text[:300]}"' in shown
    assert "keeping a note of this channel, which only who manages it can allow." in shown
    assert shown.endswith("Ada can allow it if they manage this channel, within an hour.")


async def test_who_allows_a_note_for_the_whole_thread_is_told_that_it_is_for_once(store, board, claude):
    async with house(store, claude, board, tools=with_notes()) as assistant:
        await propose(assistant, board, store, claude, Answer(text="Noted."))
        await assistant.ingest(command("allow thread", private=True))
        await closed(store)

    assert await list_texts(store) == [APRIL]
    assert board.whispered[-1] == "It goes on, for this once: it asks for each note anew."


async def test_in_a_private_thread_claude_has_no_tool_for_notes_and_none_is_kept(store, board, claude):
    claude.script(Answer(text="I can't."))
    async with house(store, claude, board, tools=with_notes()) as assistant:
        board.secluded.add("t1")
        await ask(assistant, board, store, "remember it")
        without = claude.requests[-1].body
        board.secluded.clear()
        named = await propose(assistant, board, store, claude)
        board.secluded.add("t1")
        claude.script(Answer(text="Well."))
        await press(assistant, board, Control.ALLOW, named)
        await closed(store)

    assert "tools" not in without
    assert await list_texts(store) == []
