"""Schedules over any engine."""

from collections.abc import Collection, Sequence
from datetime import datetime

from core.domain.messages import Question, ThreadKey
from core.store.places import schedules
from core.store.records.schedules import (
    DueSchedules,
    NewSchedule,
    Schedule,
    ScheduleChange,
    ScheduledRun,
    Stop,
)
from core.store.rules.jobs import schedules as runs
from core.store.sql_port import Engine


class ScheduleRepository:
    """Keeps the protocol `Schedules`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, new: NewSchedule) -> Schedule:
        return await self._engine.unit(lambda sql: schedules.add_schedule(sql, new))

    async def change(
        self, command: Question, number: int, change: ScheduleChange, due_at: datetime | None
    ) -> Schedule | None:
        return await self._engine.unit(lambda sql: schedules.change_schedule(sql, command, number, change, due_at))

    async def list_due(self, platforms: Collection[str], most: int) -> DueSchedules:
        return await self._engine.unit(lambda sql: schedules.list_due(sql, platforms, most))

    async def leave_run(
        self, schedule: Schedule, due_at: datetime, next_at: datetime | None, question: Question | None
    ) -> bool:
        return await self._engine.unit(lambda sql: runs.leave_run(sql, schedule, due_at, next_at, question))

    async def find_run(self, question: Question) -> ScheduledRun | None:
        return await self._engine.unit(lambda sql: runs.find_run(sql, question))

    async def note_skipped(self, schedule: int, due_at: datetime) -> None:
        await self._engine.unit(lambda sql: schedules.note_skipped(sql, schedule, due_at))

    async def stop(self, schedule: int, why: Stop) -> None:
        await self._engine.unit(lambda sql: schedules.stop_schedule(sql, schedule, why))

    async def list(self, key: ThreadKey) -> Sequence[Schedule]:
        return await self._engine.unit(lambda sql: schedules.list_schedules(sql, key))
