"""The pace of a workspace: one budget for each method, over all replies that grow there."""

import time
from collections import defaultdict
from collections.abc import Callable

PAUSE = (
    1.5  # seconds between two edits of growing texts: 40 a minute. Slack allows 50 and more; final texts have the rest
)


class Pace:
    """Gives each growing reply its turn. A final text waits for nobody, and takes the turn of one that grows."""

    def __init__(self, pause: float = PAUSE, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._free: defaultdict[str, float] = defaultdict(float)

    def turn(self, method: str) -> float:
        """Take the next turn: seconds until it comes."""
        now = self._clock()
        self.used(method)
        return max(0.0, self._free[method] - now)

    def used(self, method: str) -> None:
        """A call was made: the turns after it come later."""
        self._free[method] = max(self._clock(), self._free[method]) + self._pause

    def limited(self, method: str, seconds: float) -> None:
        """Slack wants none of these calls for so long."""
        self._free[method] = max(self._free[method], self._clock() + seconds)
