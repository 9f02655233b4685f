"""HTTP connections: a cap on their number, timeouts, and limits of headers and bodies, each with its peer.

aiohttp itself limits only the time between two requests, the size of a header and their number.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage

from bots.ops.http_limits import Limits
from bots.ops.rate_limited_log import Tally

FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
SLICE = 2_048  # bytes that are parsed before it is looked whether they are wanted; a chunk has six at least
THEIRS = (HttpProcessingError, web.RequestPayloadError, ConnectionError)  # faults of a peer's, and not ours

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Peers(web.Server):
    """All connections. Where there is no room, who has waited longest for their own next byte makes it."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        super().__init__(self._handle, request_factory=self._request)  # type: ignore[arg-type]  # requests are Bounded
        self.limits = limits
        self.tally = Tally(limits.notice_seconds)
        self.held = 0
        """Bytes of large bodies that are being read or answered."""
        self.most_held = 0
        self._handler = handler
        self._open: set[Peer] = set()

    def __call__(self) -> "Peer":
        return Peer(self, self.limits)

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, peer: "Peer") -> bool:
        """Whether there is room for one more."""
        if len(self._open) >= self.limits.connections:
            waiting = [one for one in self._open if one.waits_since is not None]
            if not waiting:
                return False
            min(waiting, key=lambda one: one.waits_since or 0.0).cut("connection that made room for another")
        self._open.add(peer)
        return True

    def forget(self, peer: "Peer") -> None:
        self._open.discard(peer)

    def reserve(self, size: int) -> int:
        """Bytes that a body of `size` takes of those that all may take. Raises HTTPServiceUnavailable."""
        if size <= self.limits.small:
            return 0
        if self.held + size > self.limits.held:
            raise web.HTTPServiceUnavailable
        self.held += size
        self.most_held = max(self.most_held, self.held)
        return size

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: "Peer",
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.Request:
        return Bounded(message, payload, protocol, writer, task, asyncio.get_running_loop())

    async def _handle(self, request: "Bounded") -> web.StreamResponse:
        request.peer.begin(request.content)
        try:
            response = await self._handler(request)
        except web.HTTPException as refusal:
            self.tally.count(f"{refusal.status} {refusal.reason}")
            raise
        finally:
            request.peer.release()
        if 400 <= response.status < 500:  # a 503 is our own state
            self.tally.count(f"{response.status} {response.reason}")
        return response


class Peer(web.RequestHandler):
    """One connection."""

    def __init__(self, peers: Peers, limits: Limits) -> None:
        super().__init__(
            peers,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # the library's way to have none
            auto_decompress=False,  # a signature is of the bytes that came, and nobody else has anything to say
            keepalive_timeout=limits.idle_seconds,
            lingering_time=limits.linger_seconds,
            max_headers=limits.headers,
        )
        self._peers, self._limits = peers, limits
        self._alarm: asyncio.TimerHandle | None = None
        self._content: StreamReader | None = None
        self._answering = False
        self._dropping = False
        """Whether a body is refused: what comes of it is not even parsed."""
        self._head = self._reserved = 0
        self.waits_since: float | None = None
        """When it began to wait for the peer's next byte; None while an answer is being made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._peers.admit(self):
            self._wait(self._limits.head_seconds)
        else:
            self._refuse(FULL, "connection too many")

    def connection_lost(self, exc: BaseException | None) -> None:
        self._disarm()
        self._peers.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser. What comes before the end of the headers is counted and timed.

        It is fed little by little: a body in chunks, which is refused, is to cost no more than its first few.
        """
        heading = not self._answering and (self._content is None or self._content.is_eof())
        if heading and self._alarm is None:
            self._wait(self._limits.head_seconds)
        before = self._request_count
        for at in range(0, max(1, len(data)), SLICE):  # nothing lets a paused parser go on
            if self._dropping:
                break
            super().data_received(data[at : at + SLICE])
            self._dropping = any(getattr(message, "chunked", False) for message, _ in self._messages)
        if self._request_count > before:
            self._answering, self._head = True, 0
        elif heading:
            self._head += len(data)
        if self._head > self._limits.head:
            self._refuse(TOO_LARGE, "headers too large")

    def begin(self, content: StreamReader) -> None:
        """Headers have come."""
        self._answering, self._content, self.waits_since = True, content, None
        self._arm(self._limits.request_seconds)

    async def read(self, content: StreamReader, size: int | None) -> bytes:
        """A body of `size` bytes. Raises the HTTPException that refuses it."""
        if size is None or size > self._limits.body:
            self._dropping = True
            raise web.HTTPRequestEntityTooLarge(self._limits.body, size or 0)
        self._reserved += self._peers.reserve(size)
        self.waits_since = self._loop.time()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return b"".join([chunk async for chunk in content.iter_any()])
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except THEIRS:
            raise web.HTTPBadRequest from None
        finally:
            self.waits_since = None

    def release(self) -> None:
        """No body is held any more."""
        self._peers.held -= self._reserved
        self._reserved = 0

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; after it the time between two requests begins, which aiohttp limits."""
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._disarm()
            self._answering, self.waits_since = bool(self._messages), self._loop.time()

    def cut(self, reason: str) -> None:
        """Close the connection at once, also if the peer does not read."""
        self._disarm()
        self._peers.forget(self)
        self._peers.tally.count(reason)
        transport = self.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a fault of ours in full, and count what is the peer's."""
        if isinstance(kw.get("exc_info"), THEIRS):
            self._peers.tally.count("request that is not HTTP")
        else:
            super().log_exception(*args, **kw)

    def _refuse(self, answer: bytes, reason: str) -> None:
        if self.transport is not None:
            self.transport.write(answer)
        self._peers.tally.count(reason)
        self._disarm()
        self._peers.forget(self)
        self.force_close()

    def _wait(self, seconds: float) -> None:
        """Wait for the peer's headers."""
        self.waits_since = self._loop.time()
        self._arm(seconds)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._alarm = self._loop.call_later(seconds, self.cut, "connection too slow")

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


class Bounded(web.Request):
    """A request whose body is read once, and within limits. Its answer names no software."""

    @property
    def peer(self) -> Peer:
        assert isinstance(self.protocol, Peer)
        return self.protocol

    async def read(self) -> bytes:
        """The body, which is not kept: aiohttp would hold it until the connection's next request."""
        return await self.peer.read(self.content, self.content_length)

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.pop("Server", None)
