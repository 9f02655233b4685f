"""A message out of its stream's events: the same as the SDK's own helper makes of them."""

from itertools import pairwise

import anthropic
import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from core.claude.stream import AFTER_END, MalformedStream, MessageAccumulator, UsageBound
from core.domain.usage import Usage
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake

ASKED = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 4000,
    "thinking": {"type": "adaptive", "display": "summarized"},
    "messages": [{"role": "user", "content": "why?"}],
}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "the sky"}}
CITED = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "blue"}
BEGUN = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
STARTED = {"type": "message_start", "message": {**BEGUN, "usage": {"input_tokens": 3, "output_tokens": 1}}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


def delta(index=0, **fields) -> dict:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stopped(index=0) -> dict:
    return {"type": "content_block_stop", "index": index}


def events(*raw: dict) -> list[RawMessageStreamEvent]:
    return [TypeAdapter(RawMessageStreamEvent).validate_python(one) for one in raw]


def streamed(*raw: dict) -> MessageAccumulator:
    found = MessageAccumulator()
    for event in events(*raw):
        found.take(event)
    return found


async def test_a_message_is_what_the_helper_of_the_sdk_makes_of_its_events():
    answer = Answer(thinking="Let me see.", text="It is blue. " * 20, blocks=(SEARCH,), stop_reason="pause_turn")
    ours = MessageAccumulator()
    async with ClaudeFake() as claude, anthropic.AsyncAnthropic(api_key=claude.key, base_url=claude.url) as client:
        claude.script(answer, answer)
        async with client.messages.stream(**ASKED) as stream:
            theirs = await stream.get_final_message()
        async with await client.messages.create(**ASKED, stream=True) as raw:
            grown = [ours.text async for event in raw if ours.take(event)]

    differs = {"id": theirs.id, "usage": theirs.usage.to_dict()}  # what was asked twice is read from the cache
    assert {**ours.whole().to_dict(), **differs} == theirs.to_dict()
    assert ours.whole().content[0].signature
    assert grown[-1] == ours.text == answer.text
    assert len(grown) > 10
    assert all(after.startswith(before) for before, after in pairwise(grown))


@pytest.mark.parametrize(
    ("pieces", "whole"), [(['{"at": [1', ", 2]}"], {"at": [1, 2]}), ([""], {})], ids=["in two", "empty"]
)
def test_a_tool_s_input_comes_in_pieces_that_are_no_json_until_its_end(pieces, whole):
    tool = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    begun = {"type": "content_block_start", "index": 0, "content_block": tool}
    found = streamed(STARTED, begun, *(delta(type="input_json_delta", partial_json=one) for one in pieces), stopped())

    assert found.whole().content[0].input == whole


def test_citations_gather_in_their_block():
    cited = [delta(type="citations_delta", citation={**CITED, "encrypted_index": str(one)}) for one in range(2)]
    found = streamed(STARTED, TEXT, delta(type="text_delta", text="Blue."), *cited, stopped())

    (block,) = found.whole().content
    assert (block.text, [one.encrypted_index for one in block.citations]) == ("Blue.", ["0", "1"])


def test_counts_at_the_end_are_totals_and_one_left_out_stays():
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    usage = streamed(STARTED, ended).whole().usage

    assert (usage.input_tokens, usage.output_tokens) == (3, 9)


def test_events_without_a_beginning_are_garbled():
    with pytest.raises(MalformedStream):
        streamed(TEXT)


def test_input_of_a_tool_that_is_no_json_is_none():
    tool = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    begun = {"type": "content_block_start", "index": 0, "content_block": tool}

    (block,) = streamed(STARTED, begun, delta(type="input_json_delta", partial_json="{"), stopped()).whole().content
    assert block.input == {}


def thinking(**fields) -> dict:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    return {"type": "content_block_start", "index": 0, "content_block": {**block, **fields}}


@pytest.mark.parametrize(
    ("raw", "bound"),
    [
        ([], UsageBound(None, 8192)),
        ([STARTED], UsageBound(Usage(input=3, output=1), AFTER_END)),
        ([STARTED, TEXT, delta(type="text_delta", text="héllo")], UsageBound(Usage(input=3, output=1), 6 + AFTER_END)),
        ([STARTED, thinking()], UsageBound(Usage(input=3, output=1), 8192)),
        (
            [STARTED, thinking(), delta(type="signature_delta", signature="x" * 400)],
            UsageBound(Usage(input=3, output=1), 400 + AFTER_END),
        ),
        (
            [STARTED, TEXT, delta(type="text_delta", text="x" * 9000)],
            UsageBound(Usage(input=3, output=1), 8192),
        ),
        (
            [STARTED, {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9}}],
            UsageBound(Usage(input=3, output=9), 9),
        ),
    ],
    ids=["nothing came", "begun", "text", "hidden thinking", "signed thinking", "the longest", "told"],
)
def test_what_came_bounds_what_was_used(raw, bound):
    assert streamed(*raw).bound_usage(8192, "1h") == bound


def test_no_events_are_no_message():
    with pytest.raises(MalformedStream, match="no message came"):
        MessageAccumulator().whole()
