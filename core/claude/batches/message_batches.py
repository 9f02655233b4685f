"""Message Batches of Claude's API: created from a file of requests, watched, read line by line, deleted. No retries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import count
from typing import BinaryIO

from core.claude import sdk
from core.claude.errors import BatchError
from core.claude.sdk_errors import BROKEN, classify_error
from core.claude.streams.accumulator import read_field, read_usage, read_word
from core.domain.usage import Usage

CREATE = "/v1/messages/batches"
SECONDS = 60.0  # that a short request may take
SENDING = 240.0  # that one with many requests may take: less than it takes until it is looked for in vain
CHUNK = 65_536  # bytes of a body that are sent at once
LISTED = 100  # batches of one page of the list, which is the most
TTL = "5m"  # how long a prompt is cached whose request says nothing: ours cache nothing
UNSUPPORTED = frozenset({404, 405, 501})  # answers to a creation where there are no batches
PAUSE = 4  # results that are read without a look at what else there is to do: the SDK takes a millisecond for each

log = logging.getLogger(__name__)


class ResultKind(Enum):
    """What became of one request of a batch, in the API's words."""

    SUCCEEDED = "succeeded"
    ERRORED = "errored"
    CANCELED = "canceled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far a batch is. Counts of its requests are told once all of it has ended."""

    id: str
    at: datetime
    """When it was created, by the API's clock."""
    requests: int
    ended: bool
    canceling: bool = False


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one request."""

    custom_id: str
    kind: ResultKind
    text: str = ""
    stop: str = ""
    """Why Claude stopped, in the API's word; of an error, its type."""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    geo: str | None = None
    """Where it was computed, in the API's word."""
    empty: bool = False
    """Not a block came of it."""


class MessageBatches:
    """The batches of one API key. Each call is one request, but for the list, which has pages."""

    def __init__(self, open_client: sdk.OpenClient, api_key: str, seconds: float = SECONDS) -> None:
        self._open_client = open_client
        self._seconds = seconds
        self.api_key = api_key
        """The fingerprint of the key and of where it is used: no id is known anywhere else."""

    async def create(self, body: BinaryIO, size: int) -> str:
        """Give a batch in, whose JSON `body` holds: `size` bytes, read as they are sent. Its id. Raises BatchError.

        The SDK would hold all of it in memory, and the event loop while it writes it.
        """
        headers = {"content-type": "application/json", "content-length": str(size)}
        async with self._asking(SENDING, creates=True) as client:
            kind, options = sdk.types.messages.MessageBatch, sdk.RequestOptions(headers=headers)
            made = await client.post(CREATE, content=_read_chunks(body), cast_to=kind, options=options)
            if name := read_word(made, "id"):
                return name
        raise BatchError("what answers has no batches", certain=True, unsupported=True)

    async def describe(self, name: str) -> BatchStatus:
        """How far a batch is. Raises BatchError."""
        async with self._asking(self._seconds) as client:
            return _read_status(await client.messages.batches.retrieve(name))

    async def list_since(self, since: datetime) -> list[BatchStatus]:
        """The batches that were created since then, newest first. Raises BatchError."""
        found: dict[str, BatchStatus] = {}
        async with self._asking(self._seconds) as client:
            async for one in await client.messages.batches.list(limit=LISTED):
                status = _read_status(one)
                if status.at < since or status.id in found:  # a gateway that always answers the same page
                    break
                found[status.id] = status
        return list(found.values())

    async def read_results(self, name: str) -> AsyncGenerator[BatchResult, None]:
        """What became of its requests, in no order, once it has ended; each comes in time. Raises BatchError."""
        async with self._asking(None) as client:
            async with asyncio.timeout(self._seconds):
                lines = await client.messages.batches.results(name)
            try:
                for number in count(1):
                    async with asyncio.timeout(self._seconds):
                        if (line := await anext(lines, None)) is None:
                            return
                    yield _read_result(line)
                    if number % PAUSE == 0:
                        await asyncio.sleep(0)  # many lines may have come at once
            finally:
                await lines.close()

    async def cancel(self, name: str) -> None:
        """Ask for no more of a batch; it ends a little later. What has ended, or is gone, is. Raises BatchError."""
        try:
            async with self._asking(self._seconds) as client:
                await client.messages.batches.cancel(name)
        except BatchError as error:
            if not error.certain or error.retry_after is not None:
                raise
            log.info("a batch is not canceled: %s", error)

    async def delete(self, name: str) -> None:
        """Delete a batch that has ended, with its results. One that is gone, is. Raises BatchError."""
        try:
            async with self._asking(self._seconds) as client:
                await client.messages.batches.delete(name)
        except BatchError as error:
            if not error.missing:
                raise

    @asynccontextmanager
    async def _asking(self, seconds: float | None, *, creates: bool = False) -> AsyncIterator[sdk.AsyncAnthropic]:
        """One request, within its time. Raises BatchError for all that can go wrong with it."""
        client = await self._open_client()
        try:
            async with asyncio.timeout(seconds):
                yield client
        except sdk.APIStatusError as error:
            raise _classify(error, creates=creates) from error
        except TimeoutError as error:
            raise BatchError(f"no answer in {self._seconds if seconds is None else seconds:g} seconds") from error
        except (sdk.AnthropicError, *BROKEN, AttributeError, TypeError, ValueError) as error:
            raise BatchError(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}") from error


async def _read_chunks(body: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(body.read, CHUNK):
        yield chunk


def _read_status(batch: object) -> BatchStatus:
    """Raises ValueError for what is no batch."""
    name, at, counts = read_word(batch, "id"), read_field(batch, "created_at"), read_field(batch, "request_counts")
    if name is None or not isinstance(at, datetime):
        raise ValueError("no batch")
    kinds = ("processing", *(one.value for one in ResultKind))
    requests = sum(one for kind in kinds if isinstance(one := read_field(counts, kind), int))
    status = read_field(batch, "processing_status")
    return BatchStatus(name, at, requests, status == "ended", status == "canceling")


def _read_result(line: object) -> BatchResult:
    """One line. What is of no kind that is known is an error."""
    custom, result = read_word(line, "custom_id") or "", read_field(line, "result")
    told = read_word(result, "type")
    kind = next((one for one in ResultKind if one.value == told), ResultKind.ERRORED)
    if kind is not ResultKind.SUCCEEDED:
        error = read_field(read_field(result, "error"), "error")
        return BatchResult(custom, kind, stop=read_word(error, "type") or told or "")
    message = read_field(result, "message")
    content = read_field(message, "content")
    blocks = content if isinstance(content, list) else []
    words = (read_word(one, "text") or "" for one in blocks if read_field(one, "type") == "text")
    billed = read_field(message, "usage")
    return BatchResult(
        custom,
        kind,
        "".join(words),
        read_word(message, "stop_reason") or "",
        read_word(message, "model") or "",
        read_usage(billed, TTL),
        read_word(billed, "inference_geo"),
        empty=not blocks,
    )


def _classify(error: sdk.APIStatusError, *, creates: bool) -> BatchError:
    """An answer below 500 says that nothing happened."""
    known, status = classify_error(error, ""), error.status_code
    unsupported = creates and status in UNSUPPORTED
    return BatchError(
        str(known)[:300],
        kind=known.kind,
        certain=400 <= status < 500 or unsupported,
        passing=known.transient or status >= 500,
        unsupported=unsupported,
        missing=status == 404 and not creates,
        retry_after=known.retry_after,
    )
