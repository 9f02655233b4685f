"""MCP connection: a server as one workspace uses it: sessions one after the other, and the tools that it has."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.domain.backoff import grow_pause
from core.domain.errors import StoreUnavailable
from core.domain.messages import Question, clean_text
from core.domain.tools import ToolResult, fail_call
from core.domain.wording import list_some
from core.tools.mcp.definitions import ACTS, ListedTool, Offer, OfferedTool, build_offer
from core.tools.mcp.places import CallPlaces, ServerBusy
from core.tools.mcp.results import read_result
from core.tools.mcp.session import (
    McpSession,
    ServerLost,
    ServerRefused,
    ServerSlow,
    ServerTrouble,
    ServerUnclear,
    SessionForgotten,
    SessionLimits,
)
from core.tools.mcp.settings import McpServer
from core.tools.mcp.trust import TrustedTools
from core.tools.tool import Tool, ToolScope, Unavailable

FIRST, LONGEST = 1.0, 60.0  # seconds between two tries to connect
CALM = 10.0  # seconds between two lists, where a server tells of changes without end
READING = 15.0  # seconds for the pictures of a result
QUIET = 600.0  # seconds in which the same is told to the operator once
KINDS = 20  # of warnings about one server that are told in that time, of what is wrong with its list
FURTHER = "more is wrong with it than is told here; see `confab check`"
WARNING = 2_000  # characters of a warning
ASKED = "is being asked for its tools: they are there as soon as it has told them"
SILENT = "does not tell its tools: it is asked again, and `confab check` tells whoever runs Confab why"
REFUSAL = 2_000  # characters of an error that a server tells

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ServerLog:
    """Warnings about one server, for the operator: one of a kind once in a while, however often it is true."""

    server: McpServer
    last: dict[str, float] = field(default_factory=dict)

    def warn(self, kind: str, more: str = "") -> None:
        now = asyncio.get_running_loop().time()
        self.last = {one: at for one, at in self.last.items() if now - at < QUIET}
        if kind not in self.last:
            self.last[kind] = now
            told = self.server.hide_secrets(f"{kind}{more and f': {more}'}")
            log.warning("MCP server %s: %s", self.server.name, told[:WARNING])

    def warn_of_list(self, problems: Iterable[str]) -> None:
        """Of what is wrong with a list, of which a server can make up any amount, so many are told at that time."""
        for problem in problems:
            if len(self.last) >= KINDS and problem not in self.last:
                self.warn(FURTHER)
                return
            self.warn(problem)


class McpConnection:
    """Keeps the newest list of a server's tools, and a session while there is any use for one."""

    def __init__(
        self,
        server: McpServer,
        trusted: TrustedTools,
        limits: SessionLimits,
        told: ServerLog,
        places: CallPlaces,
        *,
        now: Callable[[], float] | None = None,
    ) -> None:
        """`now` counts seconds, as the loop does."""
        self._server = server
        self._now = now or asyncio.get_running_loop().time
        self._places = places
        self._trusted = trusted
        self._limits = limits
        self._log = told
        self._sessions: list[McpSession] = []
        """The last is the one in use; those before it are about to end."""
        self._mode: Literal["auto", "legacy"] = "auto"
        """How a session begins: as of today, else as of before; or as of before alone."""
        self._failures = 0
        self._next_try = 0.0
        self._offer: Offer | None = None
        self._usable: Sequence[OfferedTool] = ()
        self._stale = True
        self._began = 0.0
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def names(self) -> list[str]:
        """Its tools, as far as they are known."""
        return [tool.definition.name for tool in self._offer.tools] if self._offer else []

    async def list_tools(self) -> Sequence[Tool | Unavailable]:
        """The tools that may be used. Only the first list is waited for, and not for long; it raises nothing."""
        self._refresh_when_due()
        left = self._began + self._limits.first - self._now()
        if self._offer is None and self._refreshing and left > 0:
            await asyncio.wait({self._refreshing}, timeout=left)
        if (offer := self._offer) and len(self._usable) < len(offer.tools):  # an operator may have said yes meanwhile
            usable = await self._select_usable(offer)
            self._usable = usable if offer is self._offer else self._usable
        if self._offer is None:
            return [Unavailable(self._server.name, SILENT if self._failures else ASKED)]
        return [self._make_tool(one) for one in self._usable]

    async def wait_for_list(self) -> None:
        """Wait until the first list is there, if it is being asked for, or can't be had."""
        if self._offer is None and self._refreshing:
            await asyncio.wait({self._refreshing})

    async def close(self) -> None:
        """End all that runs."""
        if self._refreshing:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        await asyncio.gather(*(session.close() for session in self._sessions))

    def _refresh_when_due(self) -> None:
        """Ask for the list in the background, where it is old, unless a server is given time after a failure."""
        now = self._now()
        due = self._stale or now - self._began >= self._limits.refresh
        if due and now >= self._next_try and not self._refreshing:
            self._stale, self._began = False, now
            self._refreshing = asyncio.create_task(self._refresh())
            self._refreshing.add_done_callback(self._end_refresh)

    def _end_refresh(self, refreshing: asyncio.Task[None]) -> None:
        self._refreshing = None
        if not refreshing.cancelled() and (error := refreshing.exception()):
            self._stale = True
            self._delay_next_try()
            log.error("MCP server %s: its tools could not be listed", self._server.name, exc_info=error)

    def _note_change(self) -> None:
        self._stale = True
        if self._now() - self._began >= CALM:
            self._refresh_when_due()

    async def _refresh(self) -> None:
        try:
            session = await self._get_session()
            listed = await self._list(session)
        except ServerTrouble as trouble:
            self._stale = True
            self._log.warn("its tools can't be listed", str(trouble))
            return
        offer = await asyncio.to_thread(build_offer, self._server, listed)
        usable = await self._select_usable(offer)
        self._offer, self._usable = offer, usable
        self._failures, self._next_try = 0, 0.0
        self._log.warn_of_list((*offer.problems, *session.link.describe_list()))

    async def _list(self, session: McpSession) -> list[ListedTool]:
        try:
            return await session.list_tools()
        except ServerTrouble:
            self._delay_next_try()
            raise

    async def _select_usable(self, offer: Offer) -> Sequence[OfferedTool]:
        """What may be used of an offer; while the store can't be read, nothing that acts."""
        try:
            usable = await self._trusted.select(self._server.name, offer)
        except StoreUnavailable:
            return [tool for tool in offer.tools if not tool.definition.acts]
        withheld = sorted({tool.name for tool in offer.tools} - {tool.name for tool in usable})
        if withheld:
            names = list_some([repr(self._server.hide_secrets(name)[:60]) for name in withheld])
            yes = f"`confab mcp trust {self._server.name}` shows and allows them"
            self._log.warn("tools that act are new or changed since it was first seen, and left out", f"{names}; {yes}")
        return usable

    def _delay_next_try(self) -> None:
        self._failures += 1
        self._next_try = self._now() + grow_pause(self._failures, FIRST, LONGEST)

    async def _get_session(self) -> McpSession:
        """The session, opened where there is none. Raises ServerLost, at once while the next try is not due."""
        if not self._sessions or self._sessions[-1].ended:
            if self._now() < self._next_try:
                raise ServerLost("it was tried just now", sent=False)
            self._sessions = [one for one in self._sessions if not one.gone]
            self._sessions.append(McpSession(self._server, self._limits, self._note_change, mode=self._mode))
        session = self._sessions[-1]
        try:
            await session.open()
        except ServerLost:
            if session is self._sessions[-1] and not session.counted:
                session.counted = True
                if session.unheard:  # a server of before 2026 may not answer what it does not know
                    self._mode = "auto" if self._mode == "legacy" else "legacy"
                self._delay_next_try()
            raise
        return session

    def _make_tool(self, offered: OfferedTool) -> Tool:
        name, server = offered.definition.name, self._server.name
        words = f"using {name.removeprefix(f'{server}__')} of {server}"

        async def run(scope: ToolScope, arguments: Mapping[str, Any]) -> ToolResult:
            return await self.call(scope.question, offered, arguments)

        return Tool(offered.definition, server, lambda arguments: words, run, self._limits.call + READING)

    async def call(self, question: Question, tool: OfferedTool, arguments: Mapping[str, Any]) -> ToolResult:
        """Call a tool. Whatever goes wrong is told to Claude; what the server is to blame for, to the operator too."""
        if self._has_changed(tool):
            return fail_call(f"The server {self._server.name} changed this tool meanwhile, so it was not called.")
        ends = self._now() + self._limits.call
        try:
            async with self._places.take(question, self._limits.call / 2):
                result = await self._try_call(tool, arguments, ends)
            async with asyncio.timeout(READING):
                return await read_result(result, self._server)
        except ServerTrouble as trouble:
            if isinstance(trouble, ServerBusy):
                self._log.warn("it is slow, so calls were not made", str(trouble))
            elif not isinstance(trouble, ServerRefused | ServerUnclear):
                self._log.warn("a call failed", str(trouble))
            return fail_call(_describe_trouble(self._server, trouble, acts=tool.definition.acts))
        except TimeoutError:
            return fail_call("The tool was carried out, but its result takes too long to read.")

    def _has_changed(self, tool: OfferedTool) -> bool:
        """Whether a tool that acts, then or as the newest list says, is not what it was when it was given."""
        newest = self._offer.marks.get(tool.name, "") if self._offer else tool.mark
        return newest != tool.mark and (tool.definition.acts or newest.startswith(ACTS))

    async def _try_call(self, tool: OfferedTool, arguments: Mapping[str, Any], ends: float) -> Any:
        """Call it within its time, again where the session was gone and nothing can happen twice."""
        try:
            session = await self._get_session()
            if tool.definition.acts:
                await session.ensure_known()
            return await session.call(tool.name, arguments, ends - self._now())
        except SessionForgotten:
            pass
        except ServerLost as lost:
            if lost.sent and tool.definition.acts:
                raise
        session = await self._get_session()
        return await session.call(tool.name, arguments, ends - self._now())


def _describe_trouble(server: McpServer, trouble: ServerTrouble, *, acts: bool) -> str:
    """A sentence for Claude."""
    unsure = " It is not known whether it was done: say so, and do not call it again unasked." if acts else ""
    if isinstance(trouble, ServerRefused | ServerUnclear):
        told = server.hide_secrets(clean_text(str(trouble)))[:REFUSAL]
        open_end = f".{unsure}" if unsure and isinstance(trouble, ServerUnclear) else ""
        return f"The server {server.name} answered with an error: {told}{open_end}"
    if isinstance(trouble, ServerBusy):
        earlier = f"The server {server.name} has not answered earlier calls{trouble.whose} yet"
        return f"{earlier}, so nothing was done. It may have time later."
    if isinstance(trouble, ServerSlow):
        return f"The server {server.name} gave {trouble}.{unsure}"
    if isinstance(trouble, ServerLost) and trouble.sent:
        return f"The connection to the server {server.name} broke before it answered.{unsure}"
    return f"The server {server.name} can't be reached just now, so nothing was done."
