"""Live figures: what changes is told to pages while they are open, by server-sent events.

A workspace is read once in an interval, for all who look at it, and only while somebody does. A stream ends by itself
before the server would end it, and where its person's rank is too old: the browser comes back, and is let in anew.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from bots.web.site.site import HEADERS, PageRefused
from core.domain.clock import Sleep
from core.domain.errors import StoreUnavailable
from core.store.records.reports.live import Pulse

INTERVAL = 5.0  # seconds between two readings of a workspace
EACH = 4  # streams of one session: a browser opens six connections to a host at most, and needs some for pages
ALL = 64  # streams of this process: the port has 256 connections, and platforms need some of them
STAY = 45.0  # seconds that a stream lasts; the port ends any answer after sixty
AGAIN = 2_000  # milliseconds after which a browser connects again
CROWDED = (429, "Too many pages are open", "Close some, or reload this one for newer figures.")
REREAD = "reread"
"""The figure whose change means that more has changed on the page than figures."""

log = logging.getLogger(__name__)

ReadPulse = Callable[[str, datetime], Awaitable[Pulse]]
Values = Mapping[str, str]


@dataclass(slots=True)
class _Watch:
    """One workspace, and how many look at it."""

    since: Callable[[], datetime]
    pulse: Pulse | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    followers: int = 0
    task: asyncio.Task[None] | None = None


class LiveFigures:
    """Reads workspaces that somebody looks at, and counts the streams."""

    def __init__(self, read: ReadPulse, sleep: Sleep = asyncio.sleep, *, interval: float = INTERVAL) -> None:
        self._read, self._sleep, self._interval = read, sleep, interval
        self._watches: dict[str, _Watch] = {}
        self._streams = Counter[int]()
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End all streams, and begin none any more."""
        self._closing.set()
        for watch in self._watches.values():
            watch.moved.set()

    @contextmanager
    def count_stream(self, session: int) -> Iterator[None]:
        """Count one stream of a session while this lasts. Raises PageRefused where there are enough."""
        if self._closing.is_set() or self._streams[session] >= EACH or self._streams.total() >= ALL:
            raise PageRefused(*CROWDED)
        self._streams[session] += 1
        try:
            yield
        finally:
            self._streams[session] -= 1
            self._streams += Counter()  # drops what is zero

    async def follow(self, workspace: str, since: Callable[[], datetime]) -> AsyncGenerator[Pulse]:
        """The newest pulse, and each one after it; who reads slowly misses some. `since` is when today began there."""
        watch = self._watches.setdefault(workspace, _Watch(since))
        watch.since, watch.followers = since, watch.followers + 1
        watch.task = watch.task or asyncio.create_task(self._keep_reading(workspace, watch), name=f"live {workspace}")
        known = None
        try:
            while not self._closing.is_set():
                moved = watch.moved
                if watch.pulse is not None and watch.pulse is not known:
                    known = watch.pulse
                    yield known
                else:
                    await moved.wait()
        finally:
            watch.followers -= 1
            if not watch.followers:
                watch.task.cancel()
                self._watches.pop(workspace, None)

    async def _keep_reading(self, workspace: str, watch: _Watch) -> None:
        while True:
            try:
                watch.pulse = await self._read(workspace, watch.since())
            except StoreUnavailable:
                pass  # the next reading may find it again; the log has it from elsewhere
            except Exception:
                log.exception("live figures of %s could not be read", workspace)
            watch.moved.set()
            watch.moved = asyncio.Event()
            await self._sleep(self._interval)


async def send_figures(
    request: web.Request,
    pulses: AsyncGenerator[Pulse],
    describe: Callable[[Pulse], Values],
    seconds: float,
    has_ended: Callable[[Pulse], Awaitable[bool]],
) -> web.StreamResponse:
    """Send what changes, for so many seconds, until the session `has_ended`."""
    headers = {**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    told: Values = {}
    with suppress(TimeoutError, ConnectionError, StoreUnavailable):
        await response.write(f"retry: {AGAIN}\n\n".encode())
        async with asyncio.timeout(seconds), aclosing(pulses) as found:
            async for pulse in found:
                if await has_ended(pulse):
                    await response.write(b"event: ended\ndata: {}\n\n")
                    break
                values = describe(pulse)
                changed = {name: words for name, words in values.items() if told.get(name) != words}
                told = values
                event = f"event: figures\ndata: {json.dumps(changed)}\n\n" if changed else ": still here\n\n"
                await response.write(event.encode())
    return response
