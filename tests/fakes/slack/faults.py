"""What goes wrong with requests: limits, failures, lost answers and delays, each scripted by method."""

import math
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["before", "after", "answered"]
"""before: nothing happened yet; after: it happened, nobody was told; answered: the answer is on its way."""
Hook = Callable[[int, str, Phase], Awaitable[object]]

EVERY = "*"


class Cut(Exception):
    """Raised by a hook: this connection ends here, unanswered; raised before, nothing happens either."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one request. `lost`: it happens, unanswered. `dropped`: neither. `hangs`: no answer, ever.

    A `body` is answered in place of the true one, as JSON whatever it is, and nothing happens.
    """

    status: int = 200
    error: str = ""
    retry_after: float | None = None
    lost: bool = False
    dropped: bool = False
    hangs: bool = False
    body: bytes | None = None

    @property
    def performed(self) -> bool:
        return self.status == 200 and not (self.error or self.dropped or self.hangs or self.body is not None)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in so many seconds; `each` channel has them for itself."""

    calls: int
    seconds: float
    each: bool = False


TIERS = {
    "assistant.threads.setStatus": Limit(60, 60),
    "bots.info": Limit(50, 60),
    "chat.delete": Limit(50, 60),
    "chat.postEphemeral": Limit(100, 60),
    "chat.postMessage": Limit(60, 60, each=True),
    "chat.update": Limit(50, 60),
    "conversations.history": Limit(50, 60),
    "conversations.info": Limit(50, 60),
    "conversations.open": Limit(50, 60),
    "conversations.replies": Limit(50, 60),
    "users.conversations": Limit(50, 60),
    "users.info": Limit(100, 60),
    "views.open": Limit(100, 60),
}
"""What a workspace gets of each method at least (docs.slack.dev, rate limits); of posts about one a second."""


class Faults:
    """The script of what goes wrong, and when."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.delays: dict[str, float] = {}
        self._next: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._limits: dict[str, Limit] = {}
        self._times: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.limited: list[str] = []
        """The methods of the calls that a limit has refused."""

    def limit(self, method: str, calls: int, seconds: float) -> None:
        self._limits[method] = Limit(calls, seconds)

    def enforce_tiers(self, minute: float) -> None:
        """Take no more calls than the documented tiers allow, in minutes of so many seconds."""
        self._limits |= {name: Limit(one.calls, minute, one.each) for name, one in TIERS.items()}

    def script(self, method: str, fault: Fault, times: int) -> None:
        self._next[method].extend([fault] * times)

    def take(self, method: str, now: float, channel: str = "") -> Fault | None:
        """The fault that meets this request, if any; it is used up."""
        for name in (method, EVERY):
            if self._next[name]:
                return self._next[name].popleft()
        wait = self._wait(method, now, channel)
        if not wait:
            return None
        self.limited.append(method)
        return Fault(429, "ratelimited", wait)

    def _wait(self, method: str, now: float, channel: str) -> float:
        """Whole seconds until `method` may be called again; 0 counts this call."""
        limit = self._limits.get(method)
        if limit is None:
            return 0
        times = self._times[method, channel if limit.each else ""]
        while times and times[0] <= now - limit.seconds:
            times.popleft()
        if len(times) < limit.calls:
            times.append(now)
            return 0
        return max(1, math.ceil(times[0] + limit.seconds - now))
