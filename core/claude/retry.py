"""Retry policy: how long one question waits for Claude between requests, and what may be billed meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.claude.errors import ClaudeError
from core.domain import backoff

BOUND = 720.0  # seconds: Discord takes a private answer for 900, and the answer takes its time too
COSTLY = 4  # requests for the same thing, where each may have been billed
BEFORE_ANOTHER = 2  # requests, where another model could answer; one, where the API says that it will take longer
SILENT = 5.0  # seconds that people wait without being told
SHORTEST, LONGEST = 1.0, 30.0  # seconds between two requests
KEEP = "I keep trying, and answer here when that is over."

NOTES = {
    "overloaded": f"Claude is overloaded just now. {KEEP}",
    "limited": f"We ask more of Claude than our limits allow just now. {KEEP}",
    "failing": f"Claude has a problem on its side just now. {KEEP}",
    "unreachable": f"I can't reach Claude just now. {KEEP}",
    "proxy": f"The proxy on the way to Claude does not let me through. {KEEP}",
}


@dataclass(frozen=True, slots=True)
class Backoff:
    """A pause before the next request, in seconds, and what people are told of it, if it is long."""

    seconds: float
    note: str | None = None


class RetryPolicy:
    """Exponential backoff with jitter, for one question with one model, from now on.

    `now` counts seconds; `another` is whether another model could answer instead.
    """

    def __init__(self, now: Callable[[], float], another: bool) -> None:
        self._now = now
        self._another = another
        self._began = now()
        self._failures = 0
        self._costly = 0

    def back_off(self, error: ClaudeError) -> Backoff:
        """The pause until the next request, after one that failed. Raises its error, if there is no use in that."""
        self._failures += 1
        self._costly += error.billed or not error.passing
        soon = self._failures < BEFORE_ANOTHER and (error.retry_after or 0) <= SILENT
        elsewhere = self._another and error.other_model and not soon
        if not error.transient or self._costly >= COSTLY or elsewhere:
            raise error
        pause = backoff.grow_pause(self._failures, SHORTEST, LONGEST)
        return self._bound(error, max(pause, error.retry_after or 0))

    def wait(self, error: ClaudeError, seconds: float) -> Backoff:
        """A pause of `seconds`, while other requests probe the model. Raises the error, if that is of no use."""
        if self._another and error.other_model:
            raise replace(error)
        return self._bound(replace(error), seconds)

    def _bound(self, error: ClaudeError, seconds: float) -> Backoff:
        """People are told of a long pause; a pause beyond the bound is none."""
        waited = self._now() - self._began + seconds
        if waited > BOUND:
            raise error
        return Backoff(seconds, NOTES.get(error.kind) if waited > SILENT else None)
