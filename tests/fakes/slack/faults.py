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


TIER_2, TIER_3, TIER_4 = Limit(20, 60), Limit(50, 60), Limit(100, 60)
TIERS = {
    "agents.sessions.setStatus": TIER_3,
    "assistant.threads.setStatus": Limit(60, 60),
    "assistant.threads.setSuggestedPrompts": TIER_4,
    "bots.info": TIER_3,
    "chat.appendStream": TIER_4,
    "chat.delete": TIER_3,
    "chat.postEphemeral": TIER_4,
    "chat.postMessage": Limit(60, 60, each=True),
    "chat.startStream": TIER_2,
    "chat.stopStream": TIER_2,
    "chat.update": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.members": TIER_4,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "files.completeUploadExternal": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.info": TIER_4,
    "usergroups.list": TIER_2,
    "users.conversations": TIER_3,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "views.open": TIER_4,
    "views.publish": TIER_4,
}
"""What an app gets of each method in each workspace at least (docs.slack.dev, rate limits); of posts about one a second.
"""


@dataclass(frozen=True, slots=True)
class Limited:
    """Who calls and where: an app has its limits in each workspace, and of some methods in each channel."""

    team: str = ""
    channel: str = ""


class Faults:
    """The script of what goes wrong, and when."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.delays: dict[str, float] = {}
        self._next: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._limits: dict[str, Limit] = {}
        self._times: defaultdict[tuple[str, str, str], deque[float]] = defaultdict(deque)
        self.limited: list[str] = []
        """The methods of the calls that a limit has refused."""

    def limit(self, method: str, calls: int, seconds: float) -> None:
        self._limits[method] = Limit(calls, seconds)

    def enforce_tiers(self, minute: float) -> None:
        """Take no more calls than the documented tiers allow, in minutes of so many seconds."""
        self._limits |= {name: Limit(one.calls, minute, one.each) for name, one in TIERS.items()}

    def script(self, method: str, fault: Fault, times: int) -> None:
        self._next[method].extend([fault] * times)

    def forgive(self, method: str) -> None:
        """Let no more calls of a method meet a fault."""
        self._next[method].clear()

    def take(self, method: str, now: float, place: Limited) -> Fault | None:
        """The fault that meets this request, if any; it is used up."""
        for name in (method, EVERY):
            if self._next[name]:
                return self._next[name].popleft()
        wait = self._wait(method, now, place)
        if not wait:
            return None
        self.limited.append(method)
        return Fault(429, "ratelimited", wait)

    def _wait(self, method: str, now: float, place: Limited) -> float:
        """Whole seconds until `method` may be called again; 0 counts this call."""
        limit = self._limits.get(method)
        if limit is None:
            return 0
        times = self._times[method, place.team, place.channel if limit.each else ""]
        while times and times[0] <= now - limit.seconds:
            times.popleft()
        if len(times) < limit.calls:
            times.append(now)
            return 0
        return max(1, math.ceil(times[0] + limit.seconds - now))
