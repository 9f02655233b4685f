"""Supervisor: restarts a platform with exponential backoff, so that no failure reaches its neighbours."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from core.domain import backoff
from core.domain.clock import Sleep
from core.domain.errors import CannotConnect
from core.domain.events import Ingest
from core.domain.platform import Connected, Platform, ignore_connected

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two tries, the first and at most
WELL = 60.0  # seconds of running after which a failure counts as the first one
LOOK, LONGEST_START = 0.05, 10.0  # seconds between two looks whether all are connected, and of looking at most

log = logging.getLogger(__name__)


class Supervisor:
    """Runs one platform, and restarts it each time it fails or returns."""

    def __init__(
        self,
        platform: Platform,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.platform = platform
        self._sleep = sleep
        self._clock = clock
        self._failure = ""

    @property
    def offline(self) -> str:
        """Why no events come just now, in a few words for the operator; empty while we are connected."""
        return self._failure or self.platform.offline

    async def run(self, ingest: Ingest, connected: Connected = ignore_connected) -> None:
        """Keep the platform running until cancelled. After it ran well for a while, it is restarted at once."""
        while True:
            await backoff.retry(
                lambda: self._run_once(ingest, connected),
                Exception,
                self._sleep,
                first=FIRST_PAUSE,
                longest=LONGEST_PAUSE,
                named_pause=_name_pause,
            )

    async def _run_once(self, ingest: Ingest, connected: Connected) -> None:
        """Run the platform to its end. Raises what ended it, unless it ran well before."""
        began, self._failure = self._clock(), ""
        try:
            await self.platform.run(ingest, connected)
            failure: Exception = RuntimeError("it stopped without a word")
        except Exception as error:
            failure = error
        self._record(failure)
        if self._clock() - began < WELL:
            raise failure

    def _record(self, failure: Exception) -> None:
        name = self.platform.name
        if isinstance(failure, CannotConnect):
            log.error("%s refuses to connect: %s", name, failure)
            self._failure = str(failure)
        else:
            log.error("%s failed and will be run again: %r", name, failure, exc_info=failure)
            self._failure = f"failed: {type(failure).__name__}"


async def run_once_connected(
    platforms: Sequence[Platform], work: Callable[[], Awaitable[None]], sleep: Sleep = asyncio.sleep
) -> None:
    """Run `work`, which loads what a start does not need, as soon as all platforms are connected, or soon after."""
    for _ in range(round(LONGEST_START / LOOK)):
        if not any(one.offline for one in platforms):
            break
        await sleep(LOOK)
    await work()


def _name_pause(failure: BaseException) -> float | None:
    """The longest pause at once after a platform that will go on refusing."""
    return LONGEST_PAUSE if isinstance(failure, CannotConnect) else None
