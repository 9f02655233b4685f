"""Event decoder: the server-sent events of a stream of Claude's, also as gateways send them that are less strict."""

import json
import time
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx2
from anthropic._streaming import ServerSentEvent, SSEDecoder

from core.claude.streams.accumulator import ENDINGS


class LenientDecoder(SSEDecoder):
    """Decodes streams without the lines `event: ...`, with bytes that are no UTF-8, and whole messages in their place.

    It names an event that has no name after the type in its data; the SDK leaves such events out. After `pinging`
    seconds of nothing but pings and comments it raises ReadTimeout, for these keep a connection from being silent.
    """

    def __init__(self, pinging: float) -> None:
        super().__init__()
        self._pinging = pinging
        self._heard = time.monotonic()

    async def aiter_bytes(self, iterator: AsyncIterator[bytes]) -> AsyncIterator[ServerSentEvent]:
        whole = b""
        async for marked in self._aiter_chunks(iterator):
            chunk = marked.removeprefix(BOM_UTF8)
            if whole or chunk.lstrip().startswith(b"{"):  # no line of an event begins so, but JSON does
                whole += chunk
                continue
            for line in chunk.splitlines():
                if event := self.decode(line.decode(errors="replace")):
                    self._heard = self._heard if event.event == "ping" else time.monotonic()
                    for one in _unfold(event):
                        yield one
            if time.monotonic() - self._heard > self._pinging:
                raise httpx2.ReadTimeout(f"nothing but pings for {self._pinging:g} seconds")
        if whole:
            text = whole.decode(errors="replace")
            for one in _unfold(ServerSentEvent(event=name_event(json.loads(text)) or "message", data=text)):
                yield one

    def decode(self, line: str) -> ServerSentEvent | None:
        event = super().decode(line)
        if event is None or event.event is not None:
            return event
        try:
            return ServerSentEvent(event=name_event(event.json()), data=event.data)
        except ValueError:  # `[DONE]`, or nothing of Claude's
            return event


def name_event(data: object) -> str | None:
    """The type that an event tells of itself; gateways may leave it out of an error."""
    if not isinstance(data, dict):
        return None
    return "error" if data.get("error") else data.get("type")


def _unfold(event: ServerSentEvent) -> Iterator[ServerSentEvent]:
    """The events that a message would have come with that a gateway answers whole; of all else, itself."""
    message = event.json() if event.event == "message" else None
    if not (isinstance(message, Mapping) and isinstance(blocks := message.get("content"), list)):
        yield event
        return
    yield _make_event({"type": "message_start", "message": {**message, "content": []}})
    for index, block in enumerate(blocks):
        yield _make_event({"type": "content_block_start", "index": index, "content_block": block})
    ended = {name: message.get(name) for name in ENDINGS}
    yield _make_event({"type": "message_delta", "delta": ended, "usage": message.get("usage")})
    yield _make_event({"type": "message_stop"})


def _make_event(data: Mapping[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(event=data["type"], data=json.dumps(data))
