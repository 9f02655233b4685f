"""Gateways whose bookkeeping has slips: no word of an answer is lost, and nothing is booked too low.

Tests core.claude.streams.decoder.
"""

import json
import re
from codecs import BOM_UTF8

import pytest

from core.claude.client import Claude, Completion
from core.claude.errors import ClaudeError
from core.claude.streams.accumulator import AFTER_END
from core.domain.content import Text
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.usage import Usage
from core.prompting.request import build_request
from core.prompting.turns import Turn
from tests.support.gateway import (
    ENDED,
    JSON,
    OVER,
    STARTED,
    STOPPED,
    TEXT,
    Gateway,
    Raw,
    serve,
    varied,
    whole_message,
    without,
    words,
)

HELLO = [words("Hello, "), words("Ada!")]
UNKNOWN = {"type": "content_block_start", "index": 0, "content_block": {"type": "novelty", "stuff": 1}}
NOVELTY = {"type": "content_block_delta", "index": 0, "delta": {"type": "novel_delta", "text": "?"}}
NULLS = dict.fromkeys(("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"))


EVENTS = {"content-type": "text/event-stream"}


async def ask(*events, named: bool = True) -> Completion:
    return await ask_at(Gateway(events, named=named))


async def ask_at(gateway: Gateway, **client_settings: float) -> Completion:
    async with serve(gateway):
        client = Claude(gateway.key, gateway.url, **client_settings)
        try:
            asked = build_request(Persona(), [Turn("user", (Text("Ada: hello"),))], Model("claude-haiku-5-5"), "1h")
            found = [event async for event in client.stream(asked)]
        finally:
            await client.close()
    assert isinstance(found[-1], Completion)
    grown = [event.text for event in found[:-1]]
    assert not grown or grown[-1] == found[-1].text  # what was seen growing is what there is in the end
    return found[-1]


SLIPS = {
    "none": [STARTED, TEXT, *HELLO, STOPPED, ENDED, OVER],
    "no usage at the start": [without(STARTED, "message.usage"), TEXT, *HELLO, STOPPED, ENDED, OVER],
    "no usage at the end": [STARTED, TEXT, *HELLO, STOPPED, without(ENDED, "usage"), OVER],
    "null for usage": [STARTED, TEXT, *HELLO, STOPPED, varied(ENDED, usage=None), OVER],
    "nulls in usage": [STARTED, TEXT, *HELLO, STOPPED, varied(ENDED, usage={"output_tokens": 7, **NULLS}), OVER],
    "words for counts": [STARTED, TEXT, *HELLO, STOPPED, varied(ENDED, usage={"output_tokens": "seven"}), OVER],
    "absurd counts at the start": [
        varied(STARTED, message={**STARTED["message"], "usage": {"input_tokens": 10**30, "output_tokens": 1}}),
        *[TEXT, *HELLO, STOPPED, ENDED, OVER],
    ],
    "absurd counts at the end": [STARTED, TEXT, *HELLO, STOPPED, varied(ENDED, usage={"output_tokens": 10**30}), OVER],
    "no content_block_start": [STARTED, *HELLO, STOPPED, ENDED, OVER],
    "no content_block_stop": [STARTED, TEXT, *HELLO, ENDED, OVER],
    "neither": [STARTED, *HELLO, ENDED, OVER],
    "a gap in the indexes": [STARTED, varied(TEXT, index=4), *[words(one, 4) for one in ("Hello, ", "Ada!")], ENDED],
    "other indexes": [STARTED, TEXT, words("Hello, "), words("Ada!", 3), STOPPED, ENDED, OVER],
    "no index": [STARTED, without(TEXT, "index"), *[without(one, "index") for one in HELLO], ENDED, OVER],
    "an index used twice": [STARTED, TEXT, HELLO[0], STOPPED, TEXT, HELLO[1], STOPPED, ENDED, OVER],
    "no message_stop": [STARTED, TEXT, *HELLO, STOPPED, ENDED],
    "no message_delta": [STARTED, TEXT, *HELLO, STOPPED, OVER],
    "no stop_reason": [STARTED, TEXT, *HELLO, STOPPED, varied(ENDED, delta={}), OVER],
    "no delta at the end": [STARTED, TEXT, *HELLO, STOPPED, without(ENDED, "delta"), OVER],
    "a second message_start": [STARTED, TEXT, HELLO[0], STARTED, HELLO[1], STOPPED, ENDED, OVER],
    "an unknown block": [STARTED, UNKNOWN, NOVELTY, varied(TEXT, index=1), words("Hello, Ada!", 1), ENDED, OVER],
    "text in an unknown block": [STARTED, UNKNOWN, *HELLO, STOPPED, ENDED, OVER],
    "an unknown delta": [STARTED, TEXT, HELLO[0], NOVELTY, HELLO[1], STOPPED, ENDED, OVER],
    "an empty delta": [STARTED, TEXT, HELLO[0], varied(HELLO[0], delta=None), words(None), HELLO[1], ENDED, OVER],
    "an unknown event": [STARTED, {"type": "keep_alive"}, TEXT, *HELLO, STOPPED, ENDED, OVER],
    "text at the start": [
        STARTED,
        varied(TEXT, content_block={"type": "text", "text": "Hello, "}),
        HELLO[1],
        STOPPED,
        ENDED,
    ],
    "all of it at the start": [
        varied(STARTED, message={**STARTED["message"], "content": [{"type": "text", "text": "Hello, Ada!"}]}),
        ENDED,
        OVER,
    ],
    "a second stream": [STARTED, TEXT, *HELLO, STOPPED, ENDED, OVER] * 2,
    "a second stream, and no end of the first": [*[STARTED, TEXT, *HELLO, STOPPED, ENDED] * 2, OVER],
    "words behind the end": [STARTED, TEXT, *HELLO, STOPPED, ENDED, OVER, TEXT, *HELLO, words("!"), STOPPED],
    "usage behind the end": [STARTED, TEXT, *HELLO, STOPPED, without(ENDED, "usage"), OVER, ENDED],
    "no model": [without(STARTED, "message.model"), TEXT, *HELLO, STOPPED, ENDED, OVER],
}


