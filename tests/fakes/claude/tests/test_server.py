"""The stand-in for Claude answers as the Messages API does, told by the real SDK."""

import asyncio
import sys
from collections.abc import AsyncIterator
from subprocess import PIPE

import anthropic
import httpx2
import pytest

from tests.fakes.claude.client import (
    ASK,
    HAIKU,
    OLD_HAIKU,
    OLD_SONNET,
    SONNET,
    client_of,
    said,
    streamed,
    text,
    user,
)
from tests.fakes.claude.script import Answer, Gate, refusal
from tests.fakes.claude.server import Billed, ClaudeFake, Received
from tests.fakes.claude.tokens import Usage

NOW = 1_800_000_000.0
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "sky"}}
SUMMARIZED = {"type": "adaptive", "display": "summarized"}


@pytest.fixture
async def claude() -> AsyncIterator[ClaudeFake]:
    async with ClaudeFake(clock=lambda: NOW) as claude:
        yield claude


async def final(sdk, **asked) -> anthropic.types.Message:
    async with sdk.messages.stream(**{**ASK, **asked}) as stream:
        return await stream.get_final_message()


async def test_a_stream_is_the_events_of_the_api_in_their_order(claude, sdk):
    claude.script(Answer(thinking="Hm.", text="Hello there", chunk=6))

    events = await streamed(sdk, thinking=SUMMARIZED)

    assert [(event.type, event.delta.type if event.type == "content_block_delta" else None) for event in events] == [
        ("message_start", None),
        ("content_block_start", None),
        ("content_block_delta", "thinking_delta"),
        ("content_block_delta", "signature_delta"),
        ("content_block_stop", None),
        ("content_block_start", None),
        ("content_block_delta", "text_delta"),
        ("content_block_delta", "text_delta"),
        ("content_block_stop", None),
        ("message_delta", None),
        ("message_stop", None),
    ]


async def test_a_ping_follows_the_first_block(claude):
    headers = {"authorization": f"Bearer {claude.key}", "anthropic-version": "2026-10-21"}
    async with httpx2.AsyncClient(base_url=claude.url, headers=headers) as http:
        response = await http.post("/v1/messages", json={**ASK, "stream": True})

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.text.split("\n\n")[2] == 'event: ping\ndata: {"type": "ping"}'


async def test_an_answer_streams_its_text_in_chunks(claude, sdk):
    claude.script(Answer(text="Hello there", chunk=4))

    async with sdk.messages.stream(**ASK) as stream:
        texts = [text async for text in stream.text_stream]

    assert texts == ["Hell", "o th", "ere"]


async def test_an_answer_is_the_same_in_one_piece_and_in_a_stream(claude, sdk):
    answer = Answer(thinking="Hm.", text="Hello there", blocks=(CALL,), stop_reason="tool_use")
    claude.script(answer, answer)

    whole, parts = await sdk.messages.create(**ASK), await final(sdk)

    one, other = (message.to_dict(mode="json", exclude_unset=False) for message in (whole, parts))
    assert {**one, "id": ""} == {**other, "id": ""}


async def test_output_tokens_count_thinking_and_are_cumulative(claude, sdk):
    claude.script(Answer(thinking="x" * 40, text="y" * 20))

    begun, *_, ended, _ = await streamed(sdk)

    assert begun.message.usage.output_tokens == 1
    assert (ended.usage.output_tokens, ended.usage.output_tokens_details.thinking_tokens) == (15, 10)


