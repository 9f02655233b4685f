"""How long an event loop is held up by the work of its process."""

import asyncio
import gc
import time
from collections.abc import Iterator


class LoopWatch:
    """How long the loop did not come round: a longest time of this process's work, whichever thread did it."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> "LoopWatch":
        self._going = asyncio.create_task(self._go_round())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._going.cancel()

    async def _go_round(self) -> None:
        """Only what this process does counts, so that a busy machine changes nothing."""
        while True:
            before = time.process_time()
            await asyncio.sleep(0)
            self.longest = max(self.longest, time.process_time() - before)


def settle_heap() -> Iterator[None]:
    """What other tests left is not for the garbage collector to go through meanwhile; `confab run` does the same."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
