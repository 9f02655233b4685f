"""The watch is told what happens: answers, requests, beats. It is never told a word of anybody's."""

import asyncio
from dataclasses import replace

from core.domain.events import Commanded
from core.domain.messages import ThreadKey
from core.domain.usage import Usage
from core.telemetry import AnswerBegun, HeartbeatSent, QuestionClosed, RequestEnded
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Fault
from tests.support.house import house

MODEL = "claude-haiku-5-5"


async def told(store, claude, board, *events) -> list:
    """What a watch is told while these events are answered, but for beats; requests without their usage."""
    signs = []
    async with house(store, claude, board, emit=signs.append) as assistant, asyncio.timeout(30):
        for event in events:
            await assistant.ingest(event)
            await assistant.worker.idle()
            await asyncio.sleep(0)
    assert HeartbeatSent() in signs
    return [
        replace(sign, usage=None) if isinstance(sign, RequestEnded) else sign
        for sign in signs
        if sign != HeartbeatSent()
    ]


def summary(signs: list) -> list[tuple[str, ...]]:
    """Each sign's name, and what it says besides the question."""
    return [
        ("begun",)
        if isinstance(sign, AnswerBegun)
        else ("closed", sign.outcome.value)
        if isinstance(sign, QuestionClosed)
        else ("requested", sign.model, sign.outcome)
        for sign in signs
    ]


async def test_an_answer_begins_once_costs_a_request_and_is_closed(store, claude, board):
    claude.script(Answer(text="one two three four", chunk=3))

    signs = await told(store, claude, board, board.said("t1", "U1", "hello"))

    assert summary(signs) == [("begun",), ("requested", MODEL, "end_turn"), ("closed", "shown")]
    assert {sign.question.key for sign in signs if not isinstance(sign, RequestEnded)} == {
        ThreadKey("board:w1", "c1", "t1")
    }


async def test_the_tokens_are_those_that_claude_bills(store, claude, board):
    signs = []
    async with house(store, claude, board, emit=signs.append) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await assistant.worker.idle()
    (billed,) = [one.usage for one in claude.billed]

    (usage,) = [sign.usage for sign in signs if isinstance(sign, RequestEnded)]
    assert usage == Usage(
        input=billed.input_tokens,
        output=billed.output_tokens,
        thinking=billed.thinking_tokens,
        cache_read=billed.cache_read_input_tokens,
        cache_write_5m=billed.ephemeral_5m_input_tokens,
        cache_write_1h=billed.ephemeral_1h_input_tokens,
    )


async def test_each_request_that_fails_is_told_by_its_trouble(store, claude, board):
    claude.script(Fault(529), Fault(401, "authentication_error"))

    signs = await told(store, claude, board, board.said("t1", "U1", "hello"))

    assert summary(signs) == [("requested", MODEL, "overloaded"), ("requested", MODEL, "key"), ("closed", "refused")]


async def test_a_command_is_closed_without_a_request(store, claude, board):
    command = Commanded("k1", ThreadKey("board:w1", "c1", "t1"), "U1", "help", START)

    assert summary(await told(store, claude, board, command)) == [("closed", "carried out")]