@pytest.mark.parametrize("events", SLIPS.values(), ids=SLIPS)
async def test_a_slip_in_the_bookkeeping_of_a_stream_loses_no_text(events):
    completion = await ask(*events)

    assert (completion.text, completion.stop, completion.model) == ("Hello, Ada!", "end_turn", "claude-haiku-5-5")


async def test_a_stream_without_the_names_of_its_events_loses_no_text():
    assert (await ask(*SLIPS["none"], named=False)).text == "Hello, Ada!"


async def fail(gateway: Gateway, **client: float) -> ClaudeError:
    with pytest.raises(ClaudeError) as raised:
        await ask_at(gateway, **client)
    return raised.value


async def test_bytes_that_are_no_utf_8_lose_no_other_letter():
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in SLIPS["none"]).encode()

    completion = await ask_at(Raw(stream.replace(b"Ada", b"A\xffa")))

    assert completion.text == "Hello, A\N{REPLACEMENT CHARACTER}a!"


@pytest.mark.parametrize("stream", [b'event: ping\ndata: {"type": "ping"}\n\n', b": keep-alive\n\n"])
async def test_a_stream_of_nothing_but_pings_ends(stream):
    trouble = await fail(Raw(stream, endless=True), pinging=0.05)

    assert (trouble.kind, trouble.transient, trouble.silent) == ("broken off", True, True)


@pytest.mark.parametrize("headers", [{"location": "/v1/messages"}, {}], ids=["in circles", "nowhere"])
async def test_an_address_that_only_redirects_is_not_claude_and_costs_nothing(headers):
    trouble = await fail(Raw(b"", status=308, headers=headers))

    assert (trouble.kind, trouble.transient, trouble.billed) == ("not Claude", False, False)


@pytest.mark.parametrize(
    "name",
    [
        "no usage at the start",
        "no usage at the end",
        "null for usage",
        "words for counts",
        "absurd counts at the start",
        "absurd counts at the end",
        "no message_delta",
    ],
)
async def test_usage_that_is_not_told_is_not_taken_for_none(name):
    assert not (await ask(*SLIPS[name])).counted


async def test_absurd_counts_take_no_earlier_ones_away():
    ended = varied(ENDED, usage={"input_tokens": 10**30, "output_tokens": 7})

    assert (await ask(STARTED, TEXT, *HELLO, ended)).usage == Usage(input=30, output=7)


@pytest.mark.parametrize("count", [10**400, 0, -1, "12", None], ids=["huge", "none", "less", "words", "null"])
async def test_a_count_of_a_prompt_that_is_none_is_not_claude_s(count):
    gateway = Raw(json.dumps({"input_tokens": count}).encode(), headers=JSON)
    async with serve(gateway):
        client = Claude(gateway.key, gateway.url)
        with pytest.raises(ClaudeError) as raised:
            turns = [Turn("user", (Text("Ada: hello"),))]
            await client.count(build_request(Persona(), turns, Model("claude-haiku-5-5"), "1h"))
        await client.close()

    assert raised.value.kind == "not Claude"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{}", "MalformedStream: no list of models"),
        (b'{"data": {}}', "MalformedStream: no list of models"),
        (b'{"ok": true}', "MalformedStream: no list of models"),
        (b"[]", "an answer that can't be read: AttributeError"),
        (b"<html>Log in</html>", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
    ],
)
async def test_a_list_of_models_that_is_none_is_not_claude_s(body, detail):
    gateway = Raw(body, headers=JSON)
    async with serve(gateway):
        client = Claude(gateway.key, gateway.url)
        with pytest.raises(ClaudeError) as raised:
            await client.models()
        await client.close()

    assert (raised.value.kind, raised.value.detail) == ("not Claude", detail)


