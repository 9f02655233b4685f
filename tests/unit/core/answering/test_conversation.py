"""Conversation: a long thread becomes turns beside the event loop, a short one without a thread of its own.

Tests core.answering.conversation.
"""

import asyncio
import threading

from core.answering.conversation import read_conversation
from core.domain.messages import Question
from core.store.protocols import Thread
from tests.support.talk import KEY, at, message


class Names:
    """A surface that calls everybody by their id."""

    us = ""

    async def names(self, people):
        return {person: person for person in people}


class Kept:
    """Threads that keep names in memory."""

    async def remember_names(self, key, names):
        return names


def long_thread(size: int) -> Thread:
    texts = ["<@U7> and <@U8> " * 2_000] * max(1, size // 32_000)
    messages = tuple(message(str(number), text) for number, text in enumerate(texts, 1))
    return Thread(KEY, messages, names={}, stale=False)


async def test_the_loop_goes_on_while_a_long_thread_becomes_turns():
    rounds = 0

    async def go_round():
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    going = asyncio.create_task(go_round())
    turns = await read_conversation(Kept(), long_thread(4_000_000), Question(KEY, "1", "U1", at(1)), Names())
    going.cancel()

    assert len(turns) >= 1
    assert rounds > 20


async def test_a_short_thread_takes_no_other_thread():
    before = threading.active_count()

    turns = await read_conversation(Kept(), long_thread(1), Question(KEY, "1", "U1", at(1)), Names())

    assert len(turns) == 1
    assert threading.active_count() == before
