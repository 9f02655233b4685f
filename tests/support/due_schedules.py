"""Schedules in tests: one that is due now, whatever the clock says, and its runs."""

from datetime import timedelta

from core.answering.assistant import Assistant
from core.domain.clock import system_clock
from core.domain.messages import Question, ThreadKey
from core.jobs.schedules import ScheduleWorker
from core.store.protocols import Store
from core.store.records.schedules import ScheduleChange

AGO = timedelta(seconds=5)


async def make_due(store: Store, key: ThreadKey, number: int = 1, ago: timedelta = AGO) -> None:
    """The schedule of that number is due since a moment ago."""
    asked = Question(key, "test", "test", system_clock())
    await store.schedules.change(asked, number, ScheduleChange.PAUSE, None)
    await store.schedules.change(asked, number, ScheduleChange.RESUME, system_clock() - ago)


async def leave_due(store: Store, assistant: Assistant) -> None:
    """Leave what is due to an assistant."""
    await ScheduleWorker(store.schedules, assistant.list_connected, assistant.worker.wake).leave_due()
