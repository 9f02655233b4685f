"""Responder: gives each claimed question one visible answer, or one visible and reasoned refusal."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from core.answering.completions import Completions, Waiting
from core.answering.conversation import name_persona, read_conversation
from core.answering.display_fallback import Fallback, NotShown
from core.answering.final_answer import EMPTY, Answer, cut_short, explain_error, refuse, restore_answer
from core.answering.policy import AnswerWith, Decision, Ignore, Policy, Rules
from core.answering.recovery import find_orphaned_pages, refresh_conversation
from core.answering.reply import Reply
from core.claude.client import TextSoFar
from core.commands import TABLE, registry
from core.domain.clock import Clock
from core.domain.errors import CannotAnswer, CannotShow, PlaceClosed
from core.domain.messages import Outcome, Question
from core.domain.personas import Persona
from core.domain.platform import Platform, Surface
from core.prompting.capabilities import refuse_model
from core.prompting.request import build_request
from core.store.persona_in_force import find_persona_in_force
from core.store.protocols import Claim, Store, Thread
from core.telemetry import AnswerBegun, Emit, QuestionClosed
from core.worker.fair_semaphore import FairSemaphore
from core.worker.lease import QuestionLease

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Responder:
    """What every answer is made with. `heartbeat` learns at once which claims were withdrawn."""

    store: Store
    platforms: Mapping[str, Platform]
    completions: Completions
    policy: Policy
    rules: Rules
    fallback: Fallback
    semaphore: FairSemaphore
    commands: registry.CommandContext
    clock: Clock
    emit: Emit
    heartbeat: Callable[[], Awaitable[None]]

    def answer(self, claim: Claim, lease: QuestionLease) -> Coroutine[None, None, None]:
        """Answer one claimed question visibly, and close it."""
        return AnswerTask(self, replace(claim, final_text=claim.final_text or lease.final_text), lease).run()


@dataclass(slots=True)
class AnswerTask:
    """The answer to one claim, from the first look at its thread until the question is closed.

    When `lease.stop` is set it ends with what was said so far. Raises LeaseLost when another process has taken it
    over, StoreUnavailable; then it may be run again, as a task of a resumed claim.
    """

    responder: Responder
    claim: Claim
    lease: QuestionLease
    surface: Surface = field(init=False)
    thread: Thread = field(init=False)
    persona: Persona = field(init=False)
    version: int = field(init=False)
    reply: Reply = field(init=False)

    async def run(self) -> None:
        """Answer, or ignore what is not for us, and close the question."""
        outcome = Outcome.EXPIRED
        try:
            await self._open()
            decision = await self._decide()
            outcome = Outcome.NOT_FOR_US if isinstance(decision, Ignore) else await self._show(decision)
        except PlaceClosed as error:
            if not self.lease.stop.is_set() and await self.responder.fallback.notify_asker(self.question, error):
                outcome = Outcome.REFUSED
        except (CannotShow, NotShown) as error:
            log.warning("can't be shown an answer: %s", error)
        await self.responder.store.questions.close(self.claim, outcome)
        self.responder.emit(QuestionClosed(self.question, outcome))
        log.info("closed: %s", outcome.value)

    @property
    def question(self) -> Question:
        return self.claim.question

    async def _open(self) -> None:
        """All that an answer begins with, asked for at once."""
        store, key = self.responder.store, self.question.key
        self.surface, self.thread, (self.persona, version) = await asyncio.gather(
            self.responder.platforms[key.platform].surface(self.question),
            store.threads.thread(key),
            find_persona_in_force(store.personas, key, self.responder.rules.defaults),
        )
        self.version = version.number if version else 0
        threaded = self.persona.answers == "thread"
        self.reply = Reply(self.question, self._record_page, self.claim.pages, threaded, self.lease.ensure_held)

    async def _decide(self) -> Decision:
        """The policy's decision; what hinders it is a refusal. What was decided and answered before is shown."""
        if self.claim.final_text:
            return AnswerWith(restore_answer(self.claim.final_text, command=self.question.command is not None))
        try:
            return await self.responder.policy.decide(self.claim, self.thread, self.surface)
        except CannotAnswer as error:
            return AnswerWith(refuse(str(error)))

    async def _show(self, decision: Decision) -> Outcome:
        """Show the reply while it grows; its final text is stored before it is shown.

        What the platform does not take is shown in a simpler way; another error on either side ends both, raised.
        """
        try:
            async with asyncio.TaskGroup() as group:
                showing = group.create_task(self.responder.fallback.show(self.surface, self.reply, self.claim))
                answer = await self._compose_unless_stopped(decision)
                await self._store_final_text(answer)
                self.reply.finish(answer.text, answer.notice, answer.files, whispered=answer.whispered)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return answer.outcome if showing.result() else Outcome.REFUSED

    async def _store_final_text(self, answer: Answer) -> None:
        """On disk, and in the lease for another try, if the disk is full. What is whispered is decided anew."""
        if answer.text and not (self.claim.final_text or answer.files or answer.whispered):
            self.lease.final_text = answer.final_text
        if self.lease.final_text is not None:
            await self.responder.store.questions.store_final_text(self.claim, self.lease.final_text)

    async def _compose_unless_stopped(self, decision: Decision) -> Answer:
        """The answer, whatever happens: an error is told in a sentence, and a stop ends it with what there is."""
        composing = asyncio.create_task(self._compose(decision))
        stopping = asyncio.create_task(self.lease.stop.wait())
        try:
            await asyncio.wait({composing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return composing.result() if composing.done() else self._cut_short()
        except Exception as error:
            return explain_error(error)
        finally:
            composing.cancel()
            stopping.cancel()
            await asyncio.gather(composing, stopping, return_exceptions=True)  # what Claude was asked is still settled

    def _cut_short(self) -> Answer:
        return cut_short(self.reply.text, visible=bool(self.reply.text or self.reply.pages))

    async def _compose(self, decision: Decision) -> Answer:
        """What was answered already, else a refusal, what the command says, or what Claude says."""
        if self.claim.resumed or (self.thread.stale and self.question.command is None):
            await self._recover()
        if self.lease.stop.is_set() and not self.claim.final_text:
            return self._cut_short()
        if isinstance(decision, AnswerWith):
            return decision.answer
        if self.question.command is not None:
            return await self._run_command(self.question.command)
        async with (
            self.responder.semaphore.slot(self.question.key, self.question.person, self.reply.wait),
            aclosing(await self._ask_claude()) as events,
        ):
            async for event in events:
                if isinstance(event, TextSoFar):
                    self._grow(event.text)
                elif isinstance(event, Waiting):
                    self.reply.wait(event.note)
                else:
                    answer = event
        return answer

    async def _ask_claude(self) -> AsyncGenerator[TextSoFar | Waiting | Answer, None]:
        """The events of Claude's answer, which is asked for when the first one is. Raises CannotAnswer."""
        responder, allowed = self.responder, self.responder.rules.models
        if allowed and self.persona.model not in allowed:
            raise CannotAnswer(refuse_model(self.persona.model or "", allowed))
        persona = await name_persona(responder.store.threads, self.thread, self.persona, self.surface)
        turns = await read_conversation(responder.store.threads, self.thread, self.question, self.surface)
        if not turns:
            raise CannotAnswer(EMPTY)
        models = [persona.model or "", *(model for model in responder.rules.fallbacks if model != persona.model)]
        build = partial(build_request, persona, turns, ttl=responder.rules.ttl)
        question = replace(self.question, homes=await self.surface.homes())
        return responder.completions.stream(question, self.version, models, build)

    def _grow(self, text: str) -> None:
        if not self.reply.text:
            self.responder.emit(AnswerBegun(self.question))
        self.reply.say(text)

    async def _run_command(self, line: str) -> Answer:
        command, rest = registry.find_command(TABLE, line)
        values = registry.parse_values(command, rest, self.question.values)
        invocation = registry.Invocation(self.question, values, self.surface, self.responder.commands)
        result = await registry.run_command(command, invocation)
        return Answer(result.text, Outcome.CARRIED_OUT, files=result.files)

    async def _recover(self) -> None:
        """Refresh the thread, where our copy may be out of date, and adopt a predecessor's pages.

        The question may turn out to be deleted, or was withdrawn while nobody answered it.
        """
        responder = self.responder
        self.thread, history = await refresh_conversation(
            responder.store.threads, self.thread, self.surface, self.claim.together, responder.platforms
        )
        for page in find_orphaned_pages(history, self.thread, self.question):
            await self.reply.record_page(page.id, page.at)
        await responder.heartbeat()

    async def _record_page(self, page: str, at: datetime | None) -> None:
        await self.responder.store.questions.record_page(self.claim, page, at or self.responder.clock())
