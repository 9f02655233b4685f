"""Event stream: the response to a request of the Messages API, whose events are read as they come."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

import httpx2

from core.claude.streams.decoder import Event, EventDecoder, MakeError

REQUEST = "request-id"  # the header that names a request
EVENTS = "event-stream"  # in the type of what is one


@dataclass(frozen=True, slots=True)
class EventStream:
    """The events of one response.

    After `pinging` seconds of nothing but pings and comments it ends, for these keep a connection from being silent.
    """

    response: httpx2.Response
    pinging: float
    make_error: MakeError

    @property
    def request_id(self) -> str | None:
        return self.response.headers.get(REQUEST)

    async def read(self) -> AsyncGenerator[Iterator[Event]]:
        """The events, those together that came together; each is decoded, and may raise its error, when it is taken.

        Raises HTTPError where the network breaks it off.
        """
        decoder, heard, came = EventDecoder(self.make_error), time.monotonic(), False
        async with aclosing(self._read_pieces()) as pieces:
            async for piece in pieces:
                told, came = decoder.told, True
                yield decoder.feed(piece)
                if decoder.told > told:
                    heard = time.monotonic()
                elif time.monotonic() - heard > self.pinging:
                    raise httpx2.ReadTimeout(f"nothing but pings for {self.pinging:g} seconds")
        if not came and EVENTS in self.response.headers.get("content-type", ""):
            raise httpx2.RemoteProtocolError("the stream ended before it began")
        yield decoder.end()

    def _read_pieces(self) -> AsyncGenerator[bytes]:
        """What comes, as it comes. Where it is not encoded, two of httpx2's layers have nothing to do."""
        if "content-encoding" in self.response.headers:
            return self.response.aiter_bytes()
        return cast("AsyncGenerator[bytes]", aiter(cast("httpx2.AsyncByteStream", self.response.stream)))

    async def aclose(self) -> None:
        """Close the connection, if it is not at its end."""
        await self.response.aclose()
