"""Long threads, asked of Claude's API: one summary a step, healed, paid for, and never in an answer's way.

Tests core.answering.asides.summaries.
"""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from core.domain.events import Deleted, Edited
from tests.fakes.claude.script import Answer, Fault, Gate, wants_form
from tests.support.board_house import ask, closed, command, spent
from tests.support.house import house

NOTE = "What Confab noted of them"
PLAIN = "[Older messages are left out here.]"
LONG = "word " * 500


def sums_up(body) -> bool:
    return wants_form(body) and "told no more" in body["system"][0]["text"]


def answer(body) -> Answer:
    """Sums up by naming the messages that it was shown, else says fine."""
    if not sums_up(body):
        return Answer("fine")
    shown = body["messages"][0]["content"][0]["text"]
    return Answer(json.dumps({"summary": f"kept {' '.join(sorted(set(re.findall(r'q[0-9]+', shown))))}"}))


def told(claude) -> list[str]:
    """All that each request for an answer told, as one text."""
    bodies = [one.body for one in claude.requests if one.path == "/v1/messages" and not wants_form(one.body)]
    return ["\n".join(block["text"] for m in body["messages"] for block in m["content"]) for body in bodies]


def summed(claude) -> list[str]:
    """What each summary was made of."""
    bodies = [one.body for one in claude.requests if one.path == "/v1/messages" and sums_up(one.body)]
    return [body["messages"][0]["content"][0]["text"] for body in bodies]


async def talk(assistant, board, store, first: int, last: int) -> None:
    for number in range(first, last):
        await ask(assistant, board, store, f"q{number} {LONG}")


async def tune(assistant, store) -> None:
    await assistant.ingest(command("persona tune context_tokens=4000"))
    await closed(store)


async def test_what_is_cut_is_summed_up_once_a_step_and_told_byte_for_byte_until_the_next(store, board, claude):
    claude.answer = answer
    async with house(store, claude, board) as assistant:
        await tune(assistant, store)
        await talk(assistant, board, store, 0, 14)

    notes = [text[text.index("[Older") :].split("\nAda")[0] if "[Older" in text else "" for text in told(claude)]
    steps = [note for at, note in enumerate(notes) if note and note != notes[at - 1]]
    assert all(NOTE in note for note in steps)
    assert len(summed(claude)) == len(steps) >= 3
    assert "q1" in steps[-1]
    assert PLAIN not in "\n".join(told(claude))


async def test_a_short_thread_asks_for_none_and_has_no_note(store, board, claude):
    claude.answer = answer
    async with house(store, claude, board) as assistant:
        await talk(assistant, board, store, 0, 6)

    assert summed(claude) == []
    assert "[Older" not in "\n".join(told(claude))


async def test_prompt_shows_the_summary_and_makes_none(store, board, claude):
    claude.answer = answer
    async with house(store, claude, board) as assistant:
        await tune(assistant, store)
        await talk(assistant, board, store, 0, 7)
        made = len(summed(claude))
        await assistant.ingest(command("prompt", name="k2", private=True))
        await closed(store)

    assert made >= 1
    assert len(summed(claude)) == made
    assert any(NOTE in text and "kept q1" in text for text in board.shown("t1"))


@pytest.mark.parametrize("change", ["edit", "delete"])
async def test_it_is_made_anew_without_what_was_edited_or_deleted(store, board, claude, change):
    claude.answer = answer
    async with house(store, claude, board) as assistant:
        await tune(assistant, store)
        await talk(assistant, board, store, 0, 7)
        gone = next(one for ones in board.posts.values() for one in ones if one.text.startswith("q1 "))
        key = next(iter(board.posts))
        if change == "delete":
            await assistant.ingest(Deleted("e1", key, gone.id, board.now()))
        else:
            await assistant.ingest(Edited("e1", key, replace(gone, text=f"z1 {LONG}", edited=board.now())))
        assert (await store.threads.thread(key)).summaries == {}
        await talk(assistant, board, store, 7, 8)

    assert "q1 " not in summed(claude)[-1]
    assert "q1" not in re.findall(r"q\d+", told(claude)[-1])


FAULTS = {
    "the API is down": [Fault(400, "invalid_request_error", "no")],
    "no form comes of it": [Answer("no"), Answer("no")],
}


@pytest.mark.parametrize("trouble", FAULTS.values(), ids=FAULTS)
async def test_a_summary_that_cannot_be_made_leaves_the_note_and_the_answer(store, board, claude, trouble):
    left = list(trouble)
    claude.answer = lambda body: left.pop(0) if sums_up(body) and left else answer(body)
    async with house(store, claude, board) as assistant:
        await tune(assistant, store)
        while left == list(trouble) or not summed(claude):
            await talk(assistant, board, store, 1, 2)
        await talk(assistant, board, store, 2, 3)

    assert PLAIN in told(claude)[-1]
    assert board.shown("t1")[-1] == "fine"
    assert len(summed(claude)) <= len(trouble)


async def test_an_answer_waits_for_a_slow_summary_a_while_and_the_next_one_has_it(store, board, claude):
    gate = Gate()
    claude.answer = lambda body: Answer('{"summary": "kept slowly"}', gate=gate) if sums_up(body) else answer(body)
    async with house(store, claude, board) as assistant:
        assistant._composer.summaries._patience = 0.05
        await tune(assistant, store)
        while not summed(claude):
            await talk(assistant, board, store, 1, 2)
        assert PLAIN in told(claude)[-1]
        gate.opened.set()
        key = next(iter(board.posts))
        while not (await store.threads.thread(key)).summaries:
            await asyncio.sleep(0.01)
        await ask(assistant, board, store, "and now?")

    assert "kept slowly" in told(claude)[-1]
    assert len(summed(claude)) == 1


async def test_its_cost_is_in_the_ledger(store, board, claude):
    claude.answer = answer
    async with house(store, claude, board) as assistant:
        await tune(assistant, store)
        await talk(assistant, board, store, 0, 7)

    assert sum(row.requests for row in await spent(store)) == len(told(claude)) + len(summed(claude))
