"""Session starts: one IDENTIFY of a bucket at a time over all processes, and none beyond what a day allows."""

import asyncio
import logging
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from bots.discord.parse import Json
from core.domain.clock import Sleep
from core.domain.errors import StoreUnavailable
from core.store.records.shards.leases import Shards

SPACING = 5.5  # seconds between two session starts of a bucket; Discord wants five
LEAD = 1.0  # seconds from the turn to the IDENTIFY, in which the connection is made
FRESH = 5.0  # seconds that Discord's limits are believed, when a session is to begin
SPARE = 0.5  # seconds that an IDENTIFY may come after its moment, for a turn is so much longer than Discord wants
LONGEST = 300.0  # seconds after which it is asked again, where a day's sessions are used up
RETRY = 2.0  # seconds before the database is asked again

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StartLimit:
    """What Discord says of sessions: `GET /gateway/bot`."""

    shards: int
    remaining: int
    reset_after: float
    """Seconds until the sessions of a day are counted anew."""
    concurrency: int

    @property
    def is_spent(self) -> bool:
        """Whether no session may begin: what begins at the same moment elsewhere is not counted yet."""
        return self.remaining <= self.concurrency


def read_limit(answer: Json) -> StartLimit:
    """Raises LookupError, TypeError or ValueError, where that is not Discord's."""
    limit = answer["session_start_limit"]
    return StartLimit(
        max(1, int(answer["shards"])),
        int(limit["remaining"]),
        int(limit["reset_after"]) / 1000,
        max(1, int(limit["max_concurrency"])),
    )


class SessionStarts:
    """Gives turns to begin a session. `ask` asks Discord for its limits.

    It is asked by who has a turn, and by nobody who waits for one, however many processes do. For tests there are
    `spacing` and all below.
    """

    def __init__(
        self,
        bot: str,
        ask: Callable[[], Awaitable[StartLimit]],
        *,
        shards: Shards,
        spacing: float = SPACING,
        lead: float = LEAD,
        fresh: float = FRESH,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shards = shards
        self._bot = bot
        self._ask = ask
        self._spacing = spacing
        self._lead = lead
        self._fresh = fresh
        self._sleep = sleep
        self._clock = clock
        self._limit: StartLimit | None = None
        """What Discord said last."""
        self._asked_at = -math.inf
        self._asking = asyncio.Lock()
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.spent_until = 0.0
        """Until when no session may begin, on the monotonic clock."""

    @property
    def trouble(self) -> str:
        """Why no session begins just now; empty while sessions may begin."""
        minutes = (self.spent_until - self._clock()) / 60
        return f"Discord allows no more sessions today; it counts anew in {minutes:.0f} min" if minutes > 0 else ""

    @property
    def remaining(self) -> int | None:
        """How many sessions were left, when Discord was asked last."""
        return self._limit.remaining if self._limit else None

    async def fetch_limit(self) -> StartLimit:
        """What Discord says, at most some seconds ago. Raises what the library raises."""
        async with self._asking:  # shards that begin side by side ask once
            if self._limit is None or self._clock() - self._asked_at >= self._fresh:
                self._limit = await self._ask()
                self._asked_at = self._clock()
            return self._limit

    async def wait_for_turn(self, shard: int) -> float:
        """Wait until a shard may begin a session: the moment, on the monotonic clock, at which it says IDENTIFY.

        Raises what the library raises.
        """
        concurrency = (self._limit or await self.fetch_limit()).concurrency
        async with self._turns[shard % concurrency]:
            while True:
                if seconds := await self._claim(shard % concurrency):
                    await self._sleep(seconds)
                    continue
                moment = self._clock() + self._lead
                limit = await self.fetch_limit()
                if limit.is_spent:
                    await self._wait_until_counted_anew(limit)
                elif self._clock() <= moment + SPARE:  # else the next turn is somebody's already
                    self.spent_until = 0.0
                    return moment

    async def _claim(self, bucket: int) -> float:
        """Seconds before the next try; 0 where it is our turn."""
        try:
            wait = await self._shards.claim_start(self._bot, bucket, timedelta(seconds=self._spacing))
        except StoreUnavailable as error:
            log.error("a session begins when the database gives a turn: %s", error)
            return RETRY
        return wait.total_seconds()

    async def _wait_until_counted_anew(self, limit: StartLimit) -> None:
        """Wait until Discord counts anew, or may have: the operator can have it do so by a new token."""
        self.spent_until = self._clock() + limit.reset_after
        log.error("%s", self.trouble)
        await self._sleep(min(limit.reset_after, LONGEST))
        self._asked_at = -math.inf
