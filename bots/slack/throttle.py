"""Throttle: rate limits of our own for a workspace, so that Slack need not refuse a call.

Sliding windows for calls that show something, whose edits all growing replies share; a pace for reads that can wait.
"""

import asyncio
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from bots.delivery.pace import Pace

LEISURE = 0.25  # seconds between two calls that nobody waits for, as long as there were few in the last minute
FEW = 20  # calls of a method in a minute; Slack allows 50 and more, and those that somebody waits for have the rest
SLOW = 2.0  # seconds between two of them after that
MINUTE = 60.0

TIERS = {  # calls in a minute that Slack takes at least (docs.slack.dev, rate limits)
    "assistant.threads.setStatus": 60,
    "chat.appendStream": 100,
    "chat.delete": 50,
    "chat.postMessage": 60,
    "chat.stopStream": 20,
    "chat.update": 50,
}
EDIT, APPEND, STOP = "chat.update", "chat.appendStream", "chat.stopStream"
HISTORY = {"conversations.history", "conversations.replies"}
IN_CHANNEL = {"chat.postMessage"}  # limited in each channel for itself: about one a second

PAUSE = 1.1  # seconds between two edits of one growing text
STEADY = 3 / 2  # a growing text that is alone takes two thirds of what Slack allows: an edit of 50 each 1.8 s
SAVED = 8.5  # edits that are saved up while nothing grows: they make the first 20 s of one alone as fast as `PAUSE`
KEPT = 6  # calls in a minute that are left to final texts at least; to as many as there are replies that grow
MOST_KEPT = 2 / 3  # of them
MARGIN = 2.0  # seconds that a window is longer than Slack's minute: the network brings calls nearer together
HOLD = 0.3  # seconds that a first text is held: an answer that is whole by then is posted once
LOOK = 0.5  # seconds after which a text that waits behind another looks again whether it is first
AMPLE = 2.75  # seconds between two edits, if all that is left of a minute were spread over its rest: then none is saved
SURE = 0.2  # of a turn, above the one that each pause brings: what is saved up is gone
EXACT = 1e-9  # what is lost in adding parts of turns


