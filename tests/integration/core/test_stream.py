"""A message out of its stream's events: the same as the SDK's own helper makes of them."""

from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise

import anthropic
import pytest

from core.claude.citations import WEB, Citation
from core.claude.client import Claude
from core.claude.streams.accumulator import (
    AFTER_END,
    MalformedStream,
    MessageAccumulator,
    UsageBound,
    list_documents,
    read_citation,
    read_usage,
)
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


def streamed(*raw: dict) -> MessageAccumulator:
    found = MessageAccumulator()
    for event in raw:
        found.take(event)
    return found


async def test_a_message_is_what_the_helper_of_the_sdk_makes_of_its_events():
    answer = Answer(thinking="Let me see.", text="It is blue. " * 20, blocks=(SEARCH,), stop_reason="pause_turn")
    ours, grown = MessageAccumulator(), []
    async with ClaudeFake() as claude, anthropic.AsyncAnthropic(api_key=claude.key, base_url=claude.url) as client:
        claude.script(answer, answer)
        async with client.messages.stream(**ASKED) as stream:
            theirs = await stream.get_final_message()
        asked = Claude(claude.key, claude.url)
        sdk = await asked.open()
        async with aclosing(await sdk.open_stream(await sdk.send(sdk.make_request(ASKED, {})))) as raw:
            async for events in raw.read():
                grown += [ours.text for event in events if ours.take(event)]
        await asked.close()

    differs = {"id": theirs.id, "usage": theirs.usage.to_dict()}  # what was asked twice is read from the cache
    assert {**ours.whole(), **differs} == theirs.to_dict()
    assert ours.whole()["content"][0]["signature"]
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

    assert found.whole()["content"][0]["input"] == whole


def test_what_a_hosted_tool_does_is_told_once_its_input_is_whole():
    begun = {"type": "content_block_start", "index": 0, "content_block": {**SEARCH, "input": {}}}
    found = streamed(STARTED, begun, delta(type="input_json_delta", partial_json='{"query": "the '))
    before = found.take_activity()
    for event in (delta(type="input_json_delta", partial_json='sky"}'), stopped()):
        found.take(event)

    assert [before, found.take_activity(), found.take_activity()] == ["", "searching “the sky”", ""]
    assert found.whole()["content"][0]["input"] == {"query": "the sky"}


def test_citations_gather_in_their_block():
    cited = [delta(type="citations_delta", citation={**CITED, "encrypted_index": str(one)}) for one in range(2)]
    found = streamed(STARTED, TEXT, delta(type="text_delta", text="Blue."), *cited, stopped())

    (block,) = found.whole()["content"]
    assert (block["text"], [one["encrypted_index"] for one in block["citations"]]) == ("Blue.", ["0", "1"])


