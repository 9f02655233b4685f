"""A wire between Confab and a server on loopback, which can be cut."""

import asyncio
import contextlib
import secrets
import socket
from typing import Self
from urllib.parse import urlsplit

HOST = "127.0.0.1"
CHUNK = 65_536  # bytes that are carried at once
LOWEST, HIGHEST = 12_000, 32_000  # ports; systems give away higher ones to whoever names none


class Wire:
    """A port that leads to the server at `url`. While it is cut, what was connected is not any more, and nobody is let in."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url).port
        self.port = free_port()
        self.taken = 0
        """How many connections it took."""
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def mend(self) -> None:
        """Let through whoever comes."""
        self._server = await asyncio.start_server(self._taken, HOST, self.port)

    async def cut(self) -> None:
        """End every connection without a goodbye, and refuse new ones."""
        if self._server:
            self._server.close()
        for end in tuple(self._ends):
            end.transport.abort()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        there, back = await asyncio.open_connection(HOST, self._to)
        ends = {writer, back}
        self._ends |= ends
        try:
            await asyncio.gather(_pumped(reader, back), _pumped(there, writer))
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until it ends, and then the end."""
    with contextlib.suppress(OSError):
        while told := await reader.read(CHUNK):
            writer.write(told)
            await writer.drain()
    writer.close()


def free_port() -> int:
    """A port that nobody listens on: below those that systems give away by themselves, or another test might have it."""
    while True:
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind((HOST, port))
            return port
