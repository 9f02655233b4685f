"""Recovery: an answer that was cut off is finished by the next process, and a full disk is waited for."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from core.domain.errors import StoreUnavailable
from core.domain.messages import Message
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, key, messages, spent
from tests.support.house import at_once, house


@asynccontextmanager
async def cut_off(store, claude, board, *texts):
    """A house that ends in the middle of an answer."""
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate))
    async with house(store, claude, board, process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "count"))
        await gate.reached.wait()
        await board.until("t1", "one two thre")
        await assistant.worker.drain(0)
    yield


async def test_an_answer_cut_off_is_finished_on_the_same_page_by_the_next_process(store, claude, board):
    async with cut_off(store, claude, board), house(store, claude, board, process="second"):
        await board.until("t1", "fine")
        await closed(store)

    assert board.calls.count("history") == 2
    assert messages(claude) == [[("user", "Ada: count")], [("user", "Ada: count")]]
    (line,) = await spent(store)
    assert (line.requests, line.died) == (2, 1)


async def test_a_page_that_was_never_written_down_is_adopted(store, claude, board):
    async with cut_off(store, claude, board):
        stray = Message(board.number(), "U0", "posted, not written down", START, mine=True)
        board.post(key(), stray)
        async with house(store, claude, board, process="second"):
            await closed(store)

    thread = await store.threads.thread(key())
    assert {message.answers for message in thread.messages if message.mine} == {"0001"}


@pytest.mark.parametrize("method", ["record_page", "close"])
async def test_a_disk_that_is_full_in_the_middle_of_an_answer_is_waited_for(store, claude, board, caplog, method):
    class Full:
        """A store whose disk is full for a while."""

        times = 4

        def __getattr__(self, name):
            return getattr(store.questions, name)

    async def fail(self, *args, **_patience):
        self.times -= 1
        if self.times >= 0:
            raise StoreUnavailable("the disk is full")
        return await getattr(store.questions, method)(*args)

    setattr(Full, method, fail)
    async with house(replace(store, questions=Full()), claude, board, sleep=at_once) as running:
        await running.ingest(board.said("t1", "U1", "hello"))
        await board.until("t1", "fine")
        await closed(store)

    assert board.shown("t1") == ["fine"]
    assert caplog.text.count("waits for the database: the disk is full") == 4
