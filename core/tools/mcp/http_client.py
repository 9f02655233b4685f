"""HTTP client of MCP: a request that fails costs its own call, and none that run beside it on the same session."""

import json
import math
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import anyio
import httpx2
import mcp_types as types
from pydantic_core import from_json

from core.tools.mcp.json_meter import TOO_LARGE, JsonMeter, JsonTooLarge

UNREACHABLE = -32_098  # our code of an error in JSON-RPC: the request, or its answer, was lost on the way
MARK = secrets.token_hex()  # of an error that we made: a server may answer with our code, and knows no mark
FORGOTTEN = "it knows our session no more"
SESSION = "mcp-session-id"  # the header of a session, which servers of before 2026 have
CONNECT = 10.0  # seconds until a connection stands
NOTICE = 5.0  # seconds for what wants no answer: the SDK sends nothing else meanwhile
REDIRECTS = 3  # that are followed in a row
LARGEST = 16_000_000  # bytes of one answer: more is refused before it fills the memory
LINES = 5_000  # of events in a second that are taken of a session, whose server may write empty ones without end
PIECE = 500  # lines that are read before others have their turn: about two milliseconds
LISTEN = "subscriptions/listen"  # the request whose answer lasts as long as the session
CANCELLED = "notifications/cancelled"  # tells that nobody waits for an answer any more
LATE = "no answer in time"
PLAIN, UTF_8 = "identity", "utf-8"
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)
"""Nothing was sent when one of these is raised."""
ENDS = 200  # bytes of an answer behind its result, in which its id is looked for
OTHER = "it answers another request"
_RETRY = re.compile(rb"(?<=[\r\n])r")
_LINES = re.compile(rb"(?:[^\r\n]*+(?:\r\n|\r|\n)){1,%d}+|[^\r\n]++" % PIECE)
_LINE_END = re.compile(rb"\r\n|\r|\n")
_ID, _VERSION = rb'"id"\s*:\s*"?(\d{1,18})"?\s*', rb'"jsonrpc"\s*:\s*"2\.0"\s*'
_BEGINNING = re.compile(rb'\s*\{\s*(?:%b,\s*|%b,\s*)*"(?:result|error)"\s*:' % (_ID, _VERSION))
_END = re.compile(rb",\s*%b(?:,\s*%b)?\}\s*$" % (_ID, _VERSION))
"""How an answer begins and ends: its id stands before its result or behind it."""

T = TypeVar("T")


