"""Day sum worker: counts what the requests of ended days came to, before somebody opens a page that tells it."""

import asyncio
import logging
from datetime import datetime, timedelta

from core.billing.budgets import Period, find_period_start, list_midnights
from core.domain.clock import Clock, Sleep
from core.domain.errors import StoreUnavailable
from core.jobs.pace import PACE, JobPace
from core.store.records.reports.day_sums import DaySums, WorkspaceDays

DAYS = 90  # as far as pages look back
REST = 0.05  # seconds for all others before each step, which takes some hundredths of the database
AFTER = timedelta(hours=1, minutes=1)  # a day's end, when all processes are in the next one
RETRY = timedelta(minutes=10)  # until a day is looked at again of which a request is under way

log = logging.getLogger(__name__)


class DaySumWorker:
    """Looks every ten minutes for days to be counted. Any number of processes may have one.

    `zone` is where days begin in workspaces that chose no time zone.
    """

    def __init__(
        self, sums: DaySums, zone: str, clock: Clock, sleep: Sleep = asyncio.sleep, pace: JobPace = PACE
    ) -> None:
        self._sums = sums
        self._zone = zone
        self._clock = clock
        self._sleep = sleep
        self._pace = pace

    async def run(self) -> None:
        """Count until cancelled."""
        await self._sleep(self._pace.settling)
        while True:
            try:
                await self.count_all()
            except StoreUnavailable as error:
                log.info("days that are over can't be counted: %s", error)
            except Exception:
                log.exception("a bug kept days that are over from being counted")
            await self._sleep(self._pace.days)

    async def count_all(self) -> None:
        """Count what is due in each workspace. Raises StoreUnavailable."""
        after = ""
        while found := await self._sums.list_workspaces(after, self._zone):
            for one in found:
                if one.due:
                    await self._try_to_count(one)
            after = found[-1].workspace

    async def _try_to_count(self, one: WorkspaceDays) -> None:
        """A bug costs only the workspace that meets it. Raises StoreUnavailable."""
        try:
            await self._count(one)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("a bug kept the days of %s from being counted", one.workspace)

    async def _count(self, one: WorkspaceDays) -> None:
        now = self._clock()
        today = find_period_start(Period.DAY, now, one.zone)
        midnights = list_midnights(today - timedelta(days=DAYS - 1), now, one.zone)
        await self._sleep(REST)
        count = await self._sums.begin(one.workspace, one.zone, midnights)
        while count and count.left:
            await self._sleep(REST)
            count = await self._sums.go_on(count)
        if count:
            await self._sums.end(count, RETRY if count.waiting else find_pause(today, now))


def find_pause(today: datetime, now: datetime) -> timedelta:
    """How long it is until another day may be counted: the one before `today`, which began then, or this one."""
    return min(at - now for day in (0, 1) if (at := today + timedelta(days=day) + AFTER) > now)
