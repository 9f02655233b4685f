"""Socket Mode: the app's WebSockets, and envelopes that go to any one of them."""

import asyncio
import itertools
import json
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from tests.fakes.slack.nouns import APP, Delivery, Envelope, Raw
from tests.fakes.slack.outbox import Outbox
from tests.fakes.slack.request import Method, Request
from tests.fakes.slack.world import World


def open_connection(request: Request) -> Raw:
    """A WebSocket's address, good for one connection."""
    ticket = request.world.name("ticket")
    request.world.tickets.add(ticket)
    return {"url": f"{request.url.replace('http', 'ws', 1)}link/?ticket={ticket}&app_id={APP}"}


METHODS = {"apps.connections.open": Method(open_connection, ("connections:write",), kind="xapp")}


@dataclass(slots=True, eq=False)
class Link:
    """One WebSocket of the app. A silent one takes everything and answers nothing, as behind a dead NAT."""

    socket: web.WebSocketResponse
    request: web.Request
    silent: bool = False
    frames: asyncio.Queue[Raw] = field(default_factory=asyncio.Queue)

    def send(self, frame: Raw) -> None:
        if not self.silent:
            self.frames.put_nowait(frame)

    async def write(self) -> None:
        """Send the frames, in the order they were put."""
        while not self.socket.closed:
            await self.socket.send_str(json.dumps(await self.frames.get()))


class Sockets:
    """The app's connections, and what each envelope id that was sent on them stands for."""

    def __init__(self, world: World, outbox: Outbox, ack_seconds: float) -> None:
        self.world = world
        self.outbox = outbox
        self.ack_seconds = ack_seconds
        self.links: list[Link] = []
        self.told: int | None = None
        """The number of the only one of `links` that is told of anything; without it each in its turn."""
        self.connections = 0
        self.heartbeats = 0
        self._turn = itertools.count()
        self._sent: dict[str, str] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    @property
    def ready(self) -> bool:
        return bool(self.links)

    def carry(self, envelope: Envelope, delivery: Delivery) -> None:
        """Send an envelope to the next socket, and expect its ack."""
        link = self.links[(next(self._turn) if self.told is None else self.told) % len(self.links)]
        key = self.world.name("env-")
        self._sent[key] = envelope.id
        events = envelope.kind == "events_api"
        frame: Raw = {"envelope_id": key, "type": envelope.kind, "payload": envelope.payload}
        frame["accepts_response_payload"] = not events
        if events:
            frame |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.reason}
        link.send(frame)
        self._expect(delivery)

    def _expect(self, delivery: Delivery) -> None:
        loop = asyncio.get_running_loop()
        self._timers = {timer for timer in self._timers if timer.when() > loop.time()}
        self._timers.add(loop.call_later(self.ack_seconds, self.outbox.late, delivery, "timeout"))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One WebSocket, from hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.world.tickets:
            return web.Response(status=401)
        self.world.tickets.remove(ticket)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        link = Link(socket, request)
        writer = asyncio.create_task(link.write())
        self._greet(link)
        try:
            await self._read(link)
        finally:
            writer.cancel()
            self._forget(link)
        return socket

    def _greet(self, link: Link) -> None:
        self.links.append(link)
        self.connections += 1
        facts = {"host": "applink", "build_number": 1, "approximate_connection_time": 18_060}
        about = {"num_connections": len(self.links), "connection_info": {"app_id": APP}, "debug_info": facts}
        link.send({"type": "hello", **about})
        self.outbox.connected()
        self.world.pulse.beat()

    def _forget(self, link: Link) -> None:
        if link in self.links:
            self.links.remove(link)
        self.world.pulse.beat()

    async def _read(self, link: Link) -> None:
        async for frame in link.socket:
            if link.silent:
                continue
            if frame.type is WSMsgType.PING:
                await link.socket.pong(frame.data)
                self.heartbeats += 1
                self.world.pulse.beat()
            elif frame.type is WSMsgType.TEXT:
                self._hear(json.loads(frame.data))

    def _hear(self, frame: Raw) -> None:
        key = self._sent.get(frame.get("envelope_id", ""))
        if key:
            self.outbox.acknowledged(key, frame.get("payload") or {})

    def disconnect(self, reason: str) -> None:
        """Ask every socket to come back on a new one."""
        for link in self.links:
            link.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink"}})

    def cut(self) -> None:
        """End every connection without a goodbye."""
        for link in tuple(self.links):
            self._forget(link)
            if link.request.transport:
                link.request.transport.abort()

    def silence(self) -> None:
        """Every connection stays open and says nothing any more, not even a pong."""
        for link in self.links:
            link.silent = True

    async def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for link in tuple(self.links):
            await link.socket.close()
