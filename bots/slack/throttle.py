"""Rate limits of our own for a workspace: of edits of growing texts, and of reads that nobody waits for."""

import time
from collections import defaultdict
from collections.abc import Callable

LEISURE = 0.25  # seconds between two calls that nobody waits for, as long as there were few in the last minute
FEW = 20  # calls of a method in a minute; Slack allows 50 and more, and those that somebody waits for have the rest
SLOW = 2.0  # seconds between two of them after that
MINUTE = 60.0

PAUSE = 1.5  # seconds between two edits of growing texts: 40 a minute. Slack allows 50; final texts have the rest


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
