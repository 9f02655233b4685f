"""Bot-loop guard: only allowed bots may ask, and they are stopped when they and we only talk to each other."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from core.domain.events import Edited, Event, Posted
from core.domain.messages import Asks
from core.store.records.bot_loops.answers import BotAnswers, Verdict
from core.store.records.claims import Claim

LIMITS = ((5, timedelta(minutes=10)), (20, timedelta(days=1)))  # answers to bots in a channel, in so long, unattended

STOPPED = (
    "I have answered bots here again and again without a person saying anything, so I stop. "
    "I answer them again when a person writes in one of my threads here, or after a while."
)


class BotLoopGuard:
    """Watches the answers that bots are given in each channel, together with all processes of its database.

    Where no bot may ask, and where a person asks, it costs nothing.
    """

    def __init__(self, bots: Collection[str], answers: BotAnswers) -> None:
        self._bots = frozenset(bots)
        self._answers = answers
        homes = [bot.rpartition(":")[0] for bot in bots]
        self._everywhere, self._homes = "" in homes, frozenset(homes)

    def admit(self, event: Event) -> Event:
        """An event as it counts: what a bot says asks nothing, unless it is one of those that may ask."""
        if not isinstance(event, Posted | Edited) or not event.message.bot:
            return event
        if self.is_allowed(event.key.workspace, event.message.author):
            return event
        return replace(event, asks=Asks.NO) if isinstance(event, Posted) else replace(event, asks=None)

    def is_attended(self, event: Event) -> bool:
        """Whether a person says this where bots may ask: in a thread of ours it lets them be answered again."""
        if not isinstance(event, Posted) or event.message.bot or event.message.mine:
            return False
        return self._everywhere or _find_home(event.key.workspace) in self._homes

    def is_allowed(self, workspace: str, person: str) -> bool:
        """Whether this is a bot that may ask: by its id alone, or in one workspace, as `T024:B0BOT`."""
        return person in self._bots or f"{_find_home(workspace)}:{person}" in self._bots

    async def verdict(self, claim: Claim) -> Verdict:
        """Whether to answer; the same for the same question, however often it is taken up. Raises StoreUnavailable."""
        if not self._is_of_bots(claim):
            return Verdict.ANSWER
        return await self._answers.reach_verdict(claim.question.key, claim.question.name, LIMITS)

    async def is_stopped(self, claim: Claim) -> bool:
        """Whether bots are not answered there any more, and only bots ask; nothing is counted by this."""
        return self._is_of_bots(claim) and await self._answers.is_over(claim.question.key, claim.question.name, LIMITS)

    def _is_of_bots(self, claim: Claim) -> bool:
        """Whether nobody asks but bots that may."""
        return all(self.is_allowed(one.key.workspace, one.person) for one in (claim.question, *claim.together))


def _find_home(workspace: str) -> str:
    """A workspace as settings name it, without its platform."""
    return workspace.partition(":")[2]