FETCHED = {"type": "document", "title": "Page", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
RESULT = {"type": "web_fetch_result", "url": "https://page.example/a", "content": FETCHED, "retrieved_at": None}
FETCH = {"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_1", "content": RESULT}
PLAN = {"type": "document", "title": "plan.pdf"}
PAGE = Citation(WEB, "Page", 0, 0, url="https://page.example/a")
CHARACTERS = {"type": "char_location", "document_title": "Page", "start_char_index": 0, "end_char_index": 1}
PAGES = {"type": "page_location", "start_page_number": 2, "end_page_number": 3}
CITES = {
    "a search result": (CITED, Citation(WEB, "A", 0, 0, url="https://a.example")),
    "a page, by its number": ({**CHARACTERS, "document_index": 1}, PAGE),
    "a page, by its title": ({**CHARACTERS, "document_index": 0}, PAGE),
    "a PDF of the web": ({**PAGES, "document_index": 1, "document_title": "Page"}, PAGE),
    "a PDF that was attached": (
        {**PAGES, "document_index": 0, "document_title": "plan.pdf"},
        Citation(0, "plan.pdf", 2, 2),
    ),
    "an attached text": ({**CHARACTERS, "document_index": 0, "document_title": "plan.pdf"}, None),
    "a page that nobody read": ({**CHARACTERS, "document_index": 7, "document_title": None}, None),
    "a search result without an address": ({**CITED, "url": None}, None),
}


@pytest.mark.parametrize(("cited", "read"), CITES.values(), ids=CITES)
def test_citations_count_the_pages_that_were_fetched_behind_the_documents(cited, read):
    documents = list_documents([PLAN, {"type": "text", "text": "x"}, FETCH])

    assert read_citation(cited, documents) == read


def test_counts_at_the_end_are_totals_and_one_left_out_stays():
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    assert streamed(STARTED, ended).whole()["usage"] == {"input_tokens": 3, "output_tokens": 9}


LOOPED = {"input_tokens": 105, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 5_000, "output_tokens": 20}
SPLIT = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 2_000}
MORE = {"type": "compaction", **LOOPED, "output_tokens": 300}
USED = {
    "more is written later, for as long as was asked": (
        LOOPED | {"server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 9}},
        Usage(input=105, output=20, cache_write_1h=5_000, web_searches=3),
    ),
    "steps that the sum leaves out": (
        LOOPED | {"iterations": [MORE, {"type": "message", **LOOPED}]},
        Usage(input=210, output=320, cache_write_1h=10_000),
    ),
    "steps that the sum has": (
        LOOPED | {"iterations": [{**LOOPED, "output_tokens": 10}]},
        Usage(input=105, output=20, cache_write_1h=5_000),
    ),
}


@pytest.mark.parametrize(("told", "used"), USED.values(), ids=USED)
def test_the_end_tells_the_sum_of_what_tools_and_steps_have_used(told, used):
    usage = {"input_tokens": 3, "output_tokens": 1, "cache_creation_input_tokens": 2_000, "cache_creation": SPLIT}
    begun = {"type": "message_start", "message": {**BEGUN, "usage": usage}}
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": told}

    assert read_usage(streamed(begun, ended).whole()["usage"], "1h") == used


def test_events_without_a_beginning_are_garbled():
    with pytest.raises(MalformedStream):
        streamed(TEXT)


@pytest.mark.parametrize(
    "given", ["{", '{"a": ' * 150 + "1" + "}" * 150, "[" * 5_000], ids=["begun", "150 levels", "5,000 levels"]
)
def test_input_of_a_tool_that_can_t_be_read_stays_as_it_came(given):
    tool = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    begun = {"type": "content_block_start", "index": 0, "content_block": tool}

    (block,) = streamed(STARTED, begun, delta(type="input_json_delta", partial_json=given), stopped()).whole()[
        "content"
    ]
    assert block["input"] == given


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


FOUND = {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "x" * 1_000}
SEARCHED = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [FOUND]}


def begun(block: dict, index: int = 0) -> dict:
    return {"type": "content_block_start", "index": index, "content_block": block}


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_each_result_of_a_search_bounds_what_claude_read_again(ttl):
    query = delta(type="input_json_delta", partial_json="x" * 50)
    search = [begun({**SEARCH, "input": {}}), query, stopped()]
    rest = [begun(SEARCHED, 1), stopped(1), begun(TEXT["content_block"], 2), delta(2, type="text_delta", text="y" * 7)]

    before, after = (streamed(STARTED, *raw).bound_usage(8192, ttl) for raw in (search, search + rest))

    assert before == UsageBound(Usage(input=3, output=1, web_searches=1), 50 + AFTER_END)
    assert after.output == 57 + AFTER_END
    written = getattr(after.prompt, f"cache_write_{ttl}")
    assert 1_050 < written < 1_300
    assert replace(after.prompt, **{f"cache_write_{ttl}": 0}) == Usage(input=6, output=1, web_searches=1)


def test_no_events_are_no_message():
    with pytest.raises(MalformedStream, match="no message came"):
        MessageAccumulator().whole()
