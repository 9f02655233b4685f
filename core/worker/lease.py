"""A hold on the floor: the right to answer one question, sure only while others can see that this process lives."""

import asyncio
from contextvars import ContextVar
from datetime import UTC, datetime

from core.domain.clock import Clock
from core.domain.errors import LeaseLost


class ProcessLease:
    """Until when others surely leave to this process what it holds, as its last beat has it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = datetime.min.replace(tzinfo=UTC)
        self._beaten = asyncio.Event()

    @property
    def left(self) -> float:
        """Seconds; they pass also while the process is stopped."""
        return max(0.0, (self._until - self._clock()).total_seconds())

    def renew(self, until: datetime) -> None:
        """The process has said that it lives."""
        self._until = until
        self._beaten.set()
        self._beaten = asyncio.Event()

    async def ensure_held(self) -> None:
        """Wait for the next beat, unless the last one still counts."""
        while not self.left:
            await self._beaten.wait()


class QuestionLease:
    """One question's hold on the floor. `stop` is set when its answer shall end with what was said."""

    def __init__(self, process_lease: ProcessLease) -> None:
        self.stop = asyncio.Event()
        self._process_lease = process_lease
        self._dropped = False

    def drop(self) -> None:
        """It is another process's from here on."""
        self._dropped = True

    async def ensure_held(self) -> None:
        """Return while it is surely ours; wait where only the next beat can tell. Raises LeaseLost."""
        await self._process_lease.ensure_held()
        if self._dropped:
            raise LeaseLost


current_lease: ContextVar[QuestionLease | None] = ContextVar("holding", default=None)
"""The hold of the question that a task answers."""
