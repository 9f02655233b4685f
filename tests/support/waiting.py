"""Waiting for what other tasks do: until it is so, for longer than the slowest machine takes."""

import asyncio
from collections.abc import Callable

from core.telemetry import QuestionClosed, TelemetryEvent

PATIENCE = 60.0  # seconds; only a test that fails waits so long


async def until(true: Callable[[], object], seconds: float = PATIENCE, every: float = 0.005) -> None:
    """Wait until `true` is. Who asks a database does that less often: `every` so many seconds."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(every)


async def let_others_run(turns: int = 200) -> None:
    """Let every other task go as far as it can: of what waits for no socket, thread or clock, all that will happen has."""
    for _ in range(turns):
        await asyncio.sleep(0)


class Closing:
    """A sink of telemetry events that waits until so many questions are closed, and asks nobody meanwhile.

    What polls takes all the time that a busy machine leaves to a test.
    """

    def __init__(self, questions: int) -> None:
        self._left = questions
        self._over = asyncio.Event()

    def __call__(self, event: TelemetryEvent) -> None:
        self._left -= isinstance(event, QuestionClosed)
        if self._left <= 0:
            self._over.set()

    async def wait(self, seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            await self._over.wait()
