"""The pace of edits in a channel, over all that we show there at once."""

import asyncio
from collections.abc import Callable

EDIT = 1.2  # seconds between two edits; Discord publishes no number, 5 in 5 s are safe


class Pace:
    """Gives each channel's edits their times, in the order in which they ask for one."""

    def __init__(self, seconds: float = EDIT, now: Callable[[], float] | None = None) -> None:
        self._seconds = seconds
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._free: dict[str, float] = {}

    def book(self, channel: str) -> float:
        """Take the channel's next free time; how many seconds away it is."""
        now = self._now()
        self._free = {name: free for name, free in self._free.items() if free > now}
        at = self._free.get(channel, now)
        self._free[channel] = at + self._seconds
        return at - now

    def away(self, channel: str) -> float:
        """How many seconds away the channel's next free time is."""
        return max(0.0, self._free.get(channel, 0.0) - self._now())
