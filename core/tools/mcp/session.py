"""MCP session: one connection with a server, which lives in a task of its own from its opening to its end."""

import asyncio
import json
import logging
import math
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
import mcp_types as types
from mcp import Client, MCPError
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from pydantic import TypeAdapter, ValidationError

from core.domain.errors import ConfabError
from core.domain.messages import clean_text
from core.tools.mcp.definitions import LISTED, ListedTool, Offer, build_offer
from core.tools.mcp.http_client import FORGOTTEN, LATE, UNREACHABLE
from core.tools.mcp.settings import McpServer
from core.tools.mcp.transport import PAGES, Link, open_transport

CLOSING = 8.0  # seconds; the SDK gives a process two to end by itself, then two after each signal
SILENT = 3  # calls in a row that were not answered in time: then the server is asked whether it is there
RESULT: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)
CLIENT = types.Implementation(name="confab", version="1")

for _name in ("mcp", "client"):  # what the SDK logs holds words of servers; what goes wrong is told by ourselves
    logging.getLogger(_name).setLevel(logging.CRITICAL)

UNCLEAR = (
    "Server returned an error response",
    "Session terminated",
    "Not Found",
    "Unexpected content type",
    "Failed to parse",
    "SSE stream failed",
    "server answered a request with 202",
)
"""How the SDK's own errors begin about an answer that is none: it says nothing of what the server did."""

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long things may take, in seconds."""

    connect: float = 10.0
    start: float = 60.0
    """How long a program has to start, which `uvx` or `npx` may have to load first."""
    call: float = 60.0
    first: float = 3.0
    """What an answer waits for the first list of a server's tools."""
    refresh: float = 600.0
    """How old a list may be before it is asked for again."""
    idle: float = 900.0
    """How long a session stands that nobody uses."""


class ServerTrouble(ConfabError):
    """A server did not do what it was asked; a clause says why."""


class ServerLost(ServerTrouble):
    """A server can't be reached, or the connection broke: a clause for the operator says how.

    Where `sent` is False, nothing of the request reached it.
    """

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class SessionForgotten(ServerTrouble):
    """A server was asked whether it knows a session, and does not: nothing was done."""


class ServerSlow(ServerTrouble):
    """A server did not answer in time; whether it did what was asked is not known."""


class ServerRefused(ServerTrouble):
    """A server answered with an error in place of a result; the message is its own."""


class ServerUnclear(ServerTrouble):
    """A server answered, but not so that anybody knows whether it did what was asked; the message says how."""


