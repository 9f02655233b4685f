"""Stopping: whoever is stopped ends with what stands there already. Tests core.answering.stopping."""

import asyncio

from core.answering.completions import Ended
from core.answering.reply import Reply
from core.answering.stopping import stopped
from core.domain.messages import Outcome, Question
from tests.support.talk import KEY, at

QUESTION = Question(KEY, "1", "U1", at(1))


async def keep(page, at):
    """Nobody reads it."""


def grown(text: str) -> Reply:
    reply = Reply(QUESTION, keep)
    reply.say(text)
    return reply


async def words(seconds: float) -> Ended:
    await asyncio.sleep(seconds)
    return Ended("all that there is to say")


async def test_what_nobody_stops_is_said_to_its_end():
    assert await stopped(words(0), grown("all"), asyncio.Event()) == Ended("all that there is to say")


async def test_what_is_stopped_ends_with_what_was_said_so_far():
    stop = asyncio.Event()
    stop.set()

    assert await stopped(words(60), grown("all"), stop) == Ended("all\n\n*(Stopped.)*", Outcome.WITHDRAWN)


async def test_what_is_stopped_before_its_first_word_says_nothing():
    stop = asyncio.Event()
    stop.set()

    assert await stopped(words(60), grown(""), stop) == Ended("", Outcome.WITHDRAWN)
