"""Servers that are processes: a line is bounded, and costs the loop no more than it is long: core.tools.mcp.pipes."""

import asyncio
import sys

import anyio
import mcp_types as types
import pytest
from anyio.abc import ByteReceiveStream
from mcp.shared.message import SessionMessage

from core.tools.mcp.http_client import LARGEST
from core.tools.mcp.pipes import UNREADABLE, LineTooLong, open_pipes, read_lines
from core.tools.mcp.results import BLOCKS, BYTES, read_result
from core.tools.mcp.settings import McpServer
from core.tools.mcp.transport import ErrorOutput, Link, WatchedStream
from tests.support.stalls import measure_stalls


class Chunks(ByteReceiveStream):
    """Bytes as a pipe hands them on."""

    def __init__(self, *chunks: bytes) -> None:
        self._left = list(chunks)

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        if not self._left:
            raise anyio.EndOfStream
        return self._left.pop(0)

    async def aclose(self) -> None:
        self._left.clear()


SECRET = "ghp_s3cr3tTokenValue0123456789abcdef"
SERVER = McpServer("tickets", secrets=(SECRET,))


@pytest.fixture
async def stalls():
    async with measure_stalls() as found:
        yield found


async def test_lines_are_whole_however_they_come():
    chunks = [b"on", b"e", b"\ntwo\n", b"\nfo", b"ur\r\n", b"unended"]

    assert [line async for line in read_lines(Chunks(*chunks))] == [b"one", b"two", b"", b"four\r"]


async def test_a_line_that_is_too_long_ends_it_behind_those_before():
    found: list[bytes] = []
    with pytest.raises(LineTooLong):
        async for line in read_lines(Chunks(b"12345\n123", b"456"), limit=5):
            found.append(line)

    assert found == [b"12345"]


async def test_an_endless_line_ends_the_session_with_a_clause_and_the_process_and_stalls_nothing(stalls):
    endless = "import os\nfor _ in range(640): os.write(1, b'x' * 65_536)\n"  # 40 MB
    server = McpServer("tickets", command=(sys.executable, "-c", endless))
    link = Link(SERVER)
    with ErrorOutput(SERVER) as errors:
        async with open_pipes(server, errors.file, link.fail) as (incoming, _):
            assert [one async for one in incoming] == []

    assert link.describe() == f"it wrote a line of more than {LARGEST:,} bytes"
    assert max(stalls) < 0.02


@pytest.mark.parametrize("place", [*range(160, 210), *range(1_960, 2_050)])
async def test_no_part_of_a_secret_is_told_of_last_words_wherever_they_are_cut(place):
    with ErrorOutput(SERVER) as errors:
        errors.file.write("x" * place + SECRET + "y" * 1_999)
        errors.file.flush()
    told = errors.describe()

    assert told.startswith("its last words: ")
    assert not any(SECRET[at : at + 4] in told for at in range(len(SECRET) - 3))


async def test_a_line_of_too_many_values_costs_its_call_alone_and_stalls_nothing(stalls):
    answers = """
rows = "[%s]" % ",".join(['{"id":7,"name":"a","open":true}'] * 200_000)
for line in (
    '{"jsonrpc":"2.0","id":4,"result":{"rows":%s}}',
    '{ "id" : "5" , "jsonrpc" : "2.0", "result" : {"rows":%s}}',
    '{"jsonrpc":"2.0","result":{"rows":%s},"id":6}',
    '{"result":{"rows":%s}, "id": 7, "jsonrpc": "2.0"} ',
    '{"jsonrpc":"2.0","error":{"code":1,"message":"a","data":%s},"id":8}',
    '{"rows":%s,"jsonrpc":"2.0","id":9}',
    '{"jsonrpc":"2.0","method":"sampling/createMessage","params":%s,"id":9}',
    '{"jsonrpc":"2.0","result":{"rows":%s,"id":9}}',
    '{"jsonrpc":"2.0","result":{"rows":%s,"name":"\\",\\"id\\":9}"}}',
):
    print(line % rows)
print('{"jsonrpc":"2.0","id":10,"result":{}}')
"""
    server = McpServer("tickets", command=(sys.executable, "-c", answers))
    with ErrorOutput(SERVER) as errors:
        async with open_pipes(server, errors.file, Link(SERVER).fail) as (incoming, _):
            found = [one async for one in incoming]

    refused, unknown, last = found[:5], found[5:9], found[9]
    assert [one.message.id for one in refused] == [4, 5, 6, 7, 8]
    assert {one.message.error.message for one in refused} == {"Failed to parse JSON response: the answer is too large"}
    assert [type(one) for one in unknown] == [ValueError] * 4
    assert last.message.id == 10
    assert max(stalls) < 0.05


