"""MCP transport: how a server's messages come and go, over HTTP or the pipes of a process, and that they ended."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from types import TracebackType
from typing import Any, Self

import anyio
import httpx2
import mcp_types as types
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from core.tools.mcp.http_client import CONNECT, LARGEST, REDIRECTS, UNREACHABLE, SteadyClient, is_ours
from core.tools.mcp.listing import ListedPages
from core.tools.mcp.pipes import Incoming, open_pipes
from core.tools.mcp.results import BLOCKS, VALUES, keep_first
from core.tools.mcp.settings import McpServer

PAGES = 20  # of one listing
RATE = 500  # messages in a second that are taken of a server, which may tell of something without end
TAIL = 2_000  # bytes of what a process wrote last to its standard error
LINE = 200  # characters of its last line
CHUNK = 65_536
load_certificates = cache(httpx2.create_ssl_context)  # once in a process: it holds the loop for 50 ms
STREAM = "SSE stream ended"  # how the SDK begins its own errors about an answer that broke off


class Link:
    """What is known of the way to a server besides its messages."""

    def __init__(self, server: McpServer) -> None:
        self.server = server
        self.lost = asyncio.Event()
        """Nothing will come any more."""
        self.client: SteadyClient | None = None
        self.errors: ErrorOutput | None = None
        self.listing = ListedPages()
        self.endless = False
        """The list of tools had more pages than are read."""
        self.broke = ""
        """Why we ended it ourselves: a clause for the operator."""

    def fail(self, why: str) -> None:
        self.broke = why

    def describe(self) -> str:
        """Why the server does not answer, as far as that is known: a clause for the operator."""
        if self.broke:
            return self.broke
        if self.client is not None and self.client.status is not None:
            return f"it answers with status {self.client.status}"
        return self.errors.describe() if self.errors else ""

    def describe_list(self) -> list[str]:
        """What is wrong with the list of tools itself: a clause each."""
        hidden = sorted(map(self.server.hide_secrets, self.listing.malformed))
        wrong = [f"{name[:60]!r} is left out: it is no definition of a tool" for name in hidden]
        return wrong + [f"its list of tools has more than {PAGES} pages, of which no more are read"] * self.endless


@asynccontextmanager
async def open_transport(server: McpServer, link: Link, longest: float) -> AsyncIterator[tuple["WatchedStream", Any]]:
    """The two streams of messages; `longest` is how many seconds a request may take over HTTP.

    Raises OSError where a process can't be started.
    """
    if server.url:
        timeout = httpx2.Timeout(CONNECT, read=None)  # each call has a limit of its own, and a stream waits for events
        headers = {"accept-encoding": "identity", **server.headers}
        certificates = load_certificates()
        async with SteadyClient(
            headers=headers, timeout=timeout, max_redirects=REDIRECTS, verify=certificates
        ) as client:
            link.client, client.longest = client, longest
            async with streamable_http_client(server.url, http_client=client, max_sse_event_size=LARGEST) as streams:
                yield WatchedStream(streams[0], link), streams[1]
        return
    with ErrorOutput(server) as errors:
        link.errors = errors
        async with open_pipes(server, errors.file, link.fail) as streams:
            yield WatchedStream(streams[0], link), streams[1]


class WatchedStream:
    """A stream of incoming messages that tells when it ends, and cleans what the SDK would take wrongly.

    It takes `rate` messages in a second: whoever sends more has to wait, and all else has its time on the loop.
    """

    def __init__(self, stream: Any, link: Link, rate: int = RATE) -> None:
        self._stream = stream
        self._link = link
        self._rate = rate
        self._taken = 0
        self._since = 0.0

    @property
    def last_context(self) -> Any:
        """What the SDK reads of a stream that has it."""
        return getattr(self._stream, "last_context", None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Incoming:
        try:
            message: Incoming = await self._stream.__anext__()
        except StopAsyncIteration:
            self._link.lost.set()
            raise
        await self._keep_rate()
        return await self._clean(message)

    async def receive(self) -> Incoming:
        message: Incoming = await self._stream.receive()
        return await self._clean(message)

    async def _keep_rate(self) -> None:
        now = anyio.current_time()
        if now >= self._since + 1:
            self._since, self._taken = now, 0
        self._taken += 1
        if self._taken > self._rate:
            await anyio.sleep(self._since + 1 - now)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stream.__aexit__(kind, error, traceback)

    async def _clean(self, message: Incoming) -> Incoming:
        if isinstance(message, SessionMessage):
            if isinstance(message.message, types.JSONRPCResponse):
                await self._clean_result(message.message.result)
            elif isinstance(message.message, types.JSONRPCError):
                self._clean_error(message.message.error)
        return message

    async def _clean_result(self, result: dict[str, Any]) -> None:
        """The SDK looks at each tool of a page, each part of a result and each value of a table, in one go.

        Here it is shown hardly more of them than are used or told.
        """
        if isinstance(result.get("tools"), list):
            await self._link.listing.keep_page(result)
        if isinstance(content := result.get("content"), list):
            result["content"] = content[: BLOCKS + 1]
        if isinstance(table := result.get("structuredContent"), dict):
            result["structuredContent"] = keep_first(table, [VALUES])

    def _clean_error(self, error: types.ErrorData) -> None:
        """What a server answers with is no trouble on the way to it, whatever code it chose."""
        broke_off = self._link.client is not None and error.data is None and error.message.startswith(STREAM)
        ours = is_ours(error) or (error.code == types.CONNECTION_CLOSED and broke_off)
        if error.code in {UNREACHABLE, types.CONNECTION_CLOSED} and not ours:
            error.code = types.INTERNAL_ERROR


class ErrorOutput:
    """What a process writes to its standard error, of which the end is kept: in it stands why it ended."""

    def __init__(self, server: McpServer) -> None:
        self._server = server
        self._longest = max((len(one.encode()) for one in server.secrets), default=0)
        self._descriptor, writer = os.pipe()
        os.set_blocking(self._descriptor, False)
        self.file = os.fdopen(writer, "w", encoding="utf-8")
        self._tail = b""

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        self._read()
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self.file.close()

    def describe(self) -> str:
        """Its last line, without secrets and the rest of one that was cut."""
        told = self._server.hide_secrets(self._tail.decode(errors="replace"))
        whole = told if len(self._tail) < TAIL + self._longest else told[self._longest :]
        lines = [line.strip() for line in whole.splitlines() if line.strip()]
        return f"its last words: {lines[-1][:LINE]}" if lines else ""

    def _read(self) -> None:
        try:
            self._tail = (self._tail + os.read(self._descriptor, CHUNK))[-TAIL - self._longest :]
        except BlockingIOError:
            return
