"""Activity indicator: "we are working" is said while there is no text yet, and again before the platform forgets it."""

import asyncio
from collections.abc import Awaitable, Callable

AHEAD = 0.03  # seconds that Claude is asked before: what comes at once needs no indicator, and never waits for one


async def repeat_activity(show: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Show the activity every `seconds`, until cancelled or until `show` says that it is of no use here."""
    pause = AHEAD
    while True:
        await asyncio.sleep(pause)
        if not await show():
            return
        pause = seconds
