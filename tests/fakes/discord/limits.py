"""Limits and faults: rate limits per bucket, and what goes wrong on purpose, both by route.

A route is written like `POST /channels/{channel}/messages`.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256

from tests.fakes.discord.nouns import Json
from tests.fakes.discord.world import Clock

LIMIT, PER = 1000, 1.0  # of a bucket for which no test set others: out of the way
EVERYWHERE, SECOND = 50, 1.0  # requests of a bot in any second; those by an interaction's token are not counted
DOCUMENTED = dict.fromkeys(
    (
        "POST /channels/{channel}/messages",
        "PATCH /channels/{channel}/messages/{message}",
        "POST /channels/{channel}/typing",
    ),
    (5, 5.0),
)
"""Requests of a route in so many seconds, for each channel. Discord tells them with each answer, and bots see these."""

VIA = {"Via": "1.1 google"}  # Discord's own answers carry it, Cloudflare's don't


class Fault(Enum):
    """What may go wrong with a request besides an error status."""

    HANG = "hang"
    """Nothing happens, and no answer comes."""
    DROP = "drop"
    """Nothing happens, and the socket is cut."""
    LOSE = "lose"
    """It happens, and the socket is cut before the answer."""
    HIDE = "hide"
    """It happens, and the answer is a gateway's error page."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The answer takes `seconds` longer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in place of the true one; nothing happens."""

    status: int
    body: Json | str
    headers: dict[str, str] = field(default_factory=dict)


Trouble = Fault | Delay | Answer


def error(status: int) -> Answer:
    """A gateway's error page: 500, 502, 503, 504."""
    return Answer(status, f"<html>{status}</html>")


def limited(seconds: float, *, everywhere: bool = False) -> Answer:
    """A 429 of the bucket, or of the whole application."""
    scope = (
        {"X-RateLimit-Scope": "global", "X-RateLimit-Global": "true"} if everywhere else {"X-RateLimit-Scope": "user"}
    )
    body: Json = {"message": "You are being rate limited.", "retry_after": seconds, "global": everywhere}
    return Answer(429, body, {"Retry-After": str(max(1, round(seconds))), **scope, **VIA})


def shared(seconds: float) -> Answer:
    """A 429 of a resource that others use as well: not counted against the bot."""
    body: Json = {"message": "The resource is being rate limited.", "retry_after": seconds, "global": False}
    return Answer(429, body, {"Retry-After": str(max(1, round(seconds))), "X-RateLimit-Scope": "shared", **VIA})


def cloudflare() -> Answer:
    """A 429 of Cloudflare's: HTML, and no `Via`."""
    return Answer(429, "<html>error code: 1015</html>", {"Retry-After": "600"})


@dataclass(slots=True)
class Window:
    """What is left of a bucket, and when (seconds since 1970) it is full again."""

    remaining: int
    resets: float


class Limits:
    """Every bucket of this server, and the faults that lie ahead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rules: dict[str, tuple[int, float]] = {}
        self._windows: dict[tuple[str, str], Window] = {}
        self._faults: dict[str, deque[Trouble]] = {}
        self._everywhere: int | None = None
        self._lately: deque[float] = deque()

    def document(self) -> None:
        """Keep to what Discord documents, by route and in all."""
        self._rules.update(DOCUMENTED)
        self._everywhere = EVERYWHERE

    def bucket(self, route: str, limit: int, per: float) -> None:
        """Allow `limit` requests of `route` every `per` seconds, for each channel, guild or webhook."""
        self._rules[route] = (limit, per)

    def fault(self, route: str, trouble: Trouble, times: int) -> None:
        """The next `times` requests of `route` meet this trouble, after those scripted before."""
        self._faults.setdefault(route, deque()).extend([trouble] * times)

    def trouble(self, route: str) -> Trouble | None:
        """What happens to this request, if anything: each fault happens once."""
        waiting = self._faults.get(route)
        return waiting.popleft() if waiting else None

    def refuse(self) -> float | None:
        """Count one more request of the bot; the seconds to wait if it was one too many in all."""
        now = self._clock()
        while self._lately and self._lately[0] <= now - SECOND:
            self._lately.popleft()
        if self._everywhere is not None and len(self._lately) >= self._everywhere:
            return self._lately[0] + SECOND - now
        self._lately.append(now)
        return None

    def take(self, route: str, major: str) -> tuple[dict[str, str], float | None]:
        """Headers for one more request, and the seconds to wait if it was one too many."""
        limit, per = self._rules.get(route, (LIMIT, PER))
        now = self._clock()
        window = self._windows.get((route, major))
        if window is None or window.resets <= now:
            window = self._windows[route, major] = Window(limit, now + per)
        over = window.remaining <= 0
        window.remaining = max(0, window.remaining - 1)
        wait = window.resets - now
        return _headers(route, limit, window, wait), wait if over else None


def _headers(route: str, limit: int, window: Window, wait: float) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Reset": f"{window.resets:.3f}",
        "X-RateLimit-Reset-After": f"{wait:.3f}",
        "X-RateLimit-Bucket": sha256(route.encode()).hexdigest()[:32],
        **VIA,
    }
