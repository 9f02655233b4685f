"""Circuit breaker of one model: it opens after failures in a row; then one probe at a time finds out if it is over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.claude.errors import ClaudeError

FAILURES = 5  # in a row, after which the circuit opens
RELAPSES = 2  # in a row, after which it opens again while requests are let in little by little
FIRST = 5.0  # seconds that it is open at first, twice as long each time after that
LONGEST = 20.0  # seconds: who waits is answered no later than this after the trouble is over
OBEYED = 600.0  # seconds of retry-after, at most: a wrong word of a gateway's must not silence us for a day
MANY = 64  # requests that may wait for their first words without us pacing them any more
LOOK = 1.0  # seconds after which who was not let in asks again


class CircuitBreaker:
    """Lets requests through; after FAILURES in a row, one when a pause is over, and each success lets two more.

    All times are seconds of one clock that never goes back.
    """

    def __init__(self) -> None:
        self.trouble: ClaudeError | None = None
        """Why it is open; None while requests pass as they come."""
        self._failures = 0
        self._pause = 0.0
        self._until = 0.0
        self._most = MANY
        self._silent = 0

    @property
    def mending(self) -> bool:
        """A request has found out that the trouble is over, and the others are let in little by little."""
        return self._most > 1

    def closed_for(self, now: float) -> float:
        """Seconds until it makes sense to ask again whether a request may go; 0 if it may go now."""
        if self.trouble is None:
            return 0.0
        if now < self._until:
            return self._until - now
        return LOOK if self._silent >= self._most else 0.0

    @contextmanager
    def request(self, now: Callable[[], float]) -> Iterator[Callable[[], None]]:
        """A request on its way. What this gives is called when its first words are there: only that is a success."""
        silent = True
        self._silent += 1

        def note_first_text() -> None:
            nonlocal silent
            if silent:
                silent = False
                self._silent -= 1
                self._record_success()

        try:
            yield note_first_text
        except ClaudeError as trouble:
            if trouble.passing:
                self._record_failure(trouble, now())
            raise
        finally:
            self._silent -= silent

    def _record_success(self) -> None:
        self._failures, self._pause = 0, 0.0
        self._most = min(self._most * 2, MANY)
        if self._most == MANY:
            self.trouble = None

    def _record_failure(self, trouble: ClaudeError, now: float) -> None:
        self._failures += 1
        if self._failures < (FAILURES if self.trouble is None else RELAPSES if self.mending else 1):
            return
        if now < self._until:
            return  # sent before the circuit opened
        self.trouble = trouble
        self._pause = min(max(FIRST, self._pause * 2), LONGEST)
        self._until = now + max(self._pause, min(trouble.retry_after or 0, OBEYED))
        self._most = 1