async def test_a_line_that_is_no_answer_costs_the_call_with_its_number_at_once():
    answers = """
for number, line in enumerate((
    '"result":null}', '"result":[1]}', '"error":{"code":"x","message":7}}', '"error":7}', '"result":{"a":',
    '"result":{"a":' * 5_000 + "1" + "}" * 5_000, '"method":7}',
)):
    print('{"jsonrpc":"2.0","id":%d,%s' % (number, line))
print('nonsense')
print('{"jsonrpc":"2.0","id":10,"result":{}}')
"""
    server = McpServer("tickets", command=(sys.executable, "-c", answers))
    with ErrorOutput(SERVER) as errors:
        async with open_pipes(server, errors.file, Link(SERVER).fail) as (incoming, _):
            *refused, request, nonsense, last = [one async for one in incoming]

    told = types.ErrorData(code=types.PARSE_ERROR, message=f"Failed to parse JSON response: {UNREADABLE}")
    assert [(one.message.id, one.message.error) for one in refused] == [(number, told) for number in range(6)]
    assert (type(request), type(nonsense), last.message.id) == (ValueError, ValueError, 10)


async def test_a_large_table_is_written_beside_the_loop_and_no_further_than_is_told(stalls):
    rows = {"rows": [{"id": number, "name": "n" * 20} for number in range(200_000)]}
    result = types.CallToolResult(content=[], structured_content=rows)
    await asyncio.sleep(0.002)
    stalls.clear()

    told = await read_result(result, SERVER)

    await asyncio.sleep(0.002)
    assert told.words.startswith('{"rows": [{"id": 0, "name": "nnn')
    assert BYTES <= len(told.words) < BYTES + 200
    assert max(stalls) < 0.05


async def test_the_sdk_is_given_hardly_more_of_a_result_than_is_told():
    give, incoming = anyio.create_memory_object_stream[SessionMessage](1)
    parts = [{"type": "text", "text": "x"}] * 90_000
    response = types.JSONRPCResponse(
        jsonrpc="2.0", id=1, result={"content": parts, "structuredContent": {"rows": [1] * 900_000}}
    )
    await give.send(SessionMessage(response))

    message = await WatchedStream(incoming, Link(SERVER)).receive()

    result = types.CallToolResult.model_validate(message.message.result | {"content": []}, by_name=False)
    assert len(message.message.result["content"]) == BLOCKS + 1
    assert len(result.structured_content["rows"]) < BYTES
    assert (await read_result(result, SERVER)).words.endswith("bytes stand above.]")
    give.close()
    incoming.close()


async def test_messages_without_end_are_taken_at_a_bounded_rate():
    give, incoming = anyio.create_memory_object_stream[SessionMessage](5)
    for _ in range(5):
        await give.send(SessionMessage(types.JSONRPCNotification(jsonrpc="2.0", method="notifications/progress")))
    started = anyio.current_time()
    stream = WatchedStream(incoming, Link(SERVER), rate=4)

    assert [await anext(stream) for _ in range(5)]
    assert anyio.current_time() - started >= 0.99
    give.close()
    incoming.close()
