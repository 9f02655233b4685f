"""What comes of an answer, however a stream is cut and written: what the SDK does elsewhere is done here by ourselves.

Tests core.claude.streams.decoder, core.claude.streams.event_stream and core.claude.streams.lenient_client.
"""

import asyncio
import gzip
import json
import time
from contextlib import aclosing, suppress

import pytest
from aiohttp import web

from core.claude.client import Claude, Completion, TextSoFar
from core.claude.errors import ClaudeError
from core.claude.streams.accumulator import MessageAccumulator
from core.claude.streams.decoder import EventDecoder
from core.domain.content import Text
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.usage import Usage
from core.prompting.request import build_request
from core.prompting.turns import Turn
from tests.support.gateway import ENDED, OVER, STARTED, STOPPED, TEXT, Gateway, Raw, serve, whole_message, words

SAID = "Grüße, 👋 Ada!"
ASKED = build_request(Persona(), [Turn("user", (Text("Ada: hello"),))], Model("claude-haiku-5-5"), "1h")
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def write(*events: dict, name: bool = True) -> str:
    named = (f"event: {one['type']}\n" if name else "" for one in events)
    return "".join(
        f"{name}data: {json.dumps(one, ensure_ascii=False)}\n\n" for name, one in zip(named, events, strict=True)
    )


PIECES = [words(SAID[at : at + 3]) for at in range(0, len(SAID), 3)]
PLAIN = write(STARTED, TEXT, *PIECES, STOPPED, ENDED, OVER)
FULL = (
    f": hello\n\n:\nid: 7\nretry: 10\nunknown: x\n\n{write({'type': 'ping'})}"
    + write(STARTED, TEXT).replace("data: ", "data:").replace("event: ", "event:")
    + "event: content_block_delta\ndata:\n\nevent: content_block_delta\n\ndata: [DONE]\n\n\n\n\n"
    + write(*PIECES, name=False).replace('"index": 0,', '"index": 0,\ndata:')
    + write({"type": "unheard_of", "odd": [None]}, STOPPED, ENDED, OVER)
    + "event: content_block_delta\ndata: {"
)
"""A stream with all that the format of events allows, and its end cut off."""
WRITTEN = {
    f"{named}, {ends}": stream.replace("\n", end).encode()
    for named, stream in {"plain": PLAIN, "all of it": FULL}.items()
    for ends, end in {"line feeds": "\n", "carriage returns": "\r", "both": "\r\n"}.items()
}


async def ask(gateway: Gateway, accumulator: MessageAccumulator | None = None, **settings: float) -> list[object]:
    """What is told of an answer; last its trouble, if it has one."""
    async with serve(gateway):
        client, told = Claude(gateway.key, gateway.url, **settings), []
        try:
            async for event in client.stream(ASKED, accumulator):
                told.append(event)
        except ClaudeError as error:
            told.append(error)
        finally:
            await client.close()
    return told


def read(*pieces: bytes) -> list[dict]:
    decoder = EventDecoder(lambda words, _: RuntimeError(words))
    return [event for piece in pieces for event in decoder.feed(piece)] + list(decoder.end())


@pytest.mark.parametrize("piece", [7, 0], ids=["in sevens", "at once"])
@pytest.mark.parametrize("stream", WRITTEN.values(), ids=WRITTEN)
async def test_a_stream_loses_no_letter_however_it_is_written_and_cut(stream, piece):
    *grown, completion = await ask(Raw(stream, piece=piece))

    assert isinstance(completion, Completion)
    assert completion.text == grown[-1].text == SAID
    assert (completion.stop, completion.usage) == ("end_turn", Usage(input=30, output=7))


@pytest.mark.parametrize("stream", [*WRITTEN.values(), whole_message(), PLAIN.encode() + b"\n \n\n{\n\n" + b'"a": 1}'])
def test_where_a_stream_is_cut_in_two_changes_no_event(stream):
    whole = read(stream)

    assert whole
    assert all(read(stream[:at], stream[at:]) == whole for at in range(len(stream)))
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == whole


async def test_what_comes_at_once_is_told_at_once():
    told = await ask(Raw(PLAIN.encode()))

    assert [type(one) for one in told] == [TextSoFar, Completion]


@pytest.mark.parametrize("trouble", [write(ERROR), 'event: content_block_delta\ndata: {"type": \n\n', ""])
async def test_words_that_come_at_once_with_the_trouble_behind_them_are_told_before_it(trouble):
    accumulator = MessageAccumulator()

    grown, raised = await ask(Raw((write(STARTED, TEXT, words("Hello")) + trouble).encode()), accumulator)

    assert isinstance(raised, ClaudeError)
    assert (grown, accumulator.text, raised.billed) == (TextSoFar("Hello"), "Hello", True)