class StreamPace:
    """What is taken of a session's streams in a second: `lines`, and bytes; who sends more has to wait."""

    def __init__(
        self,
        lines: int = LINES,
        size: int = LARGEST,
        *,
        now: Callable[[], float] = anyio.current_time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._most = lines, size
        self._now, self._sleep = now, sleep
        self._since = -math.inf
        self._lines = self._size = 0

    async def keep(self, piece: bytes) -> None:
        """Wait until one more piece may be taken; all else has its turn in any case."""
        await self._sleep(0)
        while self._is_full() and (left := self._since + 1 - self._now()) > 0:
            await self._sleep(left)
        if self._now() >= self._since + 1:
            self._since, self._lines, self._size = self._now(), 0, 0
        self._lines += len(_LINE_END.findall(piece))
        self._size += len(piece)

    def _is_full(self) -> bool:
        return self._lines >= self._most[0] or self._size >= self._most[1]


class SteadyClient(httpx2.AsyncClient):
    """Answers with an error of JSON-RPC where the SDK would end its session with all that runs on it.

    `status` is that of the last answer which was an error; None after any other. `has_session`: the server made one.
    `longest` is how many seconds a request may take with its answer: the SDK leaves some open that nobody waits for.
    """

    status: int | None = None
    has_session: bool = False
    longest: float = math.inf

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._pace = StreamPace()
        self._streams: WeakValueDictionary[str, BoundedStream] = WeakValueDictionary()
        """The events that answer a request, by its id."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        self.has_session = self.has_session or SESSION in request.headers
        request.headers["accept-encoding"] = PLAIN
        told: Any = json.loads(await request.aread()) if request.method == "POST" else None
        if told and told.get("method") == CANCELLED and (stream := self._streams.get(str(told["params"]["requestId"]))):
            stream.end()
        deadline = anyio.current_time() + self._bound_seconds(told)
        with anyio.move_on_at(deadline):
            return await self._send(request, deadline, told["id"] if _wants_answer(told) else None, options)
        return _fail_request(request, LATE, sent=True)

    async def _send(
        self, request: httpx2.Request, deadline: float, asked: str | int | None, options: dict[str, Any]
    ) -> httpx2.Response:
        try:
            response = await super().send(request, **options)
        except httpx2.TransportError as error:
            self.status = None
            return _fail_request(request, type(error).__name__, sent=not isinstance(error, UNSENT))
        self.status = response.status_code if response.is_error else None
        problem = FORGOTTEN if response.status_code == 404 and SESSION in request.headers else _find_disguise(response)
        if problem:
            await response.aclose()
            return _fail_request(request, problem, sent=True)
        if response.next_request is not None:
            return await _drop_body(response)
        if isinstance(response.stream, httpx2.AsyncByteStream):
            streamed = response.headers.get("content-type", "").lower().startswith("text/event-stream")
            pace = self._pace if streamed else None
            response.stream = bounded = BoundedStream(response.stream, deadline, asked, pace)
            if streamed and asked is not None:
                self._streams[str(asked)] = bounded
        return response

    def _bound_seconds(self, told: Any) -> float:
        """How long a message may take with its answer; None stands for what is no message."""
        if told is None:
            return math.inf
        if not _wants_answer(told):
            return NOTICE
        return math.inf if told["method"] == LISTEN else self.longest


def _wants_answer(told: Any) -> bool:
    return told is not None and "id" in told and "method" in told


def find_id(answer: bytes) -> bytes | None:
    """The id of an answer in JSON, as far as a look at its beginning and its end shows."""
    if not (begins := _BEGINNING.match(answer)):
        return None
    return begins[1] or ((ends := _END.search(answer[-ENDS:])) and ends[1]) or None


def _is_answer(content: bytes, asked: str | int) -> bool:
    """Whether it is the answer to this request. Of what is no message at all, the SDK says so."""
    if (found := find_id(content)) is not None:
        return found.decode() == str(asked)
    try:
        message = types.jsonrpc_message_adapter.validate_python(from_json(content), by_name=False)
    except ValueError:
        return True
    return isinstance(message, types.JSONRPCResponse | types.JSONRPCError) and str(message.id) == str(asked)


async def _drop_body(response: httpx2.Response) -> httpx2.Response:
    """A redirect without its body: the SDK would read it, however long it is."""
    await response.aclose()
    bare = httpx2.Response(response.status_code, headers={"location": response.headers["location"]}, content=b"")
    bare.request, bare.next_request = response.request, response.next_request
    return bare


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

    Where it is larger, breaks off, is not there by `deadline`, or is one piece of JSON that does not answer what was
    `asked`, for which the SDK would wait on, it raises what the SDK expects of one. The SDK bounds
    the bytes of an event, but not what a server says of when to come again: such lines become comments.
    """

    def __init__(
        self,
        stream: httpx2.AsyncByteStream,
        deadline: float,
        asked: str | int | None = None,
        pace: StreamPace | None = None,
    ) -> None:
        """With a `pace` it is a stream of events."""
        self._stream = stream
        self._asked = asked
        self._pace = pace
        self._meter = JsonMeter(events=pace is not None)
        self._line_begins = True
        self._deadline = deadline
        self._waiting = anyio.CancelScope()

    def end(self) -> None:
        """Nobody waits for it any more."""
        self._deadline = self._waiting.deadline = -math.inf

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count, whole = 0, []
        chunks = aiter(self._stream)
        try:
            while (chunk := await self._wait(anext(chunks, None))) is not None:
                if self._pace:
                    for piece in _LINES.findall(chunk):
                        await self._wait(self._pace.keep(piece))
                        self._meter.count(piece)
                        yield self._mute_retry(piece)
                    continue
                count += len(chunk)
                self._meter.count(chunk)
                if count > LARGEST:
                    raise httpx2.StreamError(TOO_LARGE)
                whole.append(chunk)
                yield chunk
        except JsonTooLarge:
            raise self._make_error(TOO_LARGE) from None
        except TimeoutError:
            raise self._make_error(LATE) from None
        except httpx2.TransportError as error:
            raise httpx2.StreamError(f"the answer broke off ({type(error).__name__})") from None
        if whole and self._asked is not None and not _is_answer(b"".join(whole), self._asked):
            raise httpx2.StreamError(OTHER)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def _wait(self, awaited: Awaitable[T]) -> T:
        """What is awaited, within the time of the request. Raises TimeoutError."""
        with anyio.CancelScope(deadline=self._deadline) as self._waiting:
            return await awaited
        raise TimeoutError

    def _make_error(self, why: str) -> Exception:
        """Of one that ends events, the SDK does not ask to hear the rest."""
        return (httpx2.SSEError if self._pace else httpx2.StreamError)(why)

    def _mute_retry(self, chunk: bytes) -> bytes:
        """The same without what `retry` says, which may be any number. No other field of an event begins so."""
        muted = _RETRY.sub(b":", chunk)
        if self._line_begins and muted.startswith(b"r"):
            muted = b":" + muted[1:]
        self._line_begins = chunk.endswith((b"\r", b"\n"))
        return muted
