"""What a hostile server sends without end, to calls over HTTP: core.tools.mcp.http_client.

Tests core.tools.mcp.http_client.
"""

import pytest

from core.store import open_store
from tests.fakes.mcp.server import McpFake
from tests.support.mcp_tools import SCOPE, find, over_http, tools_of
from tests.support.waiting import until


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
