"""Pace: a rate limit per key (a channel) that gives each edit of a growing text its turn, in order."""

import time
from collections.abc import Callable


class Pace:
    """Spaces the turns of each key by `seconds`, over all replies that share it. `clock` counts seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._free: dict[str, float] = {}

    def book_turn(self, key: str) -> float:
        """Take the key's next free turn; how many seconds away it begins."""
        now = self._clock()
        self._free = {name: free for name, free in self._free.items() if free > now}
        at = self._free.get(key, now)
        self._free[key] = at + self._seconds
        return at - now

    def seconds_until_free(self, key: str) -> float:
        """How many seconds away the key's next free turn is."""
        return max(0.0, self._free.get(key, 0.0) - self._clock())
