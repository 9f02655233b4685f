"""Schedule worker: leaves the run of each schedule that is due, as a question that the worker answers like any."""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from core.commands.schedules.prompt import PROMPT, TEXT
from core.commands.schedules.recurrence import Recurrence
from core.commands.schedules.schedule import write_time
from core.domain.clock import Sleep
from core.domain.errors import StoreUnavailable
from core.domain.messages import HEADING, SINCE_RUN, ZONE, Question
from core.store.records.schedules import YOUNG, Schedule, Schedules
from core.store.sql_port import stamp

POLL = 10.0  # seconds after which it is looked for schedules that another process was told of
PORTION = 20  # schedules that are looked up at once: of several processes each leaves some
BACK = timedelta(days=400)  # in which the time before the first run is looked for

log = logging.getLogger(__name__)


class ScheduleWorker:
    """Sleeps until the next schedule is due on the database's clock. Any number of processes may have one.

    `platforms` are those that can be shown an answer now; the schedules of others wait, and are skipped when they have
    waited for more than an hour. `wake` is called when there is a question.
    """

    def __init__(
        self,
        schedules: Schedules,
        platforms: Callable[[], Collection[str]],
        wake: Callable[[], None],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._schedules = schedules
        self._platforms = platforms
        self._wake = wake
        self._sleep = sleep

    async def run(self) -> None:
        """Leave runs until cancelled."""
        while True:
            try:
                seconds = await self.leave_due()
            except StoreUnavailable as error:
                log.error("could not look for schedules: %s", error)
                seconds = POLL
            except Exception:
                log.exception("a bug kept schedules from being looked for")
                seconds = POLL
            await self._sleep(seconds)

    async def leave_due(self) -> float:
        """Leave what is due now; the seconds until it is worth another look. Raises StoreUnavailable."""
        while True:
            found = await self._schedules.list_due(self._platforms(), PORTION)
            left = [await self._try_to_leave(schedule, found.now) for schedule in found.schedules]
            if not all(left):
                return POLL  # what failed is still due: at once it would fail again
            if len(left) < PORTION:
                return min(POLL, found.pause.total_seconds()) if found.pause else POLL

    async def _try_to_leave(self, schedule: Schedule, now: datetime) -> bool:
        """Whether a schedule was looked after; a bug costs only the schedule that meets it. Raises StoreUnavailable."""
        try:
            await self._leave(schedule, now)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("a bug kept schedule %d from its run", schedule.id)
            return False
        return True

    async def _leave(self, schedule: Schedule, now: datetime) -> None:
        """Leave the newest of the times that have come, if it is young; those before it are not made up for.

        One whose times can't be read has a last run, in which it stops.
        """
        assert schedule.due_at is not None
        recurrence = Recurrence(schedule.cron)
        if not recurrence.is_readable(schedule.zone):
            log.error("the times of schedule %d can't be read in the zone %r", schedule.id, schedule.zone)
            last = build_run(schedule, schedule.due_at)
            if await self._schedules.leave_run(schedule, schedule.due_at, None, last):
                self._wake()
            return
        due_at = recurrence.find_newest(schedule.zone, schedule.due_at, now)
        next_at = recurrence.find_next(schedule.zone, now)
        question = build_run(schedule, due_at) if now - due_at <= YOUNG else None
        if await self._schedules.leave_run(schedule, due_at, next_at, question):
            log.info("a run of schedule %d is due", schedule.id)
            self._wake()


def build_run(schedule: Schedule, due_at: datetime) -> Question:
    """The question that the run of a time asks, in the name of who added the schedule."""
    values = {
        HEADING: f"Schedule {schedule.number} of {write_time(due_at, schedule.zone)}",
        SINCE_RUN: stamp(_find_time_before(schedule, due_at)),
        ZONE: schedule.zone,
    }
    return Question(
        key=schedule.key,
        name=f"run-{schedule.id}-{int(due_at.timestamp() * 1000)}",
        person=schedule.author,
        at=due_at,
        command=PROMPT.words if schedule.prompt else schedule.line,
        values=values | ({TEXT: schedule.line} if schedule.prompt else {}),
        schedule=schedule.id,
    )


def _find_time_before(schedule: Schedule, due_at: datetime) -> datetime:
    """The schedule's time before this one: what the first run tells begins there."""
    recurrence = Recurrence(schedule.cron)
    if not recurrence.is_readable(schedule.zone):
        return due_at - BACK
    first = recurrence.find_next(schedule.zone, due_at - BACK) or due_at
    return (
        recurrence.find_newest(schedule.zone, first, due_at - timedelta(seconds=1)) if first < due_at else due_at - BACK
    )
