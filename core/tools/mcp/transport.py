"""MCP transport: how a server's messages come and go, over HTTP or the pipes of a process, and that they ended."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx2
import mcp_types as types
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from core.tools.mcp.http_client import CONNECT, LARGEST, UNREACHABLE, SteadyClient, is_ours
from core.tools.mcp.pipes import Incoming, open_pipes
from core.tools.mcp.results import BLOCKS, VALUES, keep_first
from core.tools.mcp.settings import McpServer

TAIL = 2_000  # bytes of what a process wrote last to its standard error
LINE = 200  # characters of its last line
CHUNK = 65_536
STREAM = "SSE stream ended"  # how the SDK begins its own errors about an answer that broke off


class Link:
    """What is known of the way to a server besides its messages."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        """Nothing will come any more."""
        self.client: SteadyClient | None = None
        self.errors: ErrorOutput | None = None
        self.malformed: set[str] = set()
        """Names of tools that were listed in a form that is none."""
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

    def describe_malformed(self) -> list[str]:
        """What is wrong with tools that were listed in a form that is none: a clause each."""
        return [f"{name[:60]!r} is left out: it is no definition of a tool" for name in sorted(self.malformed)]


@asynccontextmanager
async def open_transport(server: McpServer, link: Link) -> AsyncIterator[tuple["WatchedStream", Any]]:
    """The two streams of messages. Raises OSError where a process can't be started."""
    if server.url:
        timeout = httpx2.Timeout(CONNECT, read=None)  # each call has a limit of its own, and a stream waits for events
        headers = {"accept-encoding": "identity", **server.headers}
        async with SteadyClient(headers=headers, timeout=timeout) as client:
            link.client = client
            async with streamable_http_client(server.url, http_client=client, max_sse_event_size=LARGEST) as streams:
                yield WatchedStream(streams[0], link), streams[1]
        return
    with ErrorOutput() as errors:
        link.errors = errors
        async with open_pipes(server, errors.file, link.fail) as streams:
            yield WatchedStream(streams[0], link), streams[1]


class WatchedStream:
    """A stream of incoming messages that tells when it ends, and cleans what the SDK would take wrongly."""

    def __init__(self, stream: Any, link: Link) -> None:
        self._stream = stream
        self._link = link

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
        return self._clean(message)

    async def receive(self) -> Incoming:
        message: Incoming = await self._stream.receive()
        return self._clean(message)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stream.__aexit__(kind, error, traceback)

    def _clean(self, message: Incoming) -> Incoming:
        if isinstance(message, SessionMessage):
            if isinstance(message.message, types.JSONRPCResponse):
                self._clean_result(message.message.result)
            elif isinstance(message.message, types.JSONRPCError):
                self._clean_error(message.message.error)
        return message

    def _clean_result(self, result: dict[str, Any]) -> None:
        """The SDK refuses a listing in which one tool is malformed: here that tool alone is left out.

        And it looks at each part of a result and each value of a table: here at hardly more of them than are told.
        """
        if isinstance(tools := result.get("tools"), list):
            result["tools"] = [one for one in tools if self._is_tool(one)]
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

    def _is_tool(self, listed: object) -> bool:
        if not (isinstance(listed, dict) and isinstance(listed.get("name"), str)):
            return False
        schema = listed.get("inputSchema")
        try:
            types.Tool.model_validate(listed, by_name=False)
        except (ValidationError, RecursionError):
            schema = None
        if not isinstance(schema, dict) or schema.get("type") != "object":
            self._link.malformed.add(listed["name"])
            return False
        return True


class ErrorOutput:
    """What a process writes to its standard error, of which the end is kept: in it stands why it ended."""

    def __init__(self) -> None:
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
        """Its last line."""
        lines = [line.strip() for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        return f"its last words: {lines[-1][:LINE]}" if lines else ""

    def _read(self) -> None:
        try:
            self._tail = (self._tail + os.read(self._descriptor, CHUNK))[-TAIL:]
        except BlockingIOError:
            return