THINKING = {
    "on 5.5, omitted": ({}, ""),
    "on 5.5, summarized": ({"thinking": SUMMARIZED}, "Hm."),
    "on 5.5, off": ({"thinking": {"type": "disabled"}}, None),
    "on 4.6, off": ({"model": OLD_SONNET}, None),
    "on 4.6": ({"model": OLD_SONNET, "thinking": {"type": "adaptive"}}, "Hm."),
    "on 4.5": ({"model": OLD_HAIKU, "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}}, "Hm."),
}


@pytest.mark.parametrize(("asked", "shown"), THINKING.values(), ids=THINKING)
async def test_thinking_shows_as_it_was_asked_for(claude, sdk, asked, shown):
    claude.script(Answer(thinking="Hm.", text="Hello"))

    message = await final(sdk, **asked)

    assert [block.thinking for block in message.content if block.type == "thinking"] == [shown] * (shown is not None)


async def test_thinking_can_be_sent_back_to_the_model_that_thought_it(claude, sdk):
    claude.script(Answer(thinking="Hm.", text="Hello"))
    first = await final(sdk)
    again = said(user("Hi"), first.to_param(), user("Go on"))

    await final(sdk, **again)
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking` block"):
        await final(sdk, **again, model=SONNET)


ENDS = {
    "max_tokens": (Answer(text="x" * 41), {"max_tokens": 10}, ("x" * 40, "max_tokens", None)),
    "max_tokens, in thinking": (Answer(thinking="x" * 41, text="y"), {"max_tokens": 10}, ("", "max_tokens", None)),
    "max_tokens, to the last": (Answer(text="x" * 40), {"max_tokens": 10}, ("x" * 40, "end_turn", None)),
    "stop_sequence": (Answer(text="one two"), {"stop_sequences": ["two", "ne"]}, ("o", "stop_sequence", "ne")),
    "nothing": (Answer(), {}, ("", "end_turn", None)),
    "pause": (Answer(text="Wait", stop_reason="pause_turn"), {}, ("Wait", "pause_turn", None)),
    "window": (
        Answer(text="Wait", stop_reason="model_context_window_exceeded"),
        {},
        ("Wait", "model_context_window_exceeded", None),
    ),
}


@pytest.mark.parametrize(("answer", "asked", "end"), ENDS.values(), ids=ENDS)
async def test_an_answer_ends_for_a_reason(claude, sdk, answer, asked, end):
    claude.script(answer)

    message = await final(sdk, **asked)

    words = "".join(block.text for block in message.content if block.type == "text")
    assert (words, message.stop_reason, message.stop_sequence) == end


@pytest.mark.parametrize(("words", "bills"), [("", 0), ("I could", 1)], ids=["at once", "after some words"])
async def test_a_refusal_says_why_and_costs_only_if_there_were_words(claude, sdk, words, bills):
    claude.script(refusal(words, category="bio", explanation="No."))

    message = await final(sdk)

    details = {"type": "refusal", "category": "bio", "explanation": "No."}
    assert (message.stop_reason, message.stop_details.to_dict()) == ("refusal", details)
    assert len(claude.billed) == bills


async def test_every_request_is_recorded_with_its_body_and_time(claude, sdk):
    await sdk.messages.create(**ASK)

    headers = {
        "authorization": f"Bearer {claude.key}",
        "anthropic-version": "2026-10-21",
        "user-agent": f"AsyncAnthropic/Python {anthropic.__version__}",
        "x-stainless-retry-count": "0",
    }
    assert claude.requests == [Received("POST", "/v1/messages", headers, ASK, NOW)]


async def test_every_answer_has_an_id_of_its_own_and_is_billed_under_it(claude, sdk):
    answers = [await sdk.messages.create(**ASK) for _ in range(2)]

    assert [billed.request_id for billed in claude.billed] == [answer._request_id for answer in answers]
    assert len({billed.request_id for billed in claude.billed} | {answer.id for answer in answers}) == 4
    assert claude.billed[0] == Billed(answers[0]._request_id, HAIKU, Usage(2, output_tokens=4), "whole")


async def test_headers_tell_what_is_left_of_each_limit(sdk):
    response = await sdk.messages.with_raw_response.create(**ASK)

    names = [f"anthropic-ratelimit-requests-{name}" for name in ("limit", "remaining", "reset")]
    assert [response.headers[name] for name in names] == ["1000", "999", "2027-01-15T08:01:00Z"]


async def test_a_hook_is_told_of_each_request_before_and_of_each_event_as_it_goes(claude, sdk):
    told = []

    async def on_request(index: int) -> None:
        told.append(index)

    async def on_event(index: int, event: int) -> None:
        told.append((index, event))

    claude.on_request(on_request)
    claude.on_event(on_event)
    claude.script(Answer(text="Hello"))
    await streamed(sdk)

    assert told == [0, *[(0, event) for event in range(8)]]


async def test_a_gate_holds_a_stream_where_it_stands(claude, sdk):
    gate = Gate(after=5)
    claude.script(Answer(text="Hello there", chunk=4, gate=gate))
    seen = []

    async with sdk.messages.stream(**ASK) as stream:
        async for word in stream.text_stream:
            seen.append(word)
            if len(seen) == 2:
                await gate.reached.wait()
                gate.opened.set()

    assert seen == ["Hell", "o th", "ere"]


async def test_tokens_are_counted_as_they_are_billed(sdk):
    asked = {**said(user(text("x" * 9), text("y"))), "model": HAIKU, "system": "z" * 400}

    counted = await sdk.messages.count_tokens(**asked)
    billed = await sdk.messages.create(**asked, max_tokens=1)

    assert counted.input_tokens == billed.usage.input_tokens == 104


async def test_it_comes_back_on_its_port(claude):
    async with ClaudeFake() as first:
        port = int(first.url.rpartition(":")[2])
    async with ClaudeFake(port=port) as second, client_of(second) as sdk:
        await sdk.messages.create(**ASK)

    assert second.url == first.url


async def test_it_stops_while_an_answer_is_under_way():
    async with ClaudeFake() as claude:
        claude.script(Answer(text="Hello", gate=(gate := Gate(after=3))))
        sdk = client_of(claude)
        asking = asyncio.create_task(streamed(sdk))
        await gate.reached.wait()

    with pytest.raises(httpx2.RemoteProtocolError):
        await asking
    await sdk.close()


async def test_it_serves_alone():
    command = [sys.executable, "-m", "tests.fakes.claude.server", "--key", "sk-ant-alone"]
    alone = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    url = (await alone.stdout.readline()).decode().strip()

    async with anthropic.AsyncAnthropic(api_key="sk-ant-alone", base_url=url) as sdk:
        message = await final(sdk)
    alone.kill()
    await alone.wait()

    assert message.content[0].text == "You said: Hello"
