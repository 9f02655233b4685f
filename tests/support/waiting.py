"""Waiting for what other tasks do: until it is so, for longer than the slowest machine takes."""

import asyncio
from collections.abc import Callable

PATIENCE = 60.0  # seconds; only a test that fails waits so long


async def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until `true` is."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.002)


async def let_others_run(turns: int = 200) -> None:
    """Let every other task go as far as it can: of what waits for no socket, thread or clock, all that will happen has."""
    for _ in range(turns):
        await asyncio.sleep(0)