class Leisure:
    """Lets calls that nobody waits for take their time, each method for itself, and all `processes` together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, processes: Callable[[], int] = lambda: 1) -> None:
        self._clock = clock
        self._processes = processes
        self._made: defaultdict[str, list[float]] = defaultdict(list)

    def turn(self, method: str) -> float:
        """Take the next turn: seconds until it comes."""
        now = self._clock()
        made = self._made[method] = [at for at in self._made[method] if at > now - MINUTE]
        processes = self._processes()
        pause = LEISURE if len(made) < FEW // processes else SLOW * processes
        made.append(max([now, *(at + pause for at in made[-1:])]))
        return made[-1] - now


class CallBudget:
    """Sliding window of one method's calls, with fair turns for the texts that grow.

    `scale` is how long a second lasts; `calls` are Slack's in a minute, of which this process has its share.
    """

    def __init__(self, calls: int, clock: Callable[[], float], scale: float, processes: Callable[[], int]) -> None:
        self._calls = calls
        self._clock = clock
        self._scale = scale
        self._processes = processes
        self._out = 0
        """Calls that were sent and are not answered."""
        self._spent: deque[float] = deque()
        self._granted: deque[float] = deque()
        self._served: dict[Hashable, float] = {}
        """The replies that grow, with the time of their last turn."""
        self._waiting: set[Hashable] = set()
        self._saved, self._counted = SAVED, -math.inf

    @contextmanager
    def spend(self) -> Iterator[None]:
        """A call is made. It counts from its answer on: nobody knows when before that Slack counted it."""
        self._out += 1
        try:
            yield
        finally:
            self._out -= 1
            self._spent.append(self._clock())

    def seconds_until_free(self, kept: int = 0) -> float:
        """How many seconds away the next call is that leaves `kept` calls to others; 0.0 where it may be made now."""
        over = self._count_used() + kept + 1 - self._share
        if over <= 0:
            return 0.0
        if over > len(self._spent):  # answers to calls that are under way
            return LOOK * self._scale
        return max(0.0, self._spent[over - 1] + self._window - self._clock())

    @property
    def is_idle(self) -> bool:
        """Whether it is as new: nothing counts any more."""
        return not (self._served or self._count_used()) and self._count_saved() >= self._most_saved

    @property
    def has_room(self) -> bool:
        """Whether one more reply may begin to grow, so that each of those that do can still be ended in this minute.

        Turns to show more do not count, for those that grow leave their edits to whoever ends.
        """
        return self._count_made() + len(self._served) < self._share

    def join(self, reply: Hashable, served: float | None = None) -> None:
        """The reply grows by this call from now on: its next turn comes a pause after it was served, by default now."""
        self._served[reply] = self._clock() if served is None else served

    def leave(self, reply: Hashable) -> float | None:
        """It grows so no more, and was served then. The turn that it waits for is the next one's."""
        self._waiting.discard(reply)
        return self._served.pop(reply, None)

    def take_turn(self, reply: Hashable) -> float:
        """Take a turn to show more of a reply: 0.0, or the seconds after which to ask again.

        Of those that wait and have paused, the one that was served longest ago is first.
        """
        now = self._clock()
        self._waiting.add(reply)
        ready = self._served[reply] + PAUSE * self._scale
        before = sum(1 for one in self._waiting if one != reply and self._served[one] < self._served[reply])
        if ready <= now and not before and (wait := self._wait_for_turn()) <= 0.0:
            self._waiting.discard(reply)
            self._saved -= 1
            self._served[reply] = now
            self._granted.append(now)
            return 0.0
        wait = max(ready - now, self._wait_for_turn(), EXACT)
        return LOOK * self._scale if before else wait

    def _wait_for_turn(self) -> float:
        """Seconds until the next turn of anybody. What is left of a window is spread over the rest of it."""
        room = self._share - self._count_used() - self._count_kept()
        if room <= 0:
            return max(self.seconds_until_free(self._count_kept()), LOOK * self._scale)
        now, saved = self._clock(), self._count_saved()
        rest = self._spent[0] + self._window - now if self._spent else 0.0
        gap = rest / room
        hurries = saved >= 1 + SURE and gap < AMPLE * self._scale
        spread = self._granted[-1] + max(gap, self._steady) - now if self._granted and not hurries else 0.0
        return max(spread, (1 - EXACT - saved) * self._steady, 0.0)

    def _count_used(self) -> int:
        since = self._clock() - self._window
        for times in (self._spent, self._granted):
            while times and times[0] <= since:
                times.popleft()
        return self._out + len(self._spent)

    def _count_kept(self) -> int:
        """Calls that are left to final texts: fewer where those of this minute are made already."""
        least = int(KEPT * self._share / self._calls) - self._count_made()
        return max(1, least, min(len(self._served), int(self._share * MOST_KEPT)))

    def _count_made(self) -> int:
        """Calls of this minute that were no turns: texts that ended."""
        return max(0, self._count_used() - len(self._granted))

    def _count_saved(self) -> float:
        now = self._clock()
        more = (now - self._counted) / self._steady if self._steady else math.inf
        self._saved, self._counted = min(self._most_saved, self._saved + more), now
        return self._saved

    @property
    def _share(self) -> int:
        return max(2, self._calls // max(1, self._processes()))

    @property
    def _most_saved(self) -> float:
        return max(1.0, SAVED * self._share / self._calls)

    @property
    def _steady(self) -> float:
        return MINUTE * STEADY / self._share * self._scale

    @property
    def _window(self) -> float:
        return (MINUTE + MARGIN) * self._scale


class Growth:
    """A reply that grows, as it shares the calls by which texts of its workspace grow with the others."""

    def __init__(self, throttle: "Throttle") -> None:
        self.begun = False
        self.held_until: float | None = None
        """When its first text has been held long enough; None before it comes."""
        self.text = ""
        """What was shown of it last."""
        self._throttle = throttle
        self._method = EDIT
        """The call by which it grows."""

    def show(self, text: str) -> None:
        """A text is shown now. With the first one it begins to grow."""
        self.text = text
        if not self.begun:
            self.begun = True
            self._throttle.growing[self._method].join(self)

    def take_turn(self, streaming: bool = False) -> float:
        """Take the next turn, to append where it is streamed: 0.0, or the seconds after which to ask again.

        The first text is held for a moment, and where so much grows already that no edit would be left to end it with,
        until it is whole: then one post is all that it takes. What is streamed is ended without an edit.
        """
        method = APPEND if streaming else EDIT
        if not self.begun:
            self._method = method
            return self._throttle.seconds_until_begun(self, method)
        if method != self._method:
            served = self._throttle.growing[self._method].leave(self)
            self._throttle.growing[method].join(self, served)
            self._method = method
        return self._throttle.seconds_held(method) or self._throttle.growing[method].take_turn(self)

    def end(self) -> None:
        """It grows no more, and waits for no turn."""
        self._throttle.growing[self._method].leave(self)


class Throttle:
    """All that a workspace's calls wait for. `pause` is the time between two edits of a text, by which all is scaled.

    `processes` are those that share the app's calls. Where history is `scarce`, Slack gives a page of it a minute.
    """

    def __init__(
        self,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
        processes: Callable[[], int] = lambda: 1,
        *,
        scarce: bool = False,
    ) -> None:
        self._scale = pause / PAUSE
        self.scarce = scarce
        self._pages = Pace((MINUTE + MARGIN) * self._scale, clock)
        self._clock = clock
        self._processes = processes
        self._budgets: dict[str, CallBudget] = {}
        self._held: dict[str, float] = {}
        self.queues: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Where reads wait, method by method, of which Slack takes none just now."""
        self.growing = {method: self._make_budget(method) for method in (EDIT, APPEND, STOP)}
        """The calls by which texts grow, and by which streams end."""

    def seconds_until_begun(self, growth: "Growth", method: str) -> float:
        """0.0 where a reply may begin to grow by that method, or the seconds after which to ask again."""
        now = self._clock()
        if growth.held_until is None:
            growth.held_until = now + HOLD * self._scale
        if growth.held_until > now:
            return growth.held_until - now
        return 0.0 if self.growing[method].has_room else LOOK * self._scale

    def is_scarce(self, method: str) -> bool:
        """Whether it reads history, of which Slack gives a page a minute."""
        return self.scarce and method in HISTORY

    def take_page(self, method: str) -> float:
        """Take the turn to read a page of history: 0.0, or the seconds until there is one."""
        if not self.is_scarce(method):
            return 0.0
        wait = max(self._pages.seconds_until_free(method), self.seconds_held(method))
        for _ in range(0 if wait else self._processes()):  # each of them gets one in so many minutes
            self._pages.book_turn(method)
        return wait

    @contextmanager
    def grow(self) -> Iterator[Growth]:
        """A reply that may grow while this lasts."""
        growth = Growth(self)
        try:
            yield growth
        finally:
            growth.end()

    def spend(self, method: str, channel: str = "") -> AbstractContextManager[None]:
        """A call is made while this lasts."""
        budget = self._get_budget(method, channel)
        return budget.spend() if budget else nullcontext()

    def seconds_until_free(self, method: str, channel: str = "", *, spare: bool = False) -> float:
        """How many seconds away the next call is, as far as the budget goes; 0.0 where it may be made now.

        One that may be `spare`d leaves a third of them to others, and waits as long as Slack has said.
        """
        budget = self._get_budget(method, channel)
        wait = budget.seconds_until_free(TIERS[method] // 3 if spare else 0) if budget else 0.0
        return max(wait, self.seconds_held(method, channel)) if spare else wait

    def hold_back(self, method: str, channel: str, seconds: float) -> None:
        """Slack has refused a call, and takes none for so long."""
        now, refused = self._clock(), _name_limit(method, channel)
        self._held = {name: until for name, until in self._held.items() if until > now}
        self._held[refused] = max(self._held.get(refused, 0.0), now + seconds)

    def seconds_held(self, method: str, channel: str = "") -> float:
        """For how long Slack has said that it takes no call."""
        return max(0.0, self._held.get(_name_limit(method, channel), 0.0) - self._clock())

    def _get_budget(self, method: str, channel: str) -> CallBudget | None:
        if method in self.growing:
            return self.growing[method]
        if method not in TIERS:
            return None
        name = _name_limit(method, channel)
        if name not in self._budgets:
            self._budgets = {one: budget for one, budget in self._budgets.items() if not budget.is_idle}
            self._budgets[name] = self._make_budget(method)
        return self._budgets[name]

    def _make_budget(self, method: str) -> CallBudget:
        return CallBudget(TIERS[method], self._clock, self._scale, self._processes)


def _name_limit(method: str, channel: str) -> str:
    return f"{method} {channel}" if method in IN_CHANNEL else method
