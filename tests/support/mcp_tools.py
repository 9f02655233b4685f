"""The tools of an MCP server, as a process of Confab has them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from core.domain.content import Text
from core.domain.messages import Question, ThreadKey
from core.domain.tools import ToolResult
from core.store.protocols import Store
from core.tools.mcp.provider import McpTools
from core.tools.mcp.session import SessionLimits
from core.tools.mcp.settings import McpServer
from core.tools.registry import ToolRegistry
from core.tools.tool import Tool, ToolScope
from tests.support.waiting import PATIENCE

KEY = ThreadKey("slack:T1", "C1", "1.0")
SCOPE = ToolScope(Question(KEY, "1.0", "U1", datetime(2026, 1, 1, tzinfo=UTC)), None, None, None, None)  # type: ignore[arg-type]  # a server sees nothing of them
PIPES = McpServer("tickets", command=(sys.executable, "-m", "tests.fakes.mcp.stdio"))


@asynccontextmanager
async def offering(store: Store, server: McpServer, **limits: float) -> AsyncIterator[ToolRegistry]:
    """All that the server has may be used, as long as this lasts."""
    provider = McpTools([server], SessionLimits(**limits))
    provider.open(store.notes)
    try:
        yield ToolRegistry([provider], [server.name], [server.name])
    finally:
        await provider.close()


@asynccontextmanager
async def tools_of(store, *servers, **limits):
    provider = McpTools(servers, SessionLimits(**{"first": 30.0, **limits}))
    provider.open(store.notes)
    try:
        yield provider
    finally:
        await provider.close()


def over_http(fake, **fields):
    return McpServer("tickets", url=fake.url, **fields)


async def names(provider, key=KEY):
    """Of the tools that there are; None stands for those of a server that can't be had."""
    return [one.name if isinstance(one, Tool) else None for one in await provider.list_tools(key)]


async def find(provider, name, key=KEY):
    """The tool of that name, once its server has begun: a program takes a while on a busy machine."""
    async with asyncio.timeout(PATIENCE):
        while f"tickets__{name}" not in await names(provider, key):
            await asyncio.sleep(0.05)
    return next(one for one in await provider.list_tools(key) if getattr(one, "name", "") == f"tickets__{name}")


async def call(provider, name, key=KEY, **arguments):
    tool = await find(provider, name, key)
    return await tool.run(SCOPE, arguments)


def text(words):
    return ToolResult((Text(words),))


def ask(number, key=KEY):
    """The scope of another question."""
    return replace(SCOPE, question=replace(SCOPE.question, key=key, name=f"{number}.0"))
