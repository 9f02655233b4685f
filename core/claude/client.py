"""Claude: one request streamed, models listed, and what the SDK raises given a name."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import anthropic
import httpx2
from anthropic.types import Message, ModelInfo
from anthropic.types import Usage as Billed

from core.claude.errors import TRANSIENT, ClaudeError
from core.claude.models import described, lifespan
from core.claude.stream import MalformedStream, MessageAccumulator
from core.domain.clock import system_clock
from core.domain.models import Lifespan, Model
from core.domain.usage import Usage
from core.prompting.request import Request

T = TypeVar("T")

SILENCE = 120.0  # seconds between two bytes of a stream; pings come more often than that
CONNECT = 5.0  # seconds
REQUEST = "request-id"  # the header that names a request

COUNTED = ("model", "system", "messages", "thinking", "output_config", "cache_control")  # what a count depends on

_BY_TYPE = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "limited",
    "api_error": "failing",
    "timeout_error": "failing",
    "billing_error": "unpaid",
    "authentication_error": "key",
    "permission_error": "forbidden",
    "not_found_error": "no model",
    "request_too_large": "too large",
    "conflict_error": "failing",
}
_BY_STATUS = {401: "key", 402: "unpaid", 403: "forbidden", 404: "no model", 408: "failing", 409: "failing"}
_BY_STATUS |= {413: "too large", 429: "limited", 529: "overloaded"}
_BROKEN = (httpx2.HTTPError, httpx2.StreamError, json.JSONDecodeError, MalformedStream)


@dataclass(frozen=True, slots=True)
class Completion:
    """What one request brought: the text blocks' words, why it stopped, and what it used."""

    text: str
    stop: str
    usage: Usage
    model: str
    request: str | None
    content: list[dict[str, Any]] = field(default_factory=list)
    """The blocks as they came, to go on after a pause."""
    category: str | None = None
    """Why it was refused, in the API's word."""
    bounded: bool = False
    """A budget made it shorter than it might have been."""


class Claude:
    """A client of the Messages API. Nothing is retried here: each call is one request."""

    def __init__(
        self, key: str, base_url: str, transport: httpx2.AsyncBaseTransport | None = None, silence: float = SILENCE
    ) -> None:
        timeout = anthropic.Timeout(silence, connect=CONNECT)
        self._client = anthropic.AsyncAnthropic(
            api_key=key,
            base_url=base_url,
            max_retries=0,
            timeout=timeout,
            http_client=_quick() if transport is None else anthropic.DefaultAsyncHttpxClient(transport=transport),
            open_telemetry=False,
        )

    async def close(self) -> None:
        await self._client.close()

    async def answer(self, request: Request, heard: Callable[[str], None]) -> Completion:
        """Send `request` and tell `heard` the text so far, whole, as it grows. Raises ClaudeError."""
        streamed = MessageAccumulator()
        try:
            asked = self._client.messages.create(**request.body, extra_headers=request.headers, stream=True)
            async with await asked as stream:
                async for event in stream:
                    if streamed.take(event):
                        heard(streamed.text)
                message = _final(streamed, stream.response, request.model)
                return _answer(message, request.model, stream.response.headers.get(REQUEST))
        except anthropic.APIError as error:
            raise named(error, request.model) from error
        except _BROKEN as error:
            raise _broken(error, request.model) from error

    async def count(self, request: Request) -> int:
        """About how many tokens the prompt has; nothing is billed. Raises ClaudeError."""
        asked = {name: request.body[name] for name in COUNTED if name in request.body}
        try:
            return int((await self._client.messages.count_tokens(**asked)).input_tokens)
        except anthropic.APIError as error:
            raise named(error, request.model) from error
        except (*_BROKEN, AttributeError, TypeError) as error:  # a gateway may answer anything
            raise _broken(error, request.model) from error

    async def model(self, name: str) -> Model:
        """What a model can do. Raises ClaudeError, of kind `no model` when there is none of that name."""
        return await self._described(name, described)

    async def lifespan(self, name: str) -> Lifespan:
        """Whether a model is served, and until when. Raises ClaudeError, `no model` when there never was one."""
        return await self._described(name, lifespan)

    async def models(self) -> list[Model]:
        """All models that this key may use, newest first. Raises ClaudeError."""
        try:
            return [described(one) async for one in self._client.models.list(limit=100)]
        except anthropic.APIError as error:
            raise named(error, "") from error
        except (*_BROKEN, AttributeError) as error:
            raise _broken(error, "") from error

    async def _described(self, name: str, read: Callable[[ModelInfo], T]) -> T:
        try:
            return read(await self._client.models.retrieve(name))
        except anthropic.APIError as error:
            raise named(error, name) from error
        except (*_BROKEN, AttributeError) as error:
            raise _broken(error, name) from error


