"""The tools of an MCP server, as a process of Confab has them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.store.protocols import Store
from core.tools.mcp.provider import McpTools
from core.tools.mcp.session import SessionLimits
from core.tools.mcp.settings import McpServer
from core.tools.registry import ToolRegistry


@asynccontextmanager
async def offering(store: Store, server: McpServer, **limits: float) -> AsyncIterator[ToolRegistry]:
    """All that the server has may be used, as long as this lasts."""
    provider = McpTools([server], SessionLimits(**limits))
    provider.open(store.notes)
    try:
        yield ToolRegistry([provider], [server.name], [server.name])
    finally:
        await provider.close()