async def test_counts_that_shrink_at_the_end_are_not_believed():
    ended = varied(ENDED, usage={"input_tokens": 0, "output_tokens": 7})

    assert (await ask(STARTED, TEXT, *HELLO, ended)).usage == Usage(input=30, output=7)


async def test_what_is_written_to_the_cache_later_lives_as_long_as_was_asked_for():
    split = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 100}
    usage = {"input_tokens": 5, "output_tokens": 1, "cache_creation_input_tokens": 100, "cache_creation": split}
    begun = varied(STARTED, message={**STARTED["message"], "usage": usage})
    ended = varied(ENDED, usage={"input_tokens": 5, "cache_creation_input_tokens": 250, "output_tokens": 7})

    assert (await ask(begun, TEXT, *HELLO, ended)).usage == Usage(input=5, output=7, cache_write_1h=250)


async def test_where_it_was_computed_is_told():
    begun = varied(
        STARTED, message={**STARTED["message"], "usage": {**STARTED["message"]["usage"], "inference_geo": "us"}}
    )

    assert (await ask(begun, TEXT, *HELLO, ENDED)).geo == "us"


def test_claude_may_write_on_for_a_while_after_we_are_gone():
    assert 0 < AFTER_END < 1_000


@pytest.mark.parametrize(
    ("stream", "headers"),
    [
        (whole_message(), JSON),
        (b"\n\n " + json.dumps(json.loads(whole_message()), indent=1).replace("\n", "\r\n\r\n").encode(), JSON),
        (whole_message(stop_reason=None), JSON),
        (whole_message(), EVENTS),
        (whole_message(), {"content-type": "text/plain"}),
        (BOM_UTF8 + whole_message(), JSON),
        (b"data: " + whole_message() + b"\n\ndata: [DONE]\n\n", EVENTS),
        (whole_message(stop_reason={"odd": 1}, model=5), JSON),
    ],
    ids=["json", "empty lines", "no stop_reason", "events", "plain text", "a mark", "one event", "odd fields"],
)
async def test_a_message_that_comes_whole_in_place_of_a_stream_is_an_answer(stream, headers):
    completion = await ask_at(Raw(stream, headers=headers))

    assert (completion.text, completion.model) == ("Hello, Ada!", "claude-haiku-5-5")
    assert completion.stop in ("end_turn", "{'odd': 1}")
    assert (completion.usage, completion.counted) == (Usage(input=30, output=7), True)


@pytest.mark.parametrize("first", ["none", "no message_stop", "no usage at the end"])
@pytest.mark.parametrize(
    "again", [whole_message(), b"data: " + whole_message() + b"\n\n"], ids=["bare json", "one event"]
)
async def test_a_message_that_comes_whole_behind_its_stream_is_read_once(first, again):
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in SLIPS[first]).encode()

    completion = await ask_at(Raw(stream + again))

    assert (completion.text, completion.stop) == ("Hello, Ada!", "end_turn")
    assert (completion.usage, completion.counted) == (Usage(input=30, output=7), True)


async def test_a_whole_message_tells_why_it_was_refused_and_keeps_its_thoughts():
    thought = {"type": "thinking", "thinking": "Hm", "signature": "s"}
    details = {"type": "refusal", "category": "bio", "explanation": None}

    completion = await ask_at(
        Raw(whole_message(content=[thought], stop_reason="refusal", stop_details=details), headers=JSON)
    )

    assert (completion.text, completion.stop, completion.category) == ("", "refusal", "bio")
    assert completion.content == [thought]


async def test_usage_that_a_whole_message_leaves_out_is_not_taken_for_none():
    assert not (await ask_at(Raw(whole_message(usage=None), headers=JSON))).counted


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": [{"message": {"content": "Hello"}}]}',
        b"{}",
        b'{"content": [',
        b'["Hello"]',
        b"{Hello",
        b'{"content": ' + b"[" * 100_000,
        b'{"content": ' + b"9" * 5_000 + b"}",
    ],
    ids=["another API's", "nothing", "cut", "a list", "garbage", "too deep", "too long a number"],
)
async def test_other_json_in_place_of_a_stream_is_not_claude(body):
    assert (await fail(Raw(body, headers=JSON))).kind == "not Claude"


