"""Patience: how long one question waits for Claude, what it pays meanwhile, and what people are told."""

import random
from collections.abc import Callable
from dataclasses import replace

from core.claude.errors import ClaudeError

BOUND = 720.0  # seconds: Discord takes a private answer for 900, and the answer takes its time too
COSTLY = 4  # requests for the same thing, where each may have been billed
BEFORE_ANOTHER = 2  # requests, where another model could answer
SILENT = 5.0  # seconds that people wait without being told
LONGEST = 30.0  # seconds between two requests
KEEP = "I keep trying, and answer here when that is over."

NOTES = {
    "overloaded": f"Claude is overloaded just now. {KEEP}",
    "limited": f"We ask more of Claude than our limits allow just now. {KEEP}",
    "failing": f"Claude has a problem on its side just now. {KEEP}",
    "unreachable": f"I can't reach Claude just now. {KEEP}",
}


class RetryPolicy:
    """Of one question with one model, from now on. `now` counts seconds; `another` model could answer instead."""

    def __init__(self, now: Callable[[], float], another: bool, tell: Callable[[str], None]) -> None:
        self._now = now
        self._another = another
        self._tell = tell
        self._began = now()
        self._failures = 0
        self._costly = 0

    def pause(self, trouble: ClaudeError) -> float:
        """Seconds until the next request, after one that failed. Raises its trouble, if there is no use in that."""
        self._failures += 1
        self._costly += trouble.billed or not trouble.passing
        elsewhere = self._another and trouble.other_model and self._failures >= BEFORE_ANOTHER
        if not trouble.transient or self._costly >= COSTLY or elsewhere:
            raise trouble
        longer = min(2.0 ** (self._failures - 1), LONGEST) + random.uniform(0, 0.5)  # noqa: S311  no secret
        return self._bear(trouble, max(longer, trouble.retry_after or 0))

    def wait(self, trouble: ClaudeError, seconds: float) -> float:
        """`seconds`, in which others find out whether their trouble is over. Raises it, if there is no use in that."""
        if self._another and trouble.other_model:
            raise replace(trouble)
        return self._bear(replace(trouble), seconds)

    def _bear(self, trouble: ClaudeError, seconds: float) -> float:
        """People are told of a long pause; a pause beyond the bound is none."""
        waited = self._now() - self._began + seconds
        if waited > BOUND:
            raise trouble
        if waited > SILENT and trouble.kind in NOTES:
            self._tell(NOTES[trouble.kind])
        return seconds
