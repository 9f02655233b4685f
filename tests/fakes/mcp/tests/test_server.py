"""The fake server of MCP, asked with the SDK's own client."""

import pytest
from mcp import Client, MCPError

from tests.fakes.mcp.server import McpFake
from tests.fakes.mcp.tools import define


@pytest.mark.parametrize(("legacy", "version"), [(False, "2026-07-28"), (True, "2025-11-25")])
async def test_it_speaks_the_protocol_of_its_time_and_lists_what_it_has(legacy, version):
    async with McpFake(legacy=legacy).serve() as fake, Client(fake.url) as client:
        listed = await client.list_tools()
        answer = await client.call_tool("search", {"query": "x"})

        assert client.protocol_version == version
        assert [tool.name for tool in listed.tools] == [tool.name for tool in fake.listed]
        assert [tool.name for tool in listed.tools if not tool.annotations] == ["create", "change"]
        assert [part.text for part in answer.content] == ["found: x"]
    assert fake.calls == [("search", {"query": "x"})]


async def test_a_wrong_token_is_refused():
    async with McpFake(token="right").serve() as fake:
        with pytest.raises((MCPError, ExceptionGroup)):
            async with Client(fake.url):
                pass

    assert {headers.get("authorization") for _, headers in fake.requests} == {None}


async def test_what_replaces_a_tool_has_its_name():
    fake = McpFake()
    await fake.replace(define("create", description="Other."))

    assert [tool.description for tool in fake.listed if tool.name == "create"] == ["Other."]
