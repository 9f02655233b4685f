"""What is deleted, forgotten or edited while an answer grows or is given anew: no word of it is left, and none returns.

Tests core.store.rules.presses, core.store.rules.messages, core.store.rules.forget.
"""

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from core.answering.final_answer import FAILED_AGAIN
from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.events import Deleted, Edited
from core.domain.messages import Asks
from tests.fakes.claude.script import Answer, Fault, Gate
from tests.support.board_house import ask, closed, command, key, messages, press

CONTINUE, RETRY, UP = Control.CONTINUE, Control.RETRY, Control.UP


@pytest.fixture
def words(tmp_path):
    """All that the rows of questions and votes hold."""

    def read() -> str:
        with sqlite3.connect(tmp_path / "confab.db") as database:
            tables = [database.execute(f"SELECT * FROM {name}").fetchall() for name in ("questions", "votes")]
        return str(tables)

    return read


async def begin_again(assistant, board, claude, store) -> Gate:
    """An answer that says SECRET, and is being given anew."""
    claude.script(Answer(text="SECRET"))
    name = await ask(assistant, board, store)
    gate = Gate()
    claude.script(Answer(text="x", gate=gate))
    await press(assistant, board, RETRY, name)
    await gate.reached.wait()
    return gate


async def test_an_answer_that_is_deleted_while_it_is_given_anew_is_gone(assistant, board, claude, store, words):
    gate = await begin_again(assistant, board, claude, store)
    page = next(message for message in board.posts[key()] if message.mine)
    assert "SECRET" in words()

    await assistant.ingest(Deleted("d", key(), page.id, board.now()))
    gate.opened.set()
    await closed(store)

    assert "SECRET" not in words()


async def test_an_answer_that_is_forgotten_while_it_is_given_anew_is_gone_at_once(
    assistant, board, claude, store, words
):
    gate = await begin_again(assistant, board, claude, store)

    await store.threads.forget(Scope("board:w1", "c1"))

    assert "SECRET" not in words()
    gate.opened.set()
    await closed(store)
    assert "SECRET" not in words()


async def test_an_answer_that_is_deleted_while_it_grows_is_gone(assistant, board, claude, store, words):
    gate = Gate(after=6)
    claude.script(Answer(text="SECRET two three four", chunk=8, gate=gate))
    await assistant.ingest(board.said("t1", "U1", "go"))
    await gate.reached.wait()
    async with asyncio.timeout(5):
        while not (mine := [message for message in board.posts[key()] if message.mine]):
            await asyncio.sleep(0.01)

    await assistant.ingest(Deleted("d", key(), mine[0].id, board.now()))
    gate.opened.set()
    await closed(store)

    assert "SECRET" not in words()
    assert (await store.threads.thread(key())).stale


async def test_nothing_is_left_of_what_goes_on_with_something_forgotten(assistant, board, claude, store, words):
    claude.script(Answer(text="```python SECRET.py\na", stop_reason="max_tokens"), Answer(text="b\n```\n"))
    name, rest = await ask(assistant, board, store), board.number()
    await press(assistant, board, CONTINUE, name, person="U2", name=rest)
    await closed(store)
    await press(assistant, board, UP, rest, person="U3")
    assert "U3" in words()

    await assistant.ingest(command("forget of=me", person="U1"))
    await closed(store)

    assert "SECRET" not in words()
    assert "U3" not in words()


async def test_a_try_that_fails_again_and_again_says_so_once(assistant, board, claude, store):
    name = await ask(assistant, board, store)
    for _ in range(3):
        claude.script(Fault(status=401, type="authentication_error", message="bad key"))
        await press(assistant, board, RETRY, name)
        await closed(store)

    assert board.shown("t1")[0].count(FAILED_AGAIN) == 1


async def test_a_question_that_is_edited_while_it_is_tried_again_is_answered_as_it_reads(
    assistant, board, claude, store
):
    name, gate = await ask(assistant, board, store), Gate()
    asked = next(message for message in board.posts[key()] if not message.mine)
    claude.script(Answer(text="x", gate=gate))
    await press(assistant, board, RETRY, name)
    await gate.reached.wait()

    edited = replace(asked, text="new words", edited=board.now())
    await assistant.ingest(Edited("ed", key(), edited, Asks.CERTAINLY))
    gate.opened.set()
    await closed(store)

    assert "new words" in messages(claude)[-1][0][1]
