"""Downloads: one file from a platform's own servers, of so many bytes at most, asked for again where that may help."""

import asyncio
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from core.domain import backoff
from core.domain.clock import Sleep, system_clock
from core.domain.errors import CannotAnswer, NoAnswer, RateLimited, Uncertain

LARGEST = 32_000_000  # bytes of a file; of a larger one nothing is read
CHUNK = 65_536
TRIES = 3
FIRST_PAUSE = 1.0  # seconds between two tries, where none are named; it doubles
PATIENCE = 10.0  # seconds that a server may have us wait before the next try: a question waits for its files

TOO_LARGE = f"it is larger than the {LARGEST // 1_000_000} MB that I read; send a part of it"
LATER = "it can't be had just now; ask again"
GONE = "it is no longer there"
"""Reasons for the person, behind "I could not read `x`: "; no name is in them, for whoever attached it chose that."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Download:
    """What a server answered: its status, the media type that it names, and the file if the status is 200."""

    status: int
    type: str
    content: bytes


async def download_file(
    session: aiohttp.ClientSession,
    url: str,
    pause: Sleep = asyncio.sleep,
    *,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
) -> Download:
    """Get a file and follow no redirect. Raises CannotAnswer if it is too large, NoAnswer if it may be had later."""

    async def request() -> Download:
        try:
            async with session.get(url, headers=headers, proxy=proxy, allow_redirects=False) as response:
                return await _read_response(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Uncertain(type(error).__name__) from error

    try:
        return await backoff.retry(request, (RateLimited, Uncertain), pause, first=FIRST_PAUSE, tries=TRIES)
    except (RateLimited, Uncertain) as error:
        log.warning("a file can't be downloaded: %s", error)
        raise NoAnswer(LATER) from error


async def _read_response(response: aiohttp.ClientResponse) -> Download:
    if response.status == 429:
        raise RateLimited(_read_pause(response.headers.get("Retry-After")), "downloads")
    if response.status >= 500:
        raise Uncertain(f"status {response.status}")
    content = io.BytesIO()  # which gives out its bytes without copying them
    if response.status == 200:
        if (response.content_length or 0) > LARGEST:
            raise CannotAnswer(TOO_LARGE)
        async for chunk in response.content.iter_chunked(CHUNK):
            content.write(chunk)
            if content.tell() > LARGEST:
                raise CannotAnswer(TOO_LARGE)
    return Download(response.status, response.content_type, content.getvalue())


def _read_pause(named: str | None) -> float | None:
    """The seconds that the server names, None if it names none. Raises NoAnswer if they are too many."""
    seconds = backoff.parse_retry_after(named, system_clock(), PATIENCE + 1)
    if seconds is not None and seconds > PATIENCE:
        log.warning("downloads are limited, for longer than a question waits")
        raise NoAnswer(LATER)
    return None if seconds is None else max(seconds, 0.0)
