"""Sessions: what the gateway keeps of a client across its sockets."""

import asyncio
import json
import zlib
from dataclasses import dataclass, field

from aiohttp import web

from tests.fakes.discord.message_payloads import stripped
from tests.fakes.discord.nouns import Intent, Json
from tests.fakes.discord.world import Event

MESSAGES = {"MESSAGE_CREATE", "MESSAGE_UPDATE"}


class Line:
    """One socket. What is sent leaves in order, through one deflate context if the client asked for zlib-stream."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._transport = request.transport
        self._deflate = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._outgoing: asyncio.Queue[str | int] = asyncio.Queue()
        self._leaving = False
        self._closed = asyncio.Event()

    def send(self, frame: Json | str) -> None:
        self._outgoing.put_nowait(frame if isinstance(frame, str) else json.dumps(frame))

    def hang_up(self, code: int) -> None:
        """Close with `code` once everything before is sent."""
        self._leaving = True
        self._outgoing.put_nowait(code)

    def cut(self) -> None:
        """Reset the connection, with no word of goodbye."""
        if self._transport:
            self._transport.abort()

    async def ended(self) -> None:
        """Return at once, or when the close that was begun here is done."""
        if self._leaving:
            await self._closed.wait()

    async def write(self) -> None:
        """Carry what is sent to the socket, until it closes."""
        try:
            while not self._socket.closed:
                await self._carry(await self._outgoing.get())
        except ConnectionError:
            self.cut()
        finally:
            self._closed.set()

    async def _carry(self, item: str | int) -> None:
        if isinstance(item, int):
            await self._socket.close(code=item)
        elif self._deflate is None:
            await self._socket.send_str(item)
        else:
            text = item.encode()
            await self._socket.send_bytes(self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH))


@dataclass(slots=True)
class Session:
    """What the gateway knows of a client across its sockets; events without a socket wait in `log`."""

    id: str
    intents: Intent
    shard: tuple[int, int]
    line: Line | None
    seq: int = 0
    log: list[tuple[int, str]] = field(default_factory=list)

    def tell(self, name: str, body: Json) -> None:
        self.seq += 1
        frame = json.dumps({"op": 0, "t": name, "s": self.seq, "d": body})
        self.log.append((self.seq, frame))
        if self.line:
            self.line.send(frame)

    def concerns(self, event: Event) -> bool:
        """True for its intents and its shard: `(guild >> 22) % shards`, and 0 for what has no guild."""
        asked = event.intent is None or event.intent in self.intents
        return asked and (int(event.guild or 0) >> 22) % self.shard[1] == self.shard[0]

    def see(self, event: Event, me: str) -> None:
        """Take an event, its words taken out if this session didn't ask for MESSAGE_CONTENT."""
        blind = Intent.MESSAGE_CONTENT not in self.intents and event.name in MESSAGES and "guild_id" in event.body
        self.tell(event.name, stripped(event.body, me) if blind else event.body)
