"""Commands that Claude answers: private, stored before they are answered, paid for, and posted if their asker wants."""

import asyncio

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.messages import Asks
from tests.fakes.claude.script import Answer
from tests.support.board_house import closed, command, messages, press
from tests.support.house import house


def say(board, *texts, thread="t1", person="U2"):
    """Messages that nobody asks us."""
    for text in texts:
        board.said(thread, person, text, asks=Asks.NO)


async def test_a_summary_is_told_to_its_asker_alone_with_links_to_what_was_read(assistant, board, claude, store):
    say(board, "Shall we ship on Friday?", "Yes, I decide: Friday.")
    claude.script(Answer(text="They ship on Friday [#2], says [#9]."))

    await assistant.ingest(command("summarize", private=True))
    await closed(store)

    assert board.whispered == ["They ship on Friday [#2](https://board/c1/t1/0002), says ."]
    (asked,) = messages(claude)
    assert "[#2]\nBob: Yes, I decide: Friday." in asked[0][1]


async def test_nothing_that_a_summary_has_read_is_stored(assistant, board, claude, store):
    say(board, "a secret word: xylophone")
    await assistant.ingest(command("summarize last=10", private=True))
    await closed(store)

    dumped = "\n".join(await store.dump()) if hasattr(store, "dump") else ""
    assert "xylophone" not in dumped
    assert (await store.threads.thread(command("x").key)).messages == ()


async def test_a_summary_is_posted_for_all_once_its_asker_wants_that(assistant, board, claude, store):
    say(board, "We ship on Friday.")
    claude.script(Answer(text="They ship."))
    await assistant.ingest(command("summarize", private=True))
    await closed(store)
    assert board.controls("t1") == [(Control.POST,)]

    receipt = await press(assistant, board, Control.POST, "k1")
    await closed(store)

    assert receipt.note == "It is posted here."
    assert board.shown("t1")[-1] == "*Ada asked for this, and shares it:*\n\nThey ship."
    assert len(claude.billed) == 1


async def test_a_budget_forbids_a_summary_as_it_forbids_an_answer(assistant, board, claude, store):
    say(board, "We ship on Friday.")
    await BUDGET

    await assistant.ingest(command("summarize", private=True))
    await closed(store)

    assert "budget" in board.whispered[0].lower()
    assert claude.billed == []
