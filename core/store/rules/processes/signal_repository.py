"""Signals as the store gives them: news between the processes of a database."""

from collections.abc import Callable

from core.store.records.heartbeat import News
from core.store.rules.processes.announcements import announce_unclaimed
from core.store.sql_port import Engine


class SignalRepository:
    """Keeps the protocol `Signals`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def listen(self, hear: Callable[[News], None]) -> None:
        await self._engine.listen(hear)

    async def call_others(self) -> None:
        await self._engine.unit(announce_unclaimed)
