"""The fake over HTTP: the SDK's own app on loopback, behind a door that can be shut and that may want a token."""

import asyncio
import gzip
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from tests.fakes.mcp.tools import FakeTools

logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it complains of streams that are cut at the end
PIECE = 65_536  # bytes that are written at once
UNKNOWN = {"code": -32601, "message": "Method not found"}


class McpFake(FakeTools):
    """A server over HTTP. `legacy`: one of before 2026, which knows no `server/discover` and has sessions."""

    def __init__(self, *, legacy: bool = False, token: str = "") -> None:
        super().__init__()
        self.legacy = legacy
        self.token = token
        self.status = 0
        """Where it is set, every request is answered with it."""
        self.statuses: dict[str, int] = {}
        """The same for those of a method alone, which are carried out all the same."""
        self.canned = b""
        """Where it is set, it is the result of every call, in JSON."""
        self.compressed = False
        """What is canned comes as gzip."""
        self.charset = "utf-8"
        """In what characters it comes."""
        self.streams = False
        """What is canned comes as an event."""
        self.odd: dict[str, tuple[int, dict[str, str], bytes] | bytes | None] = {}
        """Calls of a tool, or else requests of a method, are answered with this status, headers and body, or never.

        Bytes alone are events, which are written again and again, as long as anybody reads them.
        """
        self.dropped: list[str] = []
        """Those that were never answered, and that nobody waits for any more."""
        self.hanging = False
        """No request is answered."""
        self.deaf = False
        """What a server of before 2026 does not know is not answered."""
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator["McpFake"]:
        """Listen while this lasts, on that port or a free one."""
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
            self._app = self.build().streamable_http_app()
            config = uvicorn.Config(self._door, log_config=None, interface="asgi3", timeout_graceful_shutdown=0)
            server = self._server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                while not server.started:
                    await asyncio.sleep(0.005)
                yield self
            finally:
                server.should_exit = True
                await serving

    def drop_connections(self) -> None:
        """Cut all connections, in the middle of whatever is said on them."""
        for one in list(self._server.server_state.connections):
            one.transport.abort()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])

    async def _door(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, method, more = b"", scope["method"], True
        while more and method == "POST":
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        asked = json.loads(body).get("method", "") if body else method
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append((asked, headers))
        if self.hanging or (self.deaf and asked == "server/discover"):
            await asyncio.Event().wait()
        if self.status or (self.token and headers.get("authorization") != f"Bearer {self.token}"):
            await _refuse(send, self.status or 401)
        elif status := self.statuses.get(asked, 0):
            await self._app(scope, _replay(body, receive), _drop)
            await _refuse(send, status)
        elif (name := _name_call(body) if asked == "tools/call" else asked) in self.odd:
            await self._answer_oddly(name, receive, send)
        elif self.canned and asked == "tools/call":
            await self._tell_canned(body, send)
        elif self.raw and asked == "tools/list":
            listed = {"tools": self.raw, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
            await _answer(send, 200, {"jsonrpc": "2.0", "id": json.loads(body)["id"], "result": listed})
        elif self.legacy and asked == "server/discover":
            await _answer(send, 400, {"jsonrpc": "2.0", "id": json.loads(body)["id"], "error": UNKNOWN})
        else:
            await self._app(scope, _replay(body, receive), send)

    async def _answer_oddly(self, name: str, receive: Any, send: Any) -> None:
        if isinstance(odd := self.odd[name], tuple):
            await _send(send, *odd)
            return
        await (_flood(odd, receive, send) if odd else _wait_for_end(receive))
        self.dropped.append(name)

    async def _tell_canned(self, body: bytes, send: Any) -> None:
        asked = json.loads(body)
        self.calls.append((asked["params"]["name"], asked["params"]["arguments"]))
        headers, told = await asyncio.to_thread(self._write_canned, asked["id"])  # it may take as long as reading it
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for at in range(0, len(told), PIECE):
            more = at + PIECE < len(told)
            await send({"type": "http.response.body", "body": told[at : at + PIECE], "more_body": more})

    def _write_canned(self, name: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Headers and body of the canned answer to the request of that id."""
        told = b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (name, self.canned)
        kind, told = ("text/event-stream", b"data: %b\n\n" % told) if self.streams else ("application/json", told)
        told = told.decode().encode(self.charset)
        headers = [(b"content-type", f"{kind}; charset={self.charset}".encode())]
        if self.compressed:
            headers, told = [*headers, (b"content-encoding", b"gzip")], gzip.compress(told)
        return headers, told


def _replay(body: bytes, receive: Any) -> Any:
    """A request's body once more, then what comes behind it."""
    told: list[bytes] = [body]

    async def give() -> Any:
        return {"type": "http.request", "body": told.pop(), "more_body": False} if told else await receive()

    return give


def _name_call(body: bytes) -> str:
    name: str = json.loads(body)["params"]["name"]
    return name


async def _wait_for_end(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _flood(events: bytes, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    ended = asyncio.create_task(_wait_for_end(receive))
    while not ended.done():
        await send({"type": "http.response.body", "body": events, "more_body": True})
        await asyncio.sleep(0)


async def _drop(_message: Any) -> None:
    """What the app answers is lost."""


async def _refuse(send: Any, status: int) -> None:
    await _answer(send, status, {"error": "refused"})


async def _answer(send: Any, status: int, content: object) -> None:
    await _send(send, status, {"content-type": "application/json"}, json.dumps(content).encode())


async def _send(send: Any, status: int, headers: dict[str, str], body: bytes) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
