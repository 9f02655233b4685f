"""A proxy on loopback that lets nothing through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.wire import free_port

PAGE = b"<html><head><title>Blocked</title></head></html>"
OTHERS = ("https_proxy", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@asynccontextmanager
async def refusing_proxy(monkeypatch: pytest.MonkeyPatch, status: str) -> AsyncIterator[str]:
    """A proxy that answers everything with `status`, such as `403 Forbidden`; empty: nobody listens.

    The environment of the test names it. Yields its address.
    """
    async with _listen(status) as proxy:
        for name in OTHERS:
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTPS_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy)
        yield proxy


@asynccontextmanager
async def _listen(status: str) -> AsyncIterator[str]:
    if not status:
        yield f"http://127.0.0.1:{free_port()}"
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(PAGE)}\r\nConnection: close"
        writer.write(f"{head}\r\n\r\n".encode() + PAGE)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
