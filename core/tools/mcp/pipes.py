"""MCP pipes: a server that is a process of ours, and its messages: lines on its pipes, of bounded length."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TextIO

import anyio
import mcp_types as types
from anyio.abc import ByteReceiveStream, ByteSendStream, ObjectReceiveStream, ObjectSendStream, Process
from mcp.client.stdio import get_default_environment
from mcp.os.posix.utilities import terminate_posix_process_tree
from mcp.shared.message import SessionMessage
from pydantic_core import from_json

from core.tools.mcp.http_client import LARGEST, find_id
from core.tools.mcp.json_meter import TOO_LARGE, is_too_large
from core.tools.mcp.settings import McpServer

FLUSH = 0.5  # seconds for what is still to be written
ENDING = 2.0  # seconds to end by itself, and again after each signal
POLL = 0.01  # seconds between two looks at whether it ended
UNREADABLE = "it is no message"
TOO_LONG = f"it wrote a line of more than {LARGEST:,} bytes"
Incoming = SessionMessage | Exception
GONE = (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError)
"""One of these is raised where the other end of a pipe or a stream is no more."""


class LineTooLong(Exception):
    """A line has more bytes than one answer may have."""


@asynccontextmanager
async def open_pipes(
    server: McpServer, errors: TextIO, fail: Callable[[str], None]
) -> AsyncIterator[tuple[ObjectReceiveStream[Incoming], ObjectSendStream[SessionMessage]]]:
    """Start the process; the two streams of its messages. `fail` is told why they ended. Raises OSError.

    In the place of the SDK's own transport, which reads a line of any length, and each part of it anew with the next.
    """
    environment = get_default_environment() | dict(server.env)
    process = await anyio.open_process(list(server.command), env=environment, stderr=errors, start_new_session=True)
    assert process.stdin is not None
    assert process.stdout is not None
    given, incoming = anyio.create_memory_object_stream[Incoming](0)
    outgoing, taken = anyio.create_memory_object_stream[SessionMessage](0)
    written = anyio.Event()

    async def write() -> None:
        with suppress(*GONE):
            await _write_messages(taken, process.stdin)
        given.close()
        written.set()

    async with anyio.create_task_group() as group:
        group.start_soon(_read_messages, process.stdout, given, fail)
        group.start_soon(write)
        try:
            yield incoming, outgoing
        finally:
            with anyio.CancelScope(shield=True):  # else a process would outlive whoever is cancelled
                incoming.close()
                outgoing.close()
                with anyio.move_on_after(FLUSH):
                    await written.wait()
                await _end_process(process)
            group.cancel_scope.cancel()


async def read_lines(output: ByteReceiveStream, limit: int = LARGEST) -> AsyncIterator[bytes]:
    """Each line once it is whole; every byte is looked at once. Raises LineTooLong."""
    begun = bytearray()
    async for chunk in output:
        first, *others = chunk.split(b"\n")
        begun += first
        if len(begun) > limit:
            raise LineTooLong
        for other in others:
            yield bytes(begun)
            begun = bytearray(other)


async def _read_messages(
    output: ByteReceiveStream, given: ObjectSendStream[Incoming], fail: Callable[[str], None]
) -> None:
    """Hand on each message. What comes when nobody takes them any more is read too: a full pipe would hold it up."""
    with suppress(*GONE):
        async with given:
            try:
                async for line in read_lines(output):
                    await given.send(
                        _refuse_answer(line, TOO_LARGE) if await is_too_large(line) else _parse_message(line)
                    )
            except LineTooLong:
                fail(TOO_LONG)
                return
    with suppress(*GONE):
        async for _ in output:
            pass


def _refuse_answer(line: bytes, why: str) -> Incoming:
    """What stands for an answer that can't be read, or takes too long: it costs the call that waits for it, at once."""
    if (found := find_id(line)) is None:
        return ValueError(why)
    error = types.ErrorData(code=types.PARSE_ERROR, message=f"Failed to parse JSON response: {why}")
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=int(found), error=error))


def _parse_message(line: bytes) -> Incoming:
    try:  # parsed first, for that takes a quarter of the time that pydantic takes for both in one
        parsed = from_json(line.decode(errors="replace"))
        message = types.jsonrpc_message_adapter.validate_python(parsed, by_name=False)
    except ValueError:
        return _refuse_answer(line, UNREADABLE)
    return SessionMessage(message)


async def _write_messages(messages: ObjectReceiveStream[SessionMessage], pipe: ByteSendStream | None) -> None:
    assert pipe is not None
    async with messages:
        async for one in messages:
            line = one.message.model_dump_json(by_alias=True, exclude_unset=True) + "\n"
            await pipe.send(line.encode(errors="replace"))


async def _end_process(process: Process) -> None:
    """As MCP says: its input ends, then it has time, then it is ended. What it started ends in any case."""
    await _close(process.stdin)
    await _wait_for_end(process)
    await terminate_posix_process_tree(process, ENDING)
    await _wait_for_end(process)
    await _close(process.stdout)
    transport = getattr(getattr(process, "_process", None), "_transport", None)
    if transport is not None:  # open as long as a process that left the group has the pipe, and nothing else closes it
        with suppress(PermissionError):
            transport.close()


async def _close(pipe: Any) -> None:
    with suppress(*GONE):
        await pipe.aclose()


async def _wait_for_end(process: Process) -> None:
    """Wait until it ended, if it does in time. `wait` would wait for whoever else has its pipes, too."""
    for _ in range(round(ENDING / POLL)):
        if process.returncode is not None:
            return
        await anyio.sleep(POLL)
