"""A hold on the floor: the right to answer one question, sure only while others can see that this process lives."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime


class Dropped(Exception):
    """Another process may answer this from here on: touch the platform no more."""


class Life:
    """Until when others surely leave to this process what it holds, as its last beat has it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._until = datetime.min.replace(tzinfo=UTC)
        self._beaten = asyncio.Event()

    @property
    def left(self) -> float:
        """Seconds; they pass also while the process is stopped."""
        return max(0.0, (self._until - self._clock()).total_seconds())

    def beaten(self, until: datetime) -> None:
        """The process has said that it lives."""
        self._until = until
        self._beaten.set()
        self._beaten = asyncio.Event()

    async def sure(self) -> None:
        """Wait for the next beat, unless the last one still counts."""
        while not self.left:
            await self._beaten.wait()


class Hold:
    """One question's hold on the floor. `stop` is set when its answer shall end with what was said."""

    def __init__(self, life: Life) -> None:
        self.stop = asyncio.Event()
        self._life = life
        self._dropped = False

    def drop(self) -> None:
        """It is another process's from here on."""
        self._dropped = True

    async def sure(self) -> None:
        """Return while it is surely ours; wait where only the next beat can tell. Raises Dropped."""
        await self._life.sure()
        if self._dropped:
            raise Dropped


holding: ContextVar[Hold | None] = ContextVar("holding", default=None)
"""The hold of the question that a task answers."""
