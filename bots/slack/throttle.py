"""The pace of a workspace: one budget for each method, over all replies that grow there, and one for looking back."""

import time
from collections import defaultdict
from collections.abc import Callable

LEISURE = 0.25  # seconds between two calls that nobody waits for, as long as there were few in the last minute
FEW = 20  # calls of a method in a minute; Slack allows 50 and more, and those that somebody waits for have the rest
SLOW = 2.0  # seconds between two of them after that
MINUTE = 60.0

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


class Leisure:
    """Lets calls that nobody waits for take their time, each method for itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: defaultdict[str, list[float]] = defaultdict(list)

    def turn(self, method: str) -> float:
        """Take the next turn: seconds until it comes."""
        now = self._clock()
        made = self._made[method] = [at for at in self._made[method] if at > now - MINUTE]
        pause = LEISURE if len(made) < FEW else SLOW
        made.append(max([now, *(at + pause for at in made[-1:])]))
        return made[-1] - now
