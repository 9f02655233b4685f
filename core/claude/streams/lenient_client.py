"""Lenient client: the SDK's, which also reads what gateways send that are less strict than Claude. It loads the SDK."""

from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import anthropic
import httpx2
from anthropic._models import FinalRequestOptions
from pydantic_core import to_json

from core.claude.streams.decoder import name_event
from core.claude.streams.event_stream import EventStream

CONNECT = 5.0  # seconds
MESSAGES = "/v1/messages"
load_certificates = cache(httpx2.create_ssl_context)  # once in a process: it holds the loop for 50 ms


def make_client(
    key: str, base_url: str, transport: httpx2.AsyncBaseTransport | None, *, silence: float, pinging: float
) -> "LenientAnthropic":
    """Make the client of `Claude`. Nothing is retried by it.

    Without a `transport` it reads streams through aiohttp, which costs half of what it costs through httpx2.
    """
    return LenientAnthropic(
        pinging,
        api_key=key,
        base_url=base_url,
        max_retries=0,
        timeout=anthropic.Timeout(silence, connect=CONNECT),
        http_client=anthropic.DefaultAioHttpClient(verify=load_certificates())
        if transport is None
        else anthropic.DefaultAsyncHttpxClient(transport=transport),
        open_telemetry=False,
    )


class LenientAnthropic(anthropic.AsyncAnthropic):
    """The SDK's client, more lenient, and quick where it counts: at requests for an answer."""

    def __init__(self, pinging: float, **named: Any) -> None:
        super().__init__(**named)
        self._pinging = pinging
        self._templates: dict[tuple[tuple[str, str], ...], httpx2.Request] = {}
        """Requests as the SDK makes them, by the headers that they have of their own."""

    def make_request(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> httpx2.Request:
        """A request for an answer, with the address, the headers and the limits that the SDK gives it.

        The SDK itself takes longer for it than for all else of a short answer: it copies the prompt piece by piece,
        builds all headers anew, and makes an object of each event.
        """
        key = tuple(sorted(headers.items()))
        template = self._templates.get(key)
        if template is None:
            options = FinalRequestOptions.construct(method="post", url=MESSAGES, headers=dict(headers))
            template = self._templates[key] = self._build_request(options)
            del template.headers["content-length"]
        told = {name: value for name, value in body.items() if name != "extra_body"}
        content = httpx2.ByteStream(to_json(told | body.get("extra_body", {}) | {"stream": True}, fallback=dict))
        url, headers, extensions = template.url, template.headers, template.extensions
        request = httpx2.Request("POST", url, headers=headers, stream=content, extensions=extensions)
        request.read()  # it is sent whole then, and not in chunks
        return request

    def send(self, request: httpx2.Request) -> Awaitable[httpx2.Response]:
        """Send what `make_request` has made; its events are still to come."""
        return self._client.send(request, stream=True)

    @staticmethod
    @contextmanager
    def tell_unsent(request: httpx2.Request) -> Iterator[None]:
        """Tell what hinders a request from being sent, aiohttp's errors too, as the SDK does: by APIConnectionError."""
        try:
            yield
        except Exception as error:
            raise anthropic.APIConnectionError(request=request) from error

    async def open_stream(self, response: httpx2.Response) -> EventStream:
        """The events of an answer. Raises APIError where it is none; then nothing is left open."""
        if not response.is_success:
            await response.aread()
            raise self._make_status_error_from_response(response)

        def make_error(words: str, told: object) -> Exception:
            return self._make_status_error(words, body=told, response=response)

        return EventStream(response, self._pinging, make_error)

    def _process_response_data(self, *, data: object, cast_to: type[Any], response: httpx2.Response) -> Any:
        """An error is one also with status 200. Raises APIStatusError for it."""
        if name_event(data) == "error":
            raise self._make_status_error(str(data), body=data, response=response)
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)
