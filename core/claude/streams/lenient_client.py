"""Lenient client: the SDK's, which also reads what gateways send that are less strict than Claude. It loads the SDK."""

from functools import cache
from typing import Any

import anthropic
import httpx2
from anthropic._streaming import SSEDecoder

from core.claude.streams.accumulator import GROWING, read_field
from core.claude.streams.decoder import LenientDecoder, name_event

CONNECT = 5.0  # seconds
load_certificates = cache(httpx2.create_ssl_context)  # once in a process: it holds the loop for 50 ms


def make_client(
    key: str, base_url: str, transport: httpx2.AsyncBaseTransport | None, *, silence: float, pinging: float
) -> anthropic.AsyncAnthropic:
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
    """The SDK's client, more lenient."""

    def __init__(self, pinging: float, **named: Any) -> None:
        super().__init__(**named)
        self._pinging = pinging

    def _make_sse_decoder(self) -> SSEDecoder:
        return LenientDecoder(self._pinging)

    def _process_response_data(self, *, data: object, cast_to: type[Any], response: httpx2.Response) -> Any:
        """An error is one also with status 200, and in an event of any name. Raises APIStatusError for it.

        Words that grow, nearly all of what comes, stay as they were sent: an object for each would cost a quarter of
        reading them.
        """
        name = name_event(data)
        if name == "error":
            raise self._make_status_error(str(data), body=data, response=response)
        if name == "content_block_delta" and read_field(read_field(data, "delta"), "type") in GROWING:
            return data
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)
