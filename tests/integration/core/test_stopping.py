"""Answers that are stopped, and questions that are deleted before or while they are answered."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from core.claude.streams.accumulator import AFTER_END
from core.domain.controls import Control
from core.domain.events import Deleted, Pressed
from core.domain.messages import Asks
from core.rendering.reply_notes import append_note
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, key, messages, spent
from tests.support.house import house


async def test_stop_ends_an_answer_with_what_was_said(assistant, board, claude, store):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate))
    await assistant.ingest(board.said("t1", "U1", "count"))
    await gate.reached.wait()
    await board.until("t1", "one two thre")

    await assistant.ingest(Pressed("b1", key(), "U1", Control.STOP))
    await board.until("t1", append_note("one two thre", "Stopped."))
    await closed(store)


async def test_a_stopped_answer_costs_its_prompt_and_at_most_the_output_that_can_have_come(
    assistant, board, claude, store
):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate))
    await assistant.ingest(board.said("t1", "U1", "count"))
    await gate.reached.wait()
    await assistant.ingest(Pressed("b1", key(), "U1", Control.STOP))
    await closed(store)
    await claude.settled()

    (line,) = await spent(store)
    (billed,) = claude.billed
    assert (line.died, line.usage.prompt) == (1, billed.usage.input_tokens)
    assert billed.usage.output_tokens <= line.usage.output <= len("one two three four") + AFTER_END
    assert line.micro_usd >= billed.micro_usd


class Noted:
    """Part of a store that notes each call of `method`, which takes `seconds`, when it has ended."""

    def __init__(self, within, method: str, calls: list[str], seconds: float = 0) -> None:
        self._within, self._method, self._calls, self._seconds = within, method, calls, seconds

    def __getattr__(self, name):
        call = getattr(self._within, name)

        async def noted(*args, **named):
            await asyncio.sleep(self._seconds)
            result = await call(*args, **named)
            self._calls.append(name)
            return result

        return noted if name == self._method else call


async def test_a_stopped_request_is_settled_before_its_question_is_closed(store, board, claude):
    calls: list[str] = []
    ledger, questions = Noted(store.ledger, "settle", calls, seconds=0.2), Noted(store.questions, "close", calls)
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate))
    async with house(replace(store, ledger=ledger, questions=questions), claude, board) as assistant:
        await assistant.ingest(board.said("t1", "U1", "count"))
        await gate.reached.wait()
        await assistant.ingest(Pressed("b1", key(), "U1", Control.STOP))
        await closed(store)

    assert calls == ["settle", "close"]


async def test_a_deleted_question_is_answered_no_further(assistant, board, claude, store):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate))
    event = board.said("t1", "U1", "count")
    await assistant.ingest(event)
    await gate.reached.wait()

    await assistant.ingest(Deleted("e9", key(), event.message.id, START + timedelta(hours=1)))
    await closed(store)

    assert board.shown("t1")[-1].endswith("*(Stopped.)*")


async def test_a_question_stopped_before_its_first_word_leaves_no_page(assistant, board, claude, store):
    gate = Gate()
    claude.script(Answer(text="one two", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "count"))
    await gate.reached.wait()

    await assistant.ingest(Pressed("b1", key(), "U1", Control.STOP))
    await closed(store)

    assert board.shown("t1") == []


async def test_a_question_that_is_found_deleted_is_not_answered(assistant, board, claude, store):
    board.said("t1", "U2", "beneath", asks=Asks.NO)
    event = board.said("t1", "U1", "never mind")
    del board.posts[key()][-1]

    await assistant.ingest(event)
    await closed(store)

    assert (board.shown("t1"), messages(claude)) == ([], [])
    assert [one.text for one in (await store.threads.thread(key())).messages] == ["beneath"]


async def test_a_question_withdrawn_while_nobody_answered_it_is_not_answered_by_the_next_process(store, claude, board):
    gate = Gate()
    claude.script(Answer(text="one two", gate=gate))
    event = board.said("t1", "U1", "count")
    async with house(store, claude, board, process="first") as assistant:
        await assistant.ingest(event)
        await gate.reached.wait()
        await assistant.worker.drain(0)
    await store.questions.ingest(Deleted("e9", key(), event.message.id, START + timedelta(hours=1)))

    async with house(store, claude, board, process="second"):
        await closed(store)

    assert (board.shown("t1"), len(messages(claude))) == ([], 1)


async def test_a_message_that_comes_late_and_was_deleted_meanwhile_is_not_told(assistant, board, claude, store):
    late = board.said("t1", "U2", "forget that", asks=Asks.NO)
    await assistant.ingest(Deleted("e9", key(), late.message.id, START + timedelta(hours=1)))
    board.posts[key()].clear()
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)

    await assistant.ingest(late)
    await assistant.ingest(board.said("t1", "U1", "well?"))
    await closed(store)

    assert messages(claude)[-1] == [("user", "Ada: hello"), ("assistant", "fine"), ("user", "Ada: well?")]
