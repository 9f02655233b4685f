"""Outbound budget: a rate limit of Discord's REST, a sliding window with a priority queue, so that no 429 comes.

And what a 429 says that came all the same, from Discord, Cloudflare, or a gateway in between.
"""

import asyncio
import heapq
import itertools
import json
import math
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum

from core.domain.backoff import parse_retry_after

SLOTS = 48  # requests in a window; Discord takes 50 of a bot in a second, whatever their routes
WINDOW = 1.0  # seconds
LONGEST = 900.0  # seconds that we wait for a header; whatever names more is asked again after these
UNNAMED = 1.0  # seconds to wait where nobody says how many
ARRIVED = 5.0  # seconds after which a request has surely reached Discord, though no answer came


class Urgency(IntEnum):
    """What goes first where slots are short; of two that are equally urgent, the one that waits longer."""

    FINAL = 0
    """The whole text of an answer."""
    NEEDED = 1
    """What an answer can't begin without, and all that the library asks by itself."""
    GROWING = 2
    """A text that others will follow."""
    LOOKUP = 3
    """What an answer can do without: somebody's name."""
    TYPING = 4


LEFT = {Urgency.GROWING: 1 / 4, Urgency.TYPING: 1 / 2}
"""The part of a window that is left to others: such a request is not begun if fewer slots are free."""
PATIENCE = {Urgency.GROWING: 0.5, Urgency.LOOKUP: 5.0, Urgency.TYPING: 0.5}
"""Seconds after which a slot comes too late. The others wait as long as it takes."""


class Busy(Exception):
    """No slot came in time, or nobody waits for it any more. Nothing was sent."""


class Slot:
    """The right to one request, given back when it has reached Discord."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._late = asyncio.get_running_loop().call_later(ARRIVED, release)

    def release(self) -> None:
        """The answer is there, or none will come."""
        if not self._late.cancelled() and self._late.when() > asyncio.get_running_loop().time():
            self._late.cancel()
            self._release()


class OutboundBudget:
    """Fair and cancellable: gives out `slots` in any `seconds`, the most urgent first.

    A slot is free again `seconds` after its answer came, for nobody knows when before that Discord counted the request:
    the network brings requests nearer together than they were sent. All `processes` share the slots.
    """

    def __init__(self, slots: int = SLOTS, seconds: float = WINDOW, processes: Callable[[], int] = lambda: 1) -> None:
        self._all = slots
        self._processes = processes
        self._seconds = seconds
        self._out = 0
        self._spent: deque[float] = deque()
        self._waiting: list[tuple[Urgency, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._opens = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def has_room(self, urgency: Urgency) -> bool:
        """Whether a request of that urgency may be begun now; always, if it is one that waits long enough."""
        if asyncio.get_running_loop().time() + PATIENCE.get(urgency, math.inf) < self._opens:
            return False
        if urgency not in LEFT:
            return True
        queued = any(not waiter.done() for _, _, waiter in self._waiting)
        return not queued and self._free() > self._slots * LEFT[urgency]

    async def take(self, urgency: Urgency) -> Slot:
        """Wait for a slot, and take it. Raises Busy where it comes too late; who is cancelled leaves it to the next."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._waiting, (urgency, next(self._numbers), waiter))
        self._grant()
        try:
            async with asyncio.timeout(PATIENCE.get(urgency)):
                await waiter
        except BaseException as error:
            waiter.cancel()
            if not waiter.cancelled():  # it was granted, and nobody will use it
                self._out -= 1
                self._grant()
            if isinstance(error, TimeoutError):
                raise Busy from None
            raise
        return Slot(self._release)

    def close(self, seconds: float) -> None:
        """Give out nothing for so long: Discord has refused everything."""
        self._opens = max(self._opens, asyncio.get_running_loop().time() + seconds)

    @property
    def _slots(self) -> int:
        """Our part of the slots."""
        return max(1, self._all // self._processes())

    def _free(self) -> int:
        """How many slots are free now."""
        now = asyncio.get_running_loop().time()
        while self._spent and self._spent[0] + self._seconds <= now:
            self._spent.popleft()
        return 0 if now < self._opens else self._slots - self._out - len(self._spent)

    def _grant(self) -> None:
        """Give what is free to those who wait, and look again when more will be."""
        while self._waiting:
            waiter = self._waiting[0][2]
            if not waiter.done():  # who was cancelled waits for nothing
                if self._free() <= 0:
                    break
                self._out += 1
                waiter.set_result(None)
            heapq.heappop(self._waiting)
        loop = asyncio.get_running_loop()
        if self._waiting and self._timer is None and (self._spent or loop.time() < self._opens):
            at = max(self._opens, self._spent[0] + self._seconds if self._spent else 0.0)
            self._timer = loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        self._grant()

    def _release(self) -> None:
        """A request has reached Discord: from now on its slot is spent for a window."""
        self._out -= 1
        self._spent.append(asyncio.get_running_loop().time())
        self._grant()


def read_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """The seconds that `Retry-After` names, as a number or as a date, from 0 to LONGEST; UNNAMED if it names none."""
    seconds = parse_retry_after(headers.get("Retry-After"), now or datetime.now(UTC), LONGEST)
    return UNNAMED if seconds is None else max(seconds, 0.0)


def is_pause(body: bytes) -> bool:
    """Whether the body of a 429 names seconds for which the library can wait: it waits for any number, however odd."""
    try:
        seconds = json.loads(body)["retry_after"]
    except (KeyError, TypeError, ValueError):
        return False
    return isinstance(seconds, int | float) and 0 < seconds <= LONGEST


def is_ban(headers: Mapping[str, str]) -> bool:
    """Whether a 429 is Cloudflare's, which refuses all that an address sends: Discord's own says who sent it."""
    return not any(name.lower() == "via" or name.lower().startswith("x-ratelimit-") for name in headers)
