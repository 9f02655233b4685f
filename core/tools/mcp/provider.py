"""MCP provider: the tools of all servers that an operator lists, each with a session for each workspace."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from core.domain.messages import ThreadKey
from core.store.protocols import Notes
from core.tools.mcp.connection import McpConnection, ServerLog
from core.tools.mcp.definitions import name_tool
from core.tools.mcp.places import CallPlaces, share_places
from core.tools.mcp.session import SessionLimits
from core.tools.mcp.settings import McpServer
from core.tools.mcp.trust import TrustedTools
from core.tools.tool import Tool, Unavailable


class McpTools:
    """A provider of tools: one group for each server, under its name. It has tools between `open` and `close`.

    Nothing is connected before it is needed.
    """

    free = False

    def __init__(
        self,
        servers: Sequence[McpServer],
        limits: SessionLimits | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        """`now` counts the seconds between tries, in the place of the loop."""
        self._now = now
        self._servers = servers
        self._trusted: TrustedTools | None = None
        self._limits = limits or SessionLimits()
        self._logs = {server.name: ServerLog(server) for server in servers}
        questions = share_places(len(servers))
        self._places = {server.name: CallPlaces(questions) for server in servers}
        self._connections: dict[tuple[str, str], McpConnection] = {}

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """Each server's tools: those that it has as far as it was asked, else those that the file allows."""
        known = {
            server.name: {name_tool(server, one) for one in (server.tools or frozenset()) - server.denied}
            for server in self._servers
        }
        for (name, _), connection in self._connections.items():
            known[name] |= set(connection.names)
        return {name: sorted(tools) for name, tools in known.items()}

    async def list_tools(self, key: ThreadKey) -> Sequence[Tool | Unavailable]:
        """Those of all servers that the conversation may use; of one that does not answer, those last known."""
        if self._trusted is None:
            return []
        connections = [self._connect(server, key, self._trusted) for server in self._servers if server.serves(key)]
        lists = await asyncio.gather(*(connection.list_tools() for connection in connections))
        return [one for tools in lists for one in tools]

    async def wait_for_lists(self, key: ThreadKey, groups: Collection[str]) -> None:
        """Wait until these servers have told their tools for the first time, or could not."""
        if trusted := self._trusted:
            wanted = [server for server in self._servers if server.serves(key) and server.name in groups]
            await asyncio.gather(*(self._connect(one, key, trusted).wait_for_list() for one in wanted))

    def open(self, notes: Notes) -> None:
        """Begin: what is known of servers is kept in these notes."""
        self._trusted = TrustedTools(notes)

    async def close(self) -> None:
        """End all sessions, and the processes of servers."""
        self._trusted = None
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))
        self._connections.clear()

    def _connect(self, server: McpServer, key: ThreadKey, trusted: TrustedTools) -> McpConnection:
        place = (server.name, "" if server.shared else key.workspace)
        if place not in self._connections:
            log, places = self._logs[server.name], self._places[server.name]
            self._connections[place] = McpConnection(server, trusted, self._limits, log, places, now=self._now)
        return self._connections[place]
