"""What a hostile server sends without end, to calls over HTTP: core.tools.mcp.http_client.

Tests core.tools.mcp.http_client, core.tools.mcp.connection.
"""

import asyncio

import pytest

from core.store import open_store
from core.tools.mcp.connection import FURTHER, KINDS, WARNING, ServerLog
from core.tools.mcp.settings import McpServer
from tests.fakes.mcp.server import McpFake
from tests.support.mcp_tools import SCOPE, find, names, over_http, tools_of
from tests.support.waiting import PATIENCE, until


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()


@pytest.mark.parametrize(
    ("legacy", "events"),
    [
        (True, b"\n" * 65_000),
        (True, b": a\n\n" * 10_000),
        (True, b"data:\nid: 1\n\n" * 5_000),
        (False, b":\n" * 10_000),
    ],
    ids=["lines", "comments", "events", "comments, of today"],
)
async def test_events_without_end_end_with_their_call_and_are_not_asked_for_again(store, legacy, events):
    async with (
        McpFake(legacy=legacy).serve() as fake,
        tools_of(store, over_http(fake), call=1.0, connect=1_000.0) as provider,
    ):
        hang = await find(provider, "hang")
        fake.odd = {"hang": events}

        told = await hang.run(SCOPE, {})

        assert told.words == "The server tickets gave no answer in time."
        await until(lambda: fake.dropped == ["hang"])
        assert [asked for asked, _ in fake.requests].count("GET") <= 1


async def test_a_server_that_makes_up_faults_of_its_list_fills_neither_log_nor_memory(store, caplog):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake), refresh=0) as provider:
        for listing in range(3):
            fake.raw = [{"name": f"{listing} {number} {'x' * 5_000}", "inputSchema": 7} for number in range(900)]
            listings = sum(asked == "tools/list" for asked, _ in fake.requests)
            async with asyncio.timeout(PATIENCE):
                while sum(asked == "tools/list" for asked, _ in fake.requests) < listings + 2:
                    await names(provider)
                    await asyncio.sleep(0.01)

    told = [one.getMessage() for one in caplog.records]
    assert len(told) == KINDS + 1
    assert told[-1] == f"MCP server tickets: {FURTHER}"
    assert max(map(len, told)) < 200


async def test_an_endless_error_is_told_in_a_line_of_bounded_length_without_a_part_of_a_secret(caplog):
    log = ServerLog(McpServer("tickets", secrets=("tok-secret-77",)))

    for place in range(WARNING - 40, WARNING + 5):
        log.warn(f"error {place}", "x" * place + "tok-secret-77" + "y" * 5_000_000)

    told = [one.getMessage() for one in caplog.records]
    assert len(told) == 45
    assert max(map(len, told)) < WARNING + 100
    assert not any("tok" in one for one in told)