async def test_an_encoded_stream_is_decoded():
    encoded = Raw(gzip.compress(PLAIN.encode()), headers={"content-encoding": "gzip"}, piece=16)

    assert (await ask(encoded))[-1].text == SAID


@pytest.mark.parametrize("stream", [b"d", b"data: x\n", b"\r\n", b"event: x\n\n", b"data: [DONE]\n\n"])
async def test_a_stream_that_tells_nothing_and_never_ends_is_left(stream):
    gateway = Raw(stream, endless=True)

    (trouble,) = await ask(gateway, pinging=0.05)

    assert (trouble.kind, trouble.transient, trouble.silent) == ("broken off", True, True)


async def test_who_stops_listening_closes_the_connection():
    gateway = Raw((write(STARTED, TEXT, words("Hello")) + ": more\n\n" * 9).encode(), endless=True)
    async with serve(gateway):
        client = Claude(gateway.key, gateway.url)
        async with aclosing(client.stream(ASKED)) as answer:
            assert await anext(answer) == TextSoFar("Hello")
        await asyncio.wait_for(gateway.left.wait(), 5)
        await client.close()


async def test_who_is_cancelled_while_nothing_comes_closes_the_connection():
    gateway = Raw(b": hello\n\n", endless=True)
    async with serve(gateway):
        client = Claude(gateway.key, gateway.url)
        listening = asyncio.ensure_future(anext(client.stream(ASKED)))
        await gateway.reached.wait()
        listening.cancel()
        await asyncio.wait({listening})
        await asyncio.wait_for(gateway.left.wait(), 5)
        await client.close()

    assert listening.cancelled()


HOSTILE = {
    "an event in small pieces": lambda size: [b"data: ", *[b"x" * 64] * (size // 64), b"\n\n"],
    "lines that end no event": lambda size: [b"data: x\ndata: y\n" * 4] * (size // 64),
    "line ends": lambda size: [b"\r\n" * 32 + b"\r", b"\n" * 32] * (size // 128),
    "blank lines": lambda size: [b"\n" * 64] * (size // 64),
    "a message with blank lines": lambda size: [b"{", *[b"\n\n" * 32] * (size // 64)],
    "brackets": lambda size: [b"data: " + b"[" * size + b"\n\n"],
    "digits": lambda size: [b"data: " + b"9" * size + b"\n\n"],
    "bytes that are no letters": lambda size: [b'data: {"a": "' + b"\xff" * size + b'"}\n\n'],
}


def measure(pieces: list[bytes]) -> float:
    """Seconds of the processor that reading takes, to its end or until it is refused."""
    began = time.process_time()
    with suppress(ValueError, RecursionError):
        read(*pieces)
    return time.process_time() - began


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_stream_takes_time_that_grows_with_its_length_alone(make):
    once, longer = (min(measure(make(size)) for _ in range(3)) for size in (64_000, 1_024_000))

    assert longer < 64 * max(once, 0.001)  # sixteen times, and 256 times where each piece is joined to all before


class Echo(Gateway):
    """Answers with `PLAIN`, and keeps what was sent; at first it says that it moved."""

    def __init__(self, moves: int = 0) -> None:
        super().__init__([])
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self._moves = moves

    async def answer(self, http: web.Request) -> web.StreamResponse:
        self.asked.append((dict(http.headers), await http.read()))
        if len(self.asked) <= self._moves:
            return web.Response(status=307, headers={"location": "/elsewhere/v1/messages"})
        return web.Response(body=PLAIN.encode(), content_type="text/event-stream")


@pytest.mark.parametrize("headers", [{}, {"anthropic-version": "2023-06-01", "anthropic-beta": "a-1"}])
async def test_a_request_is_the_one_that_the_sdk_would_send(headers):
    body = {**ASKED.body, "extra_body": {"temperature": 0.5, "é": "\N{SNOWMAN}"}}
    async with serve(gateway := Echo()):
        client = Claude(gateway.key, gateway.url)
        sdk = await client.open()
        async with await sdk.messages.create(**body, extra_headers=headers, stream=True):
            pass
        for _ in range(2):
            async with aclosing(await sdk.open_stream(await sdk.send(sdk.make_request(body, headers)))) as stream:
                _ = [event async for events in stream.read() for event in events]
        await client.close()

    (theirs, sent), *ours = gateway.asked
    assert len(ours) == 2
    assert all((told, json.loads(content)) == (theirs, json.loads(sent)) for told, content in ours)


async def test_a_request_follows_where_it_is_sent():
    gateway = Echo(moves=1)

    assert (await ask(gateway))[-1].text == SAID
    assert gateway.asked[0][1] == gateway.asked[1][1]