ERRORS = {
    "overload": ({"type": "overloaded_error", "message": "Overloaded"}, "overloaded", True),
    "a wrong key": ({"type": "authentication_error", "message": "invalid key"}, "key", False),
    "a prompt too long": ({"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}, "too long", False),
    "a code": ({"message": "litellm.RateLimitError", "type": "None", "code": "429"}, "limited", True),
    "a page in it": ({"message": "<html><title>Bad Gateway</title></html>", "code": 502}, "failing", True),
    "a code of the server's": ({"message": "no worker", "code": 503}, "failing", True),
}


@pytest.mark.parametrize(("error", "kind", "transient"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "without a type"])
async def test_an_error_that_comes_whole_with_status_200_is_told_as_that_error(error, kind, transient, typed):
    body = {"type": "error", "error": error} if typed else {"error": error}

    trouble = await fail(Raw(json.dumps(body).encode(), headers=JSON))

    assert (trouble.kind, trouble.transient, trouble.billed) == (kind, transient, False)
    assert re.sub("<.*?>", "", error["message"]) in trouble.detail


@pytest.mark.parametrize(("error", "kind", "transient"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("name", ["", "event: message\n", "event: error\n"], ids=["unnamed", "misnamed", "named"])
async def test_an_error_in_a_stream_is_told_whatever_its_event_is_called(error, kind, transient, name):
    begun = "".join(f"data: {json.dumps(one)}\n\n" for one in (STARTED, TEXT, *HELLO))

    trouble = await fail(Raw(f"{begun}{name}data: {json.dumps({'error': error})}\n\n".encode()))

    assert (trouble.kind, trouble.transient, trouble.billed) == (kind, transient, True)


PING = 'event: ping\ndata: {"type": "ping"}\n\n'


@pytest.mark.parametrize(("error", "kind", "transient"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize(
    "first", ["", PING, ": keep-alive\n\n", PING * 3], ids=["alone", "a ping", "a comment", "pings"]
)
@pytest.mark.parametrize("name", ["", "event: error\n"], ids=["unnamed", "named"])
async def test_an_error_in_a_stream_before_its_beginning_is_told_and_costs_nothing(first, name, error, kind, transient):
    trouble = await fail(Raw(f"{first}{name}data: {json.dumps({'error': error})}\n\n".encode()))

    assert (trouble.kind, trouble.transient, trouble.billed) == (kind, transient, False)


@pytest.mark.parametrize("told", ["", "no worker", '{"error": {"message": "no worker"}}', '{"error": {"code": 7}}'])
async def test_an_error_in_a_stream_that_tells_no_reason_may_be_billed(told):
    trouble = await fail(Raw(f"event: error\ndata: {told}\n\n".encode()))

    assert (trouble.kind, trouble.billed) == ("broken off", True)


@pytest.mark.parametrize("odd", ["no worker", ["odd"], {"type": 5, "message": ["odd"], "code": [429]}])
async def test_an_error_of_any_shape_is_one(odd):
    trouble = await fail(Raw(json.dumps({"error": odd}).encode(), headers=JSON))

    assert (trouble.kind, trouble.billed) == ("rejected", False)


@pytest.mark.parametrize("block", [None, "odd", 5, {"type": "text", "text": None}, {"text": "odd"}])
async def test_a_block_of_any_shape_takes_no_other_away(block):
    blocks = [block, {"type": "text", "text": "Hello, Ada!"}]

    assert (await ask_at(Raw(whole_message(content=blocks), headers=JSON))).text == "Hello, Ada!"


async def test_an_error_in_bare_json_after_the_beginning_is_told():
    begun = "".join(f"data: {json.dumps(one)}\n\n" for one in (STARTED, TEXT, *HELLO))

    trouble = await fail(Raw(begun.encode() + b'{"error": {"type": "overloaded_error", "message": "Overloaded"}}'))

    assert (trouble.kind, trouble.billed) == ("overloaded", True)


async def test_an_error_with_status_200_is_told_where_nothing_is_streamed():
    gateway = Raw(b'{"type": "error", "error": {"type": "authentication_error", "message": "no"}}', headers=JSON)
    async with serve(gateway):
        client = Claude(gateway.key, gateway.url)
        asked = build_request(Persona(), [Turn("user", (Text("Ada: hello"),))], Model("claude-haiku-5-5"), "1h")
        kinds = []
        for call in (client.count(asked), client.model("claude-haiku-5-5"), client.models()):
            with pytest.raises(ClaudeError) as raised:
                await call
            kinds.append(raised.value.kind)
        await client.close()

    assert kinds == ["key"] * 3
