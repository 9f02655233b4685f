"""Rate-limited log: what strangers do wrong is counted in at most one line a minute; what stays wrong is told once."""

import asyncio
import logging
from collections import Counter
from collections.abc import Hashable

from cachetools import LRUCache

log = logging.getLogger(__name__)


SUBJECTS = 10_000  # that are remembered


class FirstWarning:
    """The level of a line about a subject: the first of this process is a warning, each later one for debugging."""

    def __init__(self) -> None:
        self._told: LRUCache[Hashable, bool] = LRUCache(SUBJECTS)

    def choose_level(self, *subject: Hashable) -> int:
        level = logging.DEBUG if subject in self._told else logging.WARNING
        self._told[subject] = True
        return level


class Tally:
    """Counts by reason. The first is logged at once, those of the next `seconds` together at their end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._counts: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def count(self, reason: str) -> None:
        self._counts[reason] += 1
        if self._timer is None:
            self._write()

    def close(self) -> None:
        """Log what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._counts:
            self._log()

    def _write(self) -> None:
        """Log what was counted, and be quiet for a while after it."""
        self._timer = None
        if self._counts:
            self._log()
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._write)

    def _log(self) -> None:
        counted = ", ".join(f"{number} x {reason}" for reason, number in self._counts.most_common())
        log.warning("refused over HTTP: %s", counted)
        self._counts.clear()
