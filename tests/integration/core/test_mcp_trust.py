"""What is known of a server's tools decides which of them are called unasked: core.tools.mcp.trust.

Tests core.tools.mcp.trust, core.tools.mcp.connection.
"""

import asyncio

import pytest

from core.store import open_store
from tests.fakes.mcp.server import McpFake
from tests.fakes.mcp.tools import define
from tests.support.mcp_tools import SCOPE, find, names, over_http, text, tools_of
from tests.support.waiting import PATIENCE


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()


async def wait_for_names(provider, expected):
    async with asyncio.timeout(PATIENCE):
        while await names(provider) != expected:
            await asyncio.sleep(0.05)


async def test_a_tool_that_says_meanwhile_that_it_acts_is_not_called_any_more(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake), refresh=0) as provider:
        fake.listed = [define("sync", reads=True)]
        sync = await find(provider, "sync")
        assert await sync.run(SCOPE, {"query": "a"}) == text("found: a")
        fake.listed = [define("sync")]
        await wait_for_names(provider, [])

        told = await sync.run(SCOPE, {"query": "b"})

    assert (told.failed, told.words) == (True, "The server tickets changed this tool meanwhile, so it was not called.")
    assert fake.calls == [("sync", {"query": "a"})]


async def test_a_server_that_lists_nothing_at_first_is_seen_once_it_lists_something(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake), refresh=0) as provider:
        fake.listed = []
        assert await names(provider) == []
        fake.listed = [define("create")]
        await wait_for_names(provider, ["tickets__create"])
        fake.listed = [define("create"), define("drop")]
        listings = fake.listings

        async with asyncio.timeout(PATIENCE):
            while fake.listings < listings + 2:
                await names(provider)
                await asyncio.sleep(0.05)
        assert await names(provider) == ["tickets__create"]
