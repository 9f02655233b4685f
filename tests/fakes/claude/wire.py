"""How an answer of Claude's goes out over a socket, and how it breaks."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from tests.fakes.claude.events import Event
from tests.fakes.claude.script import Answer, Break
from tests.fakes.claude.tokens import Usage

NO_LINGER = struct.pack("ii", 1, 0)
READ = 0.005  # seconds a client gets to read what came before a reset, which destroys what it has not read
FIRST_BLOCK = 1  # the event before which `Answer.first` waits


def error_body(request_id: str, type: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: A002
    """An error as the API says it, in JSON or in a stream."""
    error = {"type": type, "message": message, "details": details}
    return {"type": "error", "error": error, "request_id": request_id}


def reset(http: web.BaseRequest) -> None:
    """End the connection with a TCP reset."""
    assert http.transport is not None
    http.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    http.transport.abort()


@dataclass(slots=True)
class Sending:
    """One answer on its way to a client. `telling` is awaited before each event; `sent` of them are out."""

    http: web.Request
    request_id: str
    headers: Mapping[str, str]
    answer: Answer
    events: list[Event]
    telling: Callable[[int], Awaitable[None]]
    sent: int = 0
    broken: bool = False

    @property
    def refused(self) -> bool:
        """An error was told in the place of message_start: nothing was generated, and nothing is billed."""
        breaks = self.answer.breaks
        return self.broken and not self.sent and breaks is not None and breaks.how == "error"

    def cost(self, asked: Usage) -> Usage:
        """`asked`, and the output that is out so far."""
        if not self.sent:
            return asked
        last = self.events[self.sent - 1]
        return replace(last.usage or asked, output_tokens=last.output, thinking_tokens=last.thought)

    async def stream(self) -> web.StreamResponse:
        """Send the events; raises ConnectionError or CancelledError when the client has gone."""
        response = web.StreamResponse(headers={**self.headers, "content-type": "text/event-stream; charset=utf-8"})
        await response.prepare(self.http)
        for index, event in enumerate(self.events):
            await self._wait(index)
            if await self._breaks(response, index):
                return response
            await self.telling(index)
            if not (index == 0 and self._break(index, "headless")):
                await response.write(event.line())
            self.sent = index + 1
        await self.telling(len(self.events))
        await response.write_eof()
        return response

    async def whole(self, message: Mapping[str, Any]) -> web.StreamResponse:
        """Send the answer in one piece; the gate and the break are before it, wherever they are."""
        await asyncio.sleep(self.answer.first + self.answer.delay)
        if self.answer.gate:
            await self._gate()
        breaks = self.answer.breaks
        if breaks and breaks.how == "silence":
            await asyncio.sleep(breaks.seconds)
        await self.telling(0)
        self.sent = len(self.events)
        if breaks and breaks.how != "silence":
            return await self._whole_broken(breaks.how, message)
        return web.json_response(message, headers=self.headers)

    async def _wait(self, index: int) -> None:
        await asyncio.sleep(self.answer.delay + (self.answer.first if index == FIRST_BLOCK else 0))
        if self.answer.gate and self.answer.gate.after == index:
            await self._gate()

    async def _gate(self) -> None:
        assert self.answer.gate is not None
        self.answer.gate.reached.set()
        await self.answer.gate.opened.wait()

    def _break(self, index: int, *hows: str) -> Break | None:
        breaks = self.answer.breaks
        return breaks if breaks and breaks.after == index and breaks.how in hows else None

    async def _breaks(self, response: web.StreamResponse, index: int) -> bool:
        """Do what is to go wrong before this event, and say whether that is the end of it."""
        if passing := self._break(index, "silence", "garbage"):
            if passing.how == "garbage":
                await response.write(passing.line.encode())
            else:
                await asyncio.sleep(passing.seconds)
            return False
        if final := self._break(index, "error", "reset", "close", "eof"):
            self.broken = True
            await self._end(response, final)
            return True
        return False

    async def _end(self, response: web.StreamResponse, breaks: Break) -> None:
        assert self.http.transport is not None
        match breaks.how:
            case "reset":
                await asyncio.sleep(READ)
                reset(self.http)
            case "close":
                self.http.transport.close()
            case "error":
                body = error_body(self.request_id, breaks.type, breaks.message)
                await response.write(f"event: error\ndata: {json.dumps(body)}\n\n".encode())
                await response.write_eof()
            case _:
                await response.write_eof()

    async def _whole_broken(self, how: str, message: Mapping[str, Any]) -> web.StreamResponse:
        self.broken = True
        body = json.dumps(message).encode()
        response = web.StreamResponse(headers={**self.headers, "content-type": "application/json"})
        response.content_length = len(body)
        await response.prepare(self.http)
        await response.write(body[: len(body) // 2])
        assert self.http.transport is not None
        if how == "reset":
            reset(self.http)
        else:
            self.http.transport.close()
        return response
