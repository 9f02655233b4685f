"""A gateway between Confab and Claude, whose streams are as its test writes them, slips included."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.claude.bill import micro_usd
from tests.fakes.claude.tokens import Usage

BEGUN = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-5-5", "content": []}
WHOLE = Usage(input_tokens=30, output_tokens=7)
USAGE = {"input_tokens": 30, "output_tokens": 1}
STARTED = {"type": "message_start", "message": {**BEGUN, "stop_reason": None, "stop_sequence": None, "usage": USAGE}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOPPED = {"type": "content_block_stop", "index": 0}
ENDED = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 7},
}
OVER = {"type": "message_stop"}
JSON = {"content-type": "application/json"}

Record = dict[str, Any]


def words(text: str, index: Any = 0) -> Record:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}


def whole_message(**fields: Any) -> bytes:
    """The message of a gateway that does not stream."""
    text = [{"type": "text", "text": "Hello, "}, {"type": "text", "text": "Ada!"}]
    usage = {"input_tokens": 30, "output_tokens": 7}
    message = {**BEGUN, "content": text, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage, **fields}
    return json.dumps(message).encode()


@dataclass(frozen=True, slots=True)
class Bill:
    """What one answer costs."""

    micro_usd: int


class Gateway:
    """Answers each request with `events`, or with an error while `refuses` finds one in its body."""

    key = "sk-ant-gateway"

    def __init__(self, events: Sequence[Record], *, named: bool = True) -> None:
        self.events = events
        self._named = named
        self.bodies: list[Record] = []
        self.billed: list[Bill] = []
        self.url = ""

    def refuses(self, body: Record) -> str | None:
        """Why a request is not taken."""
        return None

    async def settled(self) -> None:
        """Nothing is being answered: what it answers is answered whole at once."""

    def bill(self) -> None:
        """Bill one whole answer."""
        self.billed.append(Bill(micro_usd(BEGUN["model"], WHOLE)))

    async def answer(self, http: web.Request) -> web.StreamResponse:
        if http.path != "/v1/messages":
            raise web.HTTPNotFound
        body = await http.json()
        self.bodies.append(body)
        if message := self.refuses(body):
            error = {"type": "invalid_request_error", "message": message}
            return web.json_response({"type": "error", "error": error}, status=400)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(http)
        for event in self.events:
            name = f"event: {event['type']}\n" if self._named else ""
            await response.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        self.bill()
        if not self._named:
            await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response


class Raw(Gateway):
    """A gateway that answers with these bytes, each `piece` of so many by itself, again and again while `endless`."""

    def __init__(self, stream: bytes, *, endless: bool = False, piece: int = 0, **response: Any) -> None:
        super().__init__([])
        self._stream, self._endless, self._piece = stream, endless, piece or len(stream) or 1
        self.reached, self.left = asyncio.Event(), asyncio.Event()
        """All of it was sent once; whoever asked is gone before it was sent to its end."""
        self._response = {"status": 200, "headers": {}, **response}

    async def answer(self, http: web.Request) -> web.StreamResponse:
        headers = {"content-type": "text/event-stream", **self._response["headers"]}
        response = web.StreamResponse(status=self._response["status"], headers=headers)
        await response.prepare(http)
        try:
            for at in range(0, len(self._stream), self._piece):
                await response.write(self._stream[at : at + self._piece])
                await asyncio.sleep(0)
            self.reached.set()
            while self._endless:
                await asyncio.sleep(0.005)
                await response.write(self._stream)
        except ConnectionError:
            self.left.set()
            raise
        return response


@asynccontextmanager
async def serve(gateway: Gateway) -> AsyncIterator[Gateway]:
    """Serve it on loopback while this lasts."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gateway.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield gateway
    finally:
        await runner.cleanup()


def without(event: Mapping[str, Any], *names: str) -> Record:
    """The event without these fields; `a.b` is one of what `a` holds."""
    found = json.loads(json.dumps(event))
    for name in names:
        *path, last = name.split(".")
        place = found
        for part in path:
            place = place[part]
        place.pop(last)
    return dict(found)


def varied(event: Mapping[str, Any], **fields: Any) -> Record:
    """The event with other values."""
    return {**event, **fields}
