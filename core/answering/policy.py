"""Answering policy: the operator's rules for all places, and the one decision whether a question is answered."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from core.answering.asides.follow_ups import Doubt, FollowUpJudge
from core.answering.bot_loop_guard import STOPPED, BotLoopGuard
from core.answering.final_answer import Answer, decline
from core.billing.cache_lifetimes import AUTO, CacheSetting
from core.commands.registry import MEMBERS_ONLY
from core.domain.errors import LeaseLost, StoreUnavailable, TokenRefused
from core.domain.messages import Asks, Outcome, Question, Rank
from core.domain.personas import Persona, Version
from core.domain.platform import Surface
from core.prompting.asides.follow_ups import mentions_somebody
from core.store.protocols import Notes, Thread
from core.store.records.bot_loops.answers import Verdict
from core.store.records.claims import Claim

SMART = "smart"  # how a persona says that a model decides on follow-ups

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds where no persona, budget or command says otherwise."""

    defaults: Persona
    fallbacks: Sequence[str] = ()
    """Models that answer, in this order, when the persona's is overloaded or gone, or refuses."""
    ttl: CacheSetting = AUTO
    """How long a prompt is cached, or that it is chosen."""
    zone: str = "UTC"
    """Where days begin, until a workspace has a time zone."""
    guests: bool = False
    """Whether people of other workspaces may ask."""
    models: Sequence[str] = ()
    """The models that a persona may name; none named: any."""
    bots: Collection[str] = ()
    """Ids of other bots that may ask."""
    catch_up: timedelta = timedelta(hours=1)
    """How far back we look for what was missed."""
    managers_approve: bool = False
    """Whether those who manage a channel may let tools act there too, and not only who asked."""
    public_url: str = ""
    """Where browsers reach the dashboard; empty where they do not."""
    patience: float = 2.0
    """Seconds that an answer waits for a history; then it is given from what was heard."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """The question is not for us, or `declined` and who asks knows already why: nothing is shown."""

    declined: bool = False
    outcome: Outcome = Outcome.NOT_FOR_US


@dataclass(frozen=True, slots=True)
class AnswerWith:
    """The answer is known without asking: a refusal, or what was stored before."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Proceed:
    """The question gets an answer."""


Decision = Ignore | AnswerWith | Proceed


class Policy:
    """Decides whether a question may be answered, and how, where it may not."""

    def __init__(
        self, rules: Rules, loop_guard: BotLoopGuard, notes: Notes, judge: FollowUpJudge | None = None
    ) -> None:
        self._judge = judge
        self._rules = rules
        self._loop_guard = loop_guard
        self._notes = notes

    async def decide(
        self,
        claim: Claim,
        thread: Thread,
        surface: Surface,
        *,
        persona: Persona = Persona(),  # noqa: B008  frozen
        version: Version | None = None,
        changed: asyncio.Event | None = None,
    ) -> Decision:
        """The decision on a claimed question; the same for the same question, however often it is taken up.

        The platform is asked for ranks only where guests are not welcome. A guest is told once that only members may
        ask. Where the persona wants that, a model says whether a message is for us that mentions nobody, last of all:
        it costs money. `changed` is set when the thread changes. Raises CannotAnswer, CannotShow, as the surface does.
        """
        if not is_for_us(claim, thread, follow_ups=persona.follow_ups != "never"):
            return Ignore()
        if is_doubtful(claim, persona):
            doubt = Doubt(claim, thread, surface, persona, version)
            return await self._decide_doubtful(doubt, changed or asyncio.Event())
        verdict = await self._loop_guard.verdict(claim)
        if verdict is not Verdict.ANSWER:
            log.info("bots are not answered here until a person writes, or for a while")
        if verdict is Verdict.SILENCE:
            return Ignore(declined=True)
        if claim.question.command is None and not await self._may_ask(claim, surface):
            return await self._decline_guest(claim.question)
        if verdict is Verdict.SAY_SO and claim.question.command is None:
            return AnswerWith(decline(STOPPED))
        return Proceed()

    async def _decide_doubtful(self, doubt: Doubt, changed: asyncio.Event) -> Decision:
        """An answer, or silence whatever hinders it. The loop guard counts only what is answered."""
        claim = doubt.claim
        try:
            if await self._loop_guard.is_stopped(claim) or not await self._may_ask(claim, doubt.surface):
                return Ignore()
            if self._judge and not await self._judge.is_meant(doubt, changed):
                return Ignore()
        except (LeaseLost, StoreUnavailable, TokenRefused):
            raise
        except Exception:  # nobody may have asked, so nobody is told of it
            log.exception("whether a message is meant for Claude is not known, so it is not answered")
            return Ignore()
        return Proceed() if await self._loop_guard.verdict(claim) is Verdict.ANSWER else Ignore()

    async def _may_ask(self, claim: Claim, surface: Surface) -> bool:
        """Whether all who ask may: members, guests where they are welcome, and bots that are allowed."""
        people = {question.person for question in (claim.question, *claim.together)}
        workspace = claim.question.key.workspace
        if self._rules.guests or all(self._loop_guard.is_allowed(workspace, person) for person in people):
            return True
        return min([await surface.rank(person) for person in sorted(people)]) > Rank.GUEST

    async def _decline_guest(self, question: Question) -> Decision:
        """Say it, unless it was said: the note names the question after which it was."""
        if await self._notes.get(_name_note(question)) not in {None, question.name}:
            return Ignore(declined=True)
        return AnswerWith(decline(MEMBERS_ONLY, whispered=True))

    async def note_told(self, question: Question, answer: Answer) -> None:
        """Write down that a guest was shown why they get no answer: from now on they are told it no more."""
        if answer.text == MEMBERS_ONLY:
            await self._notes.put(_name_note(question), question.name)


def _name_note(question: Question) -> str:
    return f"declined:{question.key.workspace}:{question.key.channel}:{question.person}"


def is_certain(claim: Claim) -> bool:
    """Whether any of it certainly asks us."""
    return any(one.asks is Asks.CERTAINLY for one in (claim.question, *claim.together))


def is_doubtful(claim: Claim, persona: Persona) -> bool:
    """Whether a model has to say if it is meant for us."""
    return persona.follow_ups == SMART and not is_certain(claim)


def is_for_us(claim: Claim, thread: Thread, follow_ups: bool = True) -> bool:
    """Whether it wants an answer of ours. `follow_ups` do, unless all of them mention somebody else."""
    if is_certain(claim):
        return True
    if not follow_ups:
        return False
    asked = (claim.question, *claim.together)
    messages = {message.id: message for message in thread.messages}
    return any(one.name in messages and not mentions_somebody(messages[one.name]) for one in asked)
