"""Stalls of the event loop: how much time of the processor passes between two of its turns."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def measure_stalls() -> AsyncIterator[list[float]]:
    """The stalls while this lasts, in seconds, as they are measured."""
    found: list[float] = []
    measuring = asyncio.create_task(_measure(found))
    await asyncio.sleep(0)
    gc.disable()  # its turns take as long as all that other tests left behind
    try:
        yield found
    finally:
        gc.enable()
        measuring.cancel()


async def _measure(found: list[float]) -> None:
    while True:
        began = time.thread_time()
        await asyncio.sleep(0.001)
        found.append(time.thread_time() - began)
