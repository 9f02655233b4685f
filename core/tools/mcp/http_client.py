"""HTTP client of MCP: a request that fails costs its own call, and none that run beside it on the same session."""

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import mcp_types as types

from core.tools.mcp.json_meter import TOO_LARGE, JsonMeter, JsonTooLarge

UNREACHABLE = -32_098  # our code of an error in JSON-RPC: the request, or its answer, was lost on the way
MARK = secrets.token_hex()  # of an error that we made: a server may answer with our code, and knows no mark
FORGOTTEN = "it knows our session no more"
SESSION = "mcp-session-id"  # the header of a session, which servers of before 2026 have
CONNECT = 10.0  # seconds until a connection stands
LARGEST = 16_000_000  # bytes of one answer: more is refused before it fills the memory
PLAIN, UTF_8 = "identity", "utf-8"
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)
"""Nothing was sent when one of these is raised."""


class SteadyClient(httpx2.AsyncClient):
    """Answers with an error of JSON-RPC where the SDK would end its session with all that runs on it.

    `status` is that of the last answer which was an error; None after any other. `has_session`: the server made one.
    """

    status: int | None = None
    has_session: bool = False

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        self.has_session = self.has_session or SESSION in request.headers
        request.headers["accept-encoding"] = PLAIN
        try:
            response = await super().send(request, **options)
        except httpx2.TransportError as error:
            self.status = None
            return _fail_request(request, type(error).__name__, sent=not isinstance(error, UNSENT))
        self.status = response.status_code if response.is_error else None
        if response.status_code == 404 and SESSION in request.headers:
            await response.aclose()
            return _fail_request(request, FORGOTTEN, sent=True)
        if problem := _find_disguise(response):
            await response.aclose()
            return _fail_request(request, problem, sent=True)
        if isinstance(response.stream, httpx2.AsyncByteStream):
            streamed = response.headers.get("content-type", "").lower().startswith("text/event-stream")
            response.stream = BoundedStream(response.stream, streamed=streamed)
        return response


def _find_disguise(response: httpx2.Response) -> str:
    """Why the bytes of an answer are not those that the SDK would read: nobody can bound what becomes of them."""
    if response.headers.get("content-encoding", PLAIN).strip().lower() not in {"", PLAIN}:
        return "its answer is compressed"
    charset = (response.charset_encoding or UTF_8).lower()
    return "" if charset in {UTF_8, "utf8", "us-ascii"} else "its answer is not UTF-8"


def _fail_request(request: httpx2.Request, why: str, *, sent: bool) -> httpx2.Response:
    told = {"code": UNREACHABLE, "message": why, "data": {"mark": MARK, "sent": sent}}
    content = json.dumps({"jsonrpc": "2.0", "id": None, "error": told}).encode()
    return httpx2.Response(503, headers={"content-type": "application/json"}, content=content, request=request)


def is_ours(error: types.ErrorData) -> bool:
    """Whether an error in JSON-RPC was made here, and no server sent it."""
    return error.code == UNREACHABLE and isinstance(error.data, dict) and error.data.get("mark") == MARK


class BoundedStream(httpx2.AsyncByteStream):
    """A body that the SDK can read as JSON in short time, whole or event by event, and of at most `LARGEST` bytes.

    Where it is larger, or breaks off, it raises what the SDK expects of one. The SDK bounds the bytes of an event.
    """

    def __init__(self, stream: httpx2.AsyncByteStream, *, streamed: bool) -> None:
        self._stream = stream
        self._streamed = streamed
        self._meter = JsonMeter(events=streamed)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        try:
            async for chunk in self._stream:
                count += len(chunk)
                self._meter.count(chunk)
                if not self._streamed and count > LARGEST:
                    raise httpx2.StreamError(TOO_LARGE)
                yield chunk
        except JsonTooLarge:
            raise (httpx2.SSEError if self._streamed else httpx2.StreamError)(TOO_LARGE) from None
        except httpx2.TransportError as error:
            raise httpx2.StreamError(f"the answer broke off ({type(error).__name__})") from None

    async def aclose(self) -> None:
        await self._stream.aclose()
