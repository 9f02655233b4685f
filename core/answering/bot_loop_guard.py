"""Bot-loop guard: only allowed bots may ask, and they are stopped when they and we only talk to each other."""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum

from core.domain.clock import Clock
from core.domain.events import Edited, Event, Posted, Receipt
from core.domain.messages import Asks
from core.store.records.claims import Claim

LIMITS = ((5, timedelta(minutes=10)), (20, timedelta(days=1)))  # answers to bots in a channel, in so long, unattended

STOPPED = (
    "I have answered bots here again and again without a person saying anything, so I stop. "
    "I answer them again when a person writes in one of my threads here, or after a while."
)


class Verdict(Enum):
    """What becomes of a question."""

    ANSWER = "answer"
    SAY_SO = "say so"
    """It is the first that is not answered: say why."""
    SILENCE = "silence"


class BotLoopGuard:
    """Watches the answers that bots are given in each channel. What it knows ends with the process."""

    def __init__(self, bots: Collection[str], clock: Clock, processes: Callable[[], int] = lambda: 1) -> None:
        """`processes` is how many share the limits: each sees some of what bots say, and answers that part of them."""
        self._bots = frozenset(bots)
        self._processes = processes
        self._clock = clock
        self._answered: defaultdict[tuple[str, str], dict[str, datetime]] = defaultdict(dict)
        self._stopped: dict[tuple[str, str], str] = {}

    def admit(self, event: Event) -> Event:
        """An event as it counts: what a bot says asks nothing, unless it is one of those that may ask."""
        if not isinstance(event, Posted | Edited) or not event.message.bot:
            return event
        if self.is_allowed(event.key.workspace, event.message.author):
            return event
        return replace(event, asks=Asks.NO) if isinstance(event, Posted) else replace(event, asks=None)

    def reset_after(self, event: Event, heard: Receipt) -> None:
        """A person who writes in a thread of ours lets bots be answered again in that channel."""
        if isinstance(event, Posted) and heard.new and heard.ours and not (event.message.bot or event.message.mine):
            self._answered.pop((heard.key.workspace, heard.key.channel), None)
            self._stopped.pop((heard.key.workspace, heard.key.channel), None)

    def is_allowed(self, workspace: str, person: str) -> bool:
        """Whether this is a bot that may ask: by its id alone, or in one workspace, as `T024:B0BOT`."""
        return person in self._bots or f"{workspace.partition(':')[2]}:{person}" in self._bots

    def verdict(self, claim: Claim) -> Verdict:
        """Whether to answer; the same for the same question, however often it is taken up."""
        if not all(self.is_allowed(one.key.workspace, one.person) for one in (claim.question, *claim.together)):
            return Verdict.ANSWER
        place = claim.question.key.workspace, claim.question.key.channel
        now, name = self._clock(), claim.question.name
        answered = self._recent(place, now)
        if name in answered:
            return Verdict.ANSWER
        if self._is_full(answered, now):
            return Verdict.SAY_SO if self._stopped.setdefault(place, name) == name else Verdict.SILENCE
        self._stopped.pop(place, None)
        answered[name] = now
        return Verdict.ANSWER

    def is_stopped(self, claim: Claim) -> bool:
        """Whether bots are not answered there any more, and only bots ask; nothing is counted by this."""
        if not all(self.is_allowed(one.key.workspace, one.person) for one in (claim.question, *claim.together)):
            return False
        place, now = (claim.question.key.workspace, claim.question.key.channel), self._clock()
        answered = self._recent(place, now)
        return claim.question.name not in answered and self._is_full(answered, now)

    def _recent(self, place: tuple[str, str], now: datetime) -> dict[str, datetime]:
        """The answers that still count."""
        kept = self._answered[place] = {
            name: at for name, at in self._answered[place].items() if at > now - max(seconds for _, seconds in LIMITS)
        }
        return kept

    def _is_full(self, answered: dict[str, datetime], now: datetime) -> bool:
        processes = self._processes()
        return any(_since(answered, now - seconds) >= max(1, most // processes) for most, seconds in LIMITS)


def _since(answered: dict[str, datetime], at: datetime) -> int:
    return sum(moment > at for moment in answered.values())