class McpSession:
    """A session. `open` begins it; it ends by `close`, when nobody uses it for a while, or when the server is gone.

    The SDK's scopes bind a connection to the task that made it, so that is a task of its own, and so is each request:
    whoever waits for one may be cancelled without harm to the session.
    """

    def __init__(
        self, server: McpServer, limits: SessionLimits, changed: Callable[[], None], *, mode: str = "auto"
    ) -> None:
        self._server = server
        self._limits = limits
        self._changed = changed
        self._mode = mode
        self.link = Link(server)
        self.counted = False
        """Whoever keeps it has taken its failure into account."""
        self.unheard = False
        """The server said nothing while it was opened."""
        self._retired = False
        """It ends with the last request that is under way."""
        self._closing = asyncio.Event()
        self._life = anyio.CancelScope()
        self._opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._opened.add_done_callback(lambda opened: opened.cancelled() or opened.exception())
        self._requests: set[asyncio.Task[Any]] = set()
        self._used = 0.0
        self._silent = 0
        self._asking: asyncio.Task[None] | None = None
        """Asks whether the server is there."""
        self._task: asyncio.Task[None] = asyncio.create_task(self._run(), name=f"MCP server {server.name}")

    @property
    def ended(self) -> bool:
        """Nothing can be asked on it any more."""
        return self._retired or self._is_over

    @property
    def _is_over(self) -> bool:
        return self._closing.is_set() or self.link.lost.is_set() or self._task.done()

    @property
    def _opening(self) -> float:
        """Seconds that it has to open."""
        return self._limits.start if self._server.command else self._limits.connect

    @property
    def gone(self) -> bool:
        """Nothing of it runs any more."""
        return self._task.done()

    async def open(self) -> None:
        """Wait until it stands. Raises ServerLost."""
        await asyncio.shield(self._opened)

    async def list_tools(self) -> list[ListedTool]:
        """Raises ServerLost, ServerSlow, ServerRefused, ServerUnclear."""
        return await self._request(self._list_pages, self._limits.connect)

    async def call(self, tool: str, arguments: Mapping[str, Any], seconds: float) -> types.CallToolResult:
        """Call a tool by the server's name for it. Raises ServerLost, ServerSlow, ServerRefused, ServerUnclear."""
        sendable = json.loads(clean_text(json.dumps(arguments, ensure_ascii=False)))  # half a character ends a session
        params = types.CallToolRequestParams(name=tool, arguments=sendable)

        async def ask(client: Client) -> types.CallToolResult | types.InputRequiredResult:
            return await client.session.send_request(types.CallToolRequest(params=params), RESULT)

        result = await self._request(ask, seconds)
        if isinstance(result, types.InputRequiredResult):
            raise ServerRefused("the tool asks for more input, which can't be given here")
        return result

    async def ensure_known(self) -> None:
        """Ask a server that has sessions whether it knows this one, before it is asked to act. Raises SessionForgotten.

        One that says so only when it is asked to act may have acted.
        """
        if self.link.client is None or not self.link.client.has_session:
            return
        with suppress(ServerRefused, ServerUnclear, ServerSlow):
            try:
                await self._request(_ping, self._limits.connect)
            except ServerLost:
                if self.ended:
                    raise SessionForgotten(FORGOTTEN) from None

    async def close(self) -> None:
        """End it, with the process of the server. It takes a few seconds at most."""
        self._closing.set()
        if not self._opened.done():
            self._life.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        """The life of the connection. A scope around all of it holds the limits of its opening and of its end."""
        clock = anyio.current_time
        transport = open_transport(self._server, self.link, 2 * max(self._limits.call, self._limits.connect))
        try:
            with self._life as life:
                life.deadline = clock() + self._opening
                async with Client(
                    transport, message_handler=self._hear, client_info=CLIENT, mode=self._mode, cache=None
                ) as client:
                    life.deadline, self._used = math.inf, clock()
                    self._opened.set_result(client)
                    await self._serve(client)
                    life.deadline = clock() + CLOSING
        except Exception as error:
            if self._opened.done():
                log.warning("MCP server %s: the connection ended: %s", self._server.name, self._explain(error))
            self._fail(self._explain(error))
        finally:
            if self._asking:
                self._asking.cancel()
            self.unheard = not self._opened.done()
            self._fail(f"no answer within {self._opening:g} s")
            self.link.lost.set()

    def _fail(self, why: str) -> None:
        if not self._opened.done():
            self._opened.set_exception(ServerLost(self.link.describe() or why, sent=False))

    async def _serve(self, client: Client) -> None:
        """Hear of changes until it is closed or lost, or nobody uses it any more."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen, client)
            ends = [asyncio.create_task(one.wait()) for one in (self._closing, self.link.lost)]
            try:
                while not self._is_over and (left := self._used + self._limits.idle - anyio.current_time()) > 0:
                    await asyncio.wait(ends, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                    if self._requests:
                        self._used = anyio.current_time()
            finally:
                self._closing.set()
                for one in ends:
                    one.cancel()
                group.cancel_scope.cancel()

    async def _listen(self, client: Client) -> None:
        """Since 2026 a server tells of changes only to who asks for them; before, it does by itself."""
        told = client.server_capabilities.tools
        if not (told and told.list_changed):
            return
        with suppress(ListenNotSupportedError, SubscriptionLost, MCPError, TimeoutError):
            async with client.listen(tools_list_changed=True) as events:
                async for _ in events:
                    pass  # `_hear` is told of it too

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._changed()

    async def _list_pages(self, client: Client) -> list[ListedTool]:
        """The tools of all pages, as far as any is looked at. A list may have pages without end."""
        found: list[ListedTool] = []
        cursor: str | None = None
        self.link.endless = False
        self.link.listing.malformed.clear()
        for _ in range(PAGES):
            page = await client.list_tools(cursor=cursor)
            found += self.link.listing.take_page(page)
            cursor = page.next_cursor
            if cursor is None or len(found) > LISTED:
                return found
        self.link.endless = True
        return found

    async def _request(self, ask: Callable[[Client], Coroutine[Any, Any, T]], seconds: float) -> T:
        """Ask in a task that nobody waits for longer than `seconds`: one that is given up may need more to end."""
        await self.open()
        if self.ended:
            raise ServerLost("the connection ended", sent=False)
        self._used = anyio.current_time()
        task = asyncio.create_task(self._ask(ask, self._opened.result()))
        self._requests.add(task)
        task.add_done_callback(self._end_request)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        finally:
            task.cancel()
        if not done:
            self._silent += 1
            if self._silent >= SILENT and self._asking is None:
                self._asking = asyncio.create_task(self._end_if_dead())
            raise ServerSlow(LATE)
        self._silent = 0
        return task.result()

    def _end_request(self, task: asyncio.Task[Any]) -> None:
        """Forget a request; what one that nobody waits for any more has raised is nobody's."""
        self._requests.discard(task)
        if not task.cancelled():
            task.exception()
        if self._retired and not self._requests:
            self._closing.set()

    async def _end_if_dead(self) -> None:
        """Ask a server that answered no call of late for any answer. If it is dead, what runs beside ends too."""
        try:
            with suppress(ServerRefused, ServerUnclear):
                await self._request(_ping, self._limits.connect)
            self._silent = 0
        except ServerTrouble:
            if self._silent >= SILENT:  # else another call was answered meanwhile
                self._closing.set()
        finally:
            self._asking = None

    async def _ask(self, ask: Callable[[Client], Coroutine[Any, Any, T]], client: Client) -> T:
        """Raises ServerLost, ServerRefused, ServerUnclear in the place of the SDK's errors."""
        try:
            return await ask(client)
        except MCPError as error:
            if error.code == UNREACHABLE:  # both codes are ours and the SDK's alone: a server's were changed on the way
                self._retired = self._retired or error.message == FORGOTTEN
                raise ServerLost(error.message, sent=error.data["sent"]) from None
            if error.code == types.CONNECTION_CLOSED:
                raise ServerLost(self.link.broke or "the connection broke", sent=True) from None
            raise (ServerUnclear if error.message.startswith(UNCLEAR) else ServerRefused)(error.message) from None
        except (ValidationError, RecursionError):
            raise ServerUnclear("the answer has not the form that MCP gives it") from None

    def _explain(self, error: BaseException) -> str:
        """A clause about why a connection could not be made, without a word of an exception that we don't know."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, FileNotFoundError):
            return "there is no such command"
        if isinstance(error, OSError):
            return error.strerror or type(error).__name__
        if isinstance(error, MCPError):
            lost = error.code in {UNREACHABLE, types.CONNECTION_CLOSED}
            place = _show_address(self._server.url)
            return f"it can't be reached{place} ({error.message})" if lost else "it does not speak MCP at this address"
        return type(error).__name__


async def _ping(client: Client) -> types.EmptyResult:
    return await client.session.send_request(types.PingRequest(), types.EmptyResult)


def _show_address(url: str) -> str:
    """Its host and port. A path or a query may hold a secret."""
    address = urlsplit(url)
    return f" at {address.scheme}://{address.netloc}" if url else ""


async def inspect_server(server: McpServer, limits: SessionLimits | None = None) -> Offer:
    """What a server offers just now, asked on a session of its own, for an operator who looks. Raises ServerTrouble."""
    session = McpSession(server, limits or SessionLimits(), lambda: None)
    try:
        offer = build_offer(server, await session.list_tools())
        return replace(offer, problems=(*offer.problems, *session.link.describe_list()))
    finally:
        await session.close()
