"""Session starts: how many sessions may begin side by side, as the gateway counts them."""

import time
from collections.abc import Callable

WINDOW = 5.0  # seconds in which a bucket takes one IDENTIFY


class SessionStarts:
    """One IDENTIFY every `window` seconds in each of `concurrency` buckets; shard N is in bucket N modulo concurrency.

    Without a window nothing is refused, for clients in a hurry. What comes too early is an invalid session (opcode 9).
    """

    def __init__(
        self, concurrency: int = 1, window: float = 0.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.concurrency = concurrency
        self.window = window
        self.reset_after = 86_400_000
        """Milliseconds until the sessions of a day are counted anew."""
        self.crowded = 0
        """How many came too early."""
        self._clock = clock
        self._began: dict[int, float] = {}

    def admits(self, shard: int) -> bool:
        """Whether a shard's session may begin now; then it does."""
        bucket, now = shard % self.concurrency, self._clock()
        if now - self._began.get(bucket, -self.window) < self.window:
            self.crowded += 1
            return False
        self._began[bucket] = now
        return True
