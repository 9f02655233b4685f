"""MCP inspection: what a server offers just now, asked on a session of its own, for an operator who looks."""

from dataclasses import replace

from core.tools.mcp.definitions import Offer, build_offer
from core.tools.mcp.session import McpSession, SessionLimits
from core.tools.mcp.settings import McpServer


async def inspect_server(server: McpServer, limits: SessionLimits | None = None) -> Offer:
    """Connect, list the tools, and leave. Raises ServerTrouble."""
    session = McpSession(server, limits or SessionLimits(), lambda: None)
    try:
        offer = build_offer(server, await session.list_tools())
        return replace(offer, problems=(*offer.problems, *session.link.describe_list()))
    finally:
        await session.close()
