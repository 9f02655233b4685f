"""Rate-limited log: counts what strangers do wrong, and logs it in at most one line a minute."""

import asyncio
import logging
from collections import Counter

log = logging.getLogger(__name__)


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
