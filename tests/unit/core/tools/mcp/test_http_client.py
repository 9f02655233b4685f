"""Bodies of answers over HTTP: which of them answer a request, as far as the SDK is let read them: core.tools.mcp.http_client."""

import asyncio
import math

import httpx2
import pytest

from core.tools.mcp.http_client import LATE, OTHER, PIECE, BoundedStream, StreamPace


class Body(httpx2.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self):
        for at in range(0, len(self.content), 7):
            yield self.content[at : at + 7]


async def read(content, *, streamed=False):
    pace = StreamPace() if streamed else None
    return b"".join([one async for one in BoundedStream(Body(content), math.inf, 7, pace)])


@pytest.mark.parametrize(
    "content",
    [
        b'{"jsonrpc":"2.0","id":7,"result":{"content":[{"id":8}]}}',
        b' {"id": "7", "jsonrpc": "2.0", "error": {}}',
        b'{"jsonrpc":"2.0","result":{"id":8},"id":7}',
        b'{"result":{"id":8},"more":1,"id":7,"jsonrpc":"2.0"}',
        b'{"no": "message", "id": 8}',
        b"<html>",
    ],
    ids=["id first", "as a text", "id last", "id amid", "no message", "no JSON"],
)
async def test_the_answer_to_a_request_is_read_and_so_is_what_is_no_message(content):
    assert await read(content) == content


@pytest.mark.parametrize(
    "content",
    [
        b'{"jsonrpc":"2.0","id":8,"result":{"id":7}}',
        b'{"jsonrpc":"2.0","result":{"id":7},"id":8}',
        b'{"result":{"id":7},"more":1,"id":"8","jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no"}}',
        b'{"jsonrpc":"2.0","id":7,"method":"ping"}',
    ],
    ids=["id first", "id last", "id amid", "none", "a request"],
)
async def test_what_answers_another_request_is_refused(content):
    with pytest.raises(httpx2.StreamError, match=OTHER):
        await read(content)


async def test_a_stream_of_events_may_tell_of_anything_before_the_answer():
    event = b'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n'

    assert await read(event, streamed=True) == event


class Flood(httpx2.AsyncByteStream):
    """Empty lines without end."""

    async def __aiter__(self):
        while True:
            yield b"\n" * 65_536


async def test_of_lines_without_end_so_many_are_taken_in_a_second_and_few_at_once_until_the_stream_is_ended():
    clock = [100.0]
    taken: dict[float, int] = {}

    async def sleep(seconds):
        await asyncio.sleep(0)
        clock[0] += seconds

    stream = BoundedStream(Flood(), math.inf, 7, StreamPace(lines=1_000, now=lambda: clock[0], sleep=sleep))

    with pytest.raises(httpx2.SSEError, match=LATE):
        async for piece in stream:
            assert len(piece) <= PIECE
            taken[clock[0]] = taken.get(clock[0], 0) + len(piece)
            if len(taken) == 4:
                stream.end()

    assert list(taken.items())[:3] == [(100.0, 1_000), (101.0, 1_000), (102.0, 1_000)]


async def test_every_byte_of_events_is_handed_on():
    event = b"data: a\r\n\r\ndata:\rdata: b" * 3_000

    assert await read(event, streamed=True) == event