def _quick() -> httpx2.AsyncClient:
    """The SDK's other client: reading a stream through aiohttp costs half of what it costs through httpx2."""
    return anthropic.DefaultAioHttpClient()


def named(error: anthropic.APIError, model: str) -> ClaudeError:
    """The trouble behind an SDK error, before a stream or in it."""
    if not isinstance(error, anthropic.APIStatusError):
        return _unanswered(error, model)
    kind = _kind(error)
    advice = error.response.headers.get("x-should-retry")
    return ClaudeError(
        kind,
        model,
        f"{error.status_code} {error.type or ''} {error.api_message or _first_line(error.message)}",
        error.request_id,
        _seconds(error.response.headers),
        transient=kind in TRANSIENT if advice not in ("true", "false") else advice == "true",
        billed=error.status_code < 400,
    )


def _kind(error: anthropic.APIStatusError) -> str:
    if error.error_code and "spend" in error.error_code:
        return "spent"
    if error.type == "invalid_request_error" and error.status_code == 400:
        return _rejected(error.api_message or "")
    by_status = _BY_STATUS.get(error.status_code, "failing" if error.status_code >= 500 else "rejected")
    return _BY_TYPE.get(error.type or "", by_status)


def _rejected(message: str) -> str:
    """What kind of 400 it is; the API gives its own spend limit and a too long prompt no type of their own."""
    words = message.lower()
    if "too long" in words or "context" in words:
        return "too long"
    return "spent" if "credit balance" in words or "usage limit" in words or "spend" in words else "rejected"


def _unanswered(error: anthropic.APIError, model: str) -> ClaudeError:
    """No answer came. Whoever could not connect sent nothing, and only such an error of aiohttp's has an `os_error`."""
    if isinstance(error, anthropic.APIConnectionError):
        before = any(isinstance(one, httpx2.ConnectTimeout) or hasattr(one, "os_error") for one in _causes(error))
        detail = f"{_first_line(error.message)} {error.__cause__!r}"
        return ClaudeError("unreachable", model, detail, transient=True, billed=not before)
    return ClaudeError("not Claude", model, _first_line(error.message))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What an error came from, and that from, and so on."""
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _broken(error: Exception, model: str) -> ClaudeError:
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError):
        return ClaudeError("broken off", model, repr(error), transient=True)
    return ClaudeError("not Claude", model, f"{type(error).__name__}: {_first_line(str(error))}")


def _final(streamed: MessageAccumulator, response: httpx2.Response, model: str) -> Message:
    """The whole message. Events that end before there was one were cut off; anything else is no stream of Claude's."""
    events = "event-stream" in response.headers.get("content-type", "")
    if streamed.message is None and events and not response.num_bytes_downloaded:
        detail = "the stream ended before it began"
        raise ClaudeError("broken off", model, detail, response.headers.get(REQUEST), transient=True)
    return streamed.whole()


def _answer(message: Message, model: str, request: str | None) -> Completion:
    if message.stop_reason is None:
        raise ClaudeError("broken off", model, "the stream ended without a stop_reason", request, transient=True)
    details = message.stop_details
    return Completion(
        text="".join(block.text for block in message.content if block.type == "text"),
        stop=message.stop_reason,
        usage=_usage(message.usage),
        model=message.model,
        request=request,
        content=[block.model_dump(exclude_none=True, mode="json") for block in message.content],
        category=getattr(details, "category", None),
    )


def _usage(billed: Billed) -> Usage:
    """Every kind of token; what a stand-in leaves out counts as none."""
    written = billed.cache_creation_input_tokens or 0
    split = billed.cache_creation
    hour = (split.ephemeral_1h_input_tokens or 0) if split else 0
    details, tools = billed.output_tokens_details, billed.server_tool_use
    return Usage(
        input=billed.input_tokens or 0,
        output=billed.output_tokens or 0,
        thinking=(details.thinking_tokens or 0) if details else 0,
        cache_read=billed.cache_read_input_tokens or 0,
        cache_write_5m=written - hour,
        cache_write_1h=hour,
        web_searches=(tools.web_search_requests or 0) if tools else 0,
    )


def _seconds(headers: Mapping[str, str]) -> float | None:
    """What retry-after says, in milliseconds, in seconds, or as a date."""
    milliseconds, after = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return float(milliseconds) / 1000
        return float(after) if after is not None else None
    except ValueError:
        return _until(after)


def _until(date: str | None) -> float | None:
    try:
        return (parsedate_to_datetime(date or "") - system_clock()).total_seconds()
    except ValueError:
        return None


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:300]
