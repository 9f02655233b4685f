"""The assistant: hears events, and answers one question."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from core.answering.bot_loop_guard import STOPPED, BotLoopGuard, Verdict
from core.answering.completions import Completions, Ended, Sleep, apology
from core.answering.policy import Rules
from core.answering.recovery import adopted, for_us
from core.answering.reply import Reply
from core.answering.stopping import cut_short, stopped
from core.claude.errors import ClaudeError
from core.commands import TABLE, registry
from core.commands.persona import in_force
from core.domain.errors import CannotAnswer, CannotShow, LeaseLost, StoreUnavailable
from core.domain.events import Deleted, Event, MissedRange, Pressed, Receipt
from core.domain.messages import Asks, FinalText, History, Outcome, Question, Rank, Reach
from core.domain.personas import Persona
from core.domain.platform import Platform, Surface
from core.prompting.request import Request, request
from core.prompting.turns import Turn, introduce, people, trunk, turns
from core.store.protocols import Claim, Store, Thread
from core.telemetry import AnswerBegun, Emit, QuestionClosed, discard_event
from core.worker.fair_semaphore import FairSemaphore
from core.worker.lease import QuestionLease
from core.worker.worker import Worker

MEMBERS_ONLY = "Only members of this workspace can ask me. Whoever runs this bot can open it to guests."

LATE = timedelta(minutes=10)  # by which an event may come after one that was said later; Slack tries for six

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """A question being answered: its thread as we hold it, and the persona of a version that answers."""

    claim: Claim
    surface: Surface
    thread: Thread
    persona: Persona
    version: int
    declined: str | None
    """The question after which who asks was told that only members may."""
    stop: asyncio.Event
    """Set when nobody waits for the answer any more."""


class Assistant:
    """Hears what the platforms tell, and answers the questions in it. `floor` runs the answering."""

    def __init__(
        self,
        store: Store,
        *,
        completions: Completions,
        platforms: Mapping[str, Platform],
        rules: Rules,
        clock: Callable[[], datetime],
        process: str = "",
        places: FairSemaphore | None = None,
        sleep: Sleep = asyncio.sleep,
        emit: Emit = discard_event,
    ) -> None:
        self._store = store
        self._completions = completions
        self._platforms = platforms
        self._rules = rules
        self._clock = clock
        self._places = places or FairSemaphore()
        self._loop_guard = BotLoopGuard(rules.bots, clock)
        self._emit = emit
        self._desk = registry.CommandContext(
            store, rules.defaults, clock, completions.model, self.next_request, TABLE, rules.zone
        )
        process = process or secrets.token_hex(8)
        self.worker = Worker(
            store.questions, self.answer, process, self._connected, clock=clock, sleep=sleep, emit=emit
        )

    def _connected(self) -> list[str]:
        return [name for name, platform in self._platforms.items() if not platform.offline]

    async def ingest(self, event: Event) -> Receipt:
        """Keep an event: when this returns it is safe on disk, and may be acknowledged. Raises StoreUnavailable.

        After a gap it says where to look for what was missed, as far back as we catch up.
        """
        heeded = self._loop_guard.heeded(event)
        certain = getattr(heeded, "asks", None) is Asks.CERTAINLY
        if certain:  # who looks for questions now waits behind this one, and takes it in the transaction that keeps it
            self.worker.wake()
        heard = await self._store.questions.ingest(heeded)
        self._loop_guard.attended(event, heard)
        if heard.question and not certain:
            self.worker.wake()
        if isinstance(event, Deleted | Pressed):
            await self.worker.look()
        return replace(heard, missed=self._recent(heard.missed)) if heard.missed else heard

    def _recent(self, missed: Sequence[MissedRange]) -> tuple[MissedRange, ...]:
        """Since a while before the last event, for they come in any order, but no longer than we catch up."""
        earliest = self._clock() - self._rules.catch_up
        found = (replace(one, since=max(one.since - LATE, earliest)) for one in missed)
        return tuple(found) if self._rules.catch_up else ()

    async def answer(self, claim: Claim, lease: QuestionLease) -> None:
        """Answer one question visibly: Claude's words, a command's, or the reason why there are none.

        When `hold.stop` is set it ends with what was said so far. Raises LeaseLost when another process has
        taken it over, StoreUnavailable.
        """
        question, outcome = claim.question, Outcome.EXPIRED
        try:
            work = await self._work(claim, lease.stop)
            silent = self._loop_guard.verdict(claim) is Verdict.SILENCE
            if for_us(claim, work.thread) and not (silent or await self._declined(work)):
                outcome = await self._shown(work, lease)
            else:
                outcome = Outcome.NOT_FOR_US
        except CannotShow as gone:
            log.warning("can't be shown an answer: %s", gone)
        await self._store.questions.close(claim, outcome)
        self._emit(QuestionClosed(question, outcome))
        log.info("closed: %s", outcome.value)

    async def _work(self, claim: Claim, stop: asyncio.Event) -> Work:
        """All that an answer begins with, asked for at once."""
        question = claim.question
        surface, thread, (persona, version), declined = await asyncio.gather(
            self._platforms[question.key.platform].surface(question),
            self._store.threads.thread(question.key),
            in_force(self._store.personas, question.key, self._rules.defaults),
            self._store.notes.get(_declined(question)),
        )
        return Work(claim, surface, thread, persona, version.number if version else 0, declined, stop)

    async def next_request(self, question: Question, surface: Surface) -> Request | None:
        """The request that the thread of `question` would make now, or None if nothing of it is kept."""
        thread = await self._store.threads.thread(question.key)
        if thread.messages and thread.stale:
            thread, _ = await self._read(thread, surface)
        told = await self._turns(thread, question, surface)
        if not told:
            return None
        persona, _ = await in_force(self._store.personas, question.key, self._rules.defaults)
        return request(persona, told, await self._completions.model(persona.model or ""), self._rules.ttl)

    async def _welcome(self, claim: Claim, surface: Surface) -> bool:
        """Whether one of those who ask may: members, guests where they are welcome, and bots that we heed."""
        people = {question.person for question in (claim.question, *claim.together)}
        if self._rules.guests or claim.question.command is not None or any(map(self._loop_guard.allowed, people)):
            return True
        return max([await surface.rank(person) for person in sorted(people)]) > Rank.GUEST

    async def _declined(self, work: Work) -> bool:
        """Whether it is a guest's who knows from an earlier question that only members may ask."""
        told_before = work.declined not in {None, work.claim.question.name}
        try:
            return told_before and not await self._welcome(work.claim, work.surface)
        except CannotAnswer:
            return False  # the answer will say what hinders it

    async def _shown(self, work: Work, lease: QuestionLease) -> Outcome:
        """Show the reply while it grows, to its end. The first trouble on either side ends both, and is raised."""
        keep, threaded = partial(self._keep_page, work.claim), work.persona.answers == "thread"
        reply = Reply(work.claim.question, keep, work.claim.pages, threaded, lease.ensure_held)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(work.surface.show(reply))
                ended = await self._said(work, reply)
        except ExceptionGroup as troubles:
            raise troubles.exceptions[0] from None
        return ended.outcome

    async def _said(self, work: Work, reply: Reply) -> Ended:
        """The final words, kept before they are shown."""
        ended = await stopped(self._words(work, reply), reply, work.stop)
        if ended.text and not (work.claim.said or ended.files):
            await self._store.questions.store_final_text(work.claim, FinalText(ended.text, ended.notice, ended.after))
        reply.finish(ended.text, ended.notice, ended.files)
        return ended

    async def _keep_page(self, claim: Claim, page: str, at: datetime | None) -> None:
        await self._store.questions.record_page(claim, page, at or self._clock())

    async def _words(self, work: Work, reply: Reply) -> Ended:
        """What to say, whatever happens: trouble is told in a sentence, with a reference to the log."""
        try:
            return await self._found(work, reply)
        except (registry.UsageError, CannotAnswer) as problem:
            return Ended(str(problem), Outcome.REFUSED)
        except ClaudeError as trouble:
            return apology(trouble.sentence, trouble)
        except (StoreUnavailable, CannotShow, LeaseLost):
            raise
        except Exception as bug:
            log.exception("a bug kept a question from its answer")
            return apology("Something went wrong on my side.", bug)

    async def _found(self, work: Work, reply: Reply) -> Ended:
        """What was said already, else what the command or Claude says."""
        claim = work.claim
        if claim.resumed or (work.thread.stale and claim.question.command is None):
            work = await self._reread(work, reply)
        if claim.said:
            return Ended(claim.said.text, Outcome.REFUSED if claim.said.notice else Outcome.SHOWN)
        if work.stop.is_set():
            return cut_short(reply)
        if claim.question.command is not None:
            return await self._commanded(claim.question, work.surface)
        if not await self._welcome(claim, work.surface):
            await self._store.notes.put(_declined(claim.question), claim.question.name)
            return Ended(MEMBERS_ONLY, Outcome.REFUSED)
        if self._loop_guard.verdict(claim) is not Verdict.ANSWER:
            return Ended(STOPPED, Outcome.REFUSED)
        async with self._places.place(claim.question.key, reply.wait):
            return await self._asked(work, reply)

    async def _reread(self, work: Work, reply: Reply) -> Work:
        """The thread read from the platform, where our own copy may be out of date; a predecessor's pages are ours.

        The question may turn out to be deleted, or was withdrawn while nobody answered it. Where a chain is all that
        can be read, one that is answered with it stands at the end of a longer chain.
        """
        thread, history = await self._read(work.thread, work.surface)
        for question in work.claim.together if history.reach is Reach.CHAIN else ():
            thread, _ = await self._read(thread, await self._platforms[question.key.platform].surface(question))
        for page in adopted(history, thread, work.claim.question):
            await reply.record_page(page.id, page.at)
        await self.worker.look()
        return replace(work, thread=thread)

    async def _read(self, thread: Thread, surface: Surface) -> tuple[Thread, History]:
        history = await surface.history()
        await self._store.threads.refresh(thread, history)
        return await self._store.threads.thread(thread.key), history

    async def _commanded(self, question: Question, surface: Surface) -> Ended:
        row, rest = registry.find(TABLE, question.command or "")
        values = registry.values(row, rest, question.values)
        answer = await registry.run(row, registry.Invocation(question, values, surface, self._desk))
        return Ended(answer.text, Outcome.REFUSED, files=answer.files)

    async def _asked(self, work: Work, reply: Reply) -> Ended:
        question, persona = work.claim.question, work.persona
        told = await self._turns(work.thread, question, work.surface)
        if not told:
            return Ended("Yes? Ask me something, and I answer here.", Outcome.REFUSED)
        models = [persona.model or "", *(model for model in self._rules.fallbacks if model != persona.model)]
        heard = partial(self._heard, reply)
        build = partial(request, persona, told, ttl=self._rules.ttl)
        return await self._completions.ask(question, work.version, models, build, heard=heard, waits=reply.wait)

    def _heard(self, reply: Reply, text: str) -> None:
        if not reply.text:
            self._emit(AnswerBegun(reply.question))
        reply.say(text)

    async def _conversation(self, thread: Thread, name: str) -> Thread:
        """The part of the thread that the question belongs to, where messages name what they reply to."""
        asked = next((message for message in thread.messages if message.id == name), None)
        if asked is None:
            return thread
        if asked.parent is not None:
            return await self._store.threads.thread(thread.key, branch=name)
        return replace(thread, messages=tuple(trunk(thread.messages)))

    async def _turns(self, thread: Thread, question: Question, surface: Surface) -> list[Turn]:
        """The turns of the question's conversation; everybody in it is introduced once and for ever."""
        thread = await self._conversation(thread, question.name)
        messages = [message for message in thread.messages if message.answers != question.name]
        names = dict(thread.names)
        unknown = people(messages) - names.keys()
        if unknown:
            introduced = introduce(names, unknown, await surface.names(unknown))
            names = dict(await self._store.threads.remember_names(thread.key, introduced))
        return turns(messages, thread.replies, names)


def _declined(question: Question) -> str:
    """The note that a guest was told; it names the question, which may have to be answered again."""
    return f"declined:{question.key.workspace}:{question.key.channel}:{question.person}"
