"""Responder: gives each claimed question one visible answer, or one visible and reasoned refusal."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeAlias

from core.answering.completions import Retraction
from core.answering.composition import Composer, Composition
from core.answering.display_fallback import Fallback, NotShown, has_failed
from core.answering.final_answer import (
    DECLINED,
    Answer,
    choose_controls,
    cut_short,
    explain_error,
    fetch_files,
    keep_earlier,
    refuse,
    restore_answer,
    tell_acts,
    tell_who_asked,
)
from core.answering.policy import AnswerWith, Decision, Ignore, Policy, Proceed, is_doubtful, is_for_us
from core.answering.recovery import find_orphaned_pages, may_reopen_code, refresh_conversation, shows_otherwise
from core.answering.reply import Reply
from core.answering.tasks.parking import park_answer
from core.answering.tasks.scheduled_runs import RunCheck, write_heading
from core.answering.tasks.task_answer import TaskAnswer, find_task
from core.claude.citations import Citation, list_sources
from core.claude.client import Activity, TextSoFar
from core.claude.sender import LeftOut, Waiting
from core.commands import registry
from core.domain.errors import CannotAnswer, CannotShow, NoAnswer, PlaceClosed, QuestionDeleted, TokenRefused
from core.domain.messages import File, Outcome, Question, Unanswered
from core.domain.personas import Persona, Version
from core.domain.platform import Surface
from core.files.code_blocks import list_replaced_files
from core.store.persona_in_force import resolve_versions
from core.store.protocols import Store, Thread
from core.store.records.claims import Claim
from core.store.records.schedules import ScheduledRun
from core.telemetry import AnswerBegun, Emit, QuestionClosed
from core.worker.fair_semaphore import FairSemaphore
from core.worker.lease import QuestionLease

Composing: TypeAlias = "asyncio.Task[Answer | None]"
BEGUN_AGAIN = 3  # times that an answer begins again because its question was added to or edited

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Responder:
    """What every answer is made with. `heartbeat` learns at once which claims were withdrawn."""

    composer: Composer
    policy: Policy
    fallback: Fallback
    semaphore: FairSemaphore
    commands: registry.CommandContext
    emit: Emit
    heartbeat: Callable[[], Awaitable[None]]
    runs: RunCheck

    @property
    def store(self) -> Store:
        return self.composer.store

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
    version: Version | None = field(init=False)
    reply: Reply = field(init=False)
    unread: CannotAnswer | None = field(init=False, default=None)  # why the thread's history could not be read
    begun_again: int = field(init=False, default=0)
    task: registry.Command | None = field(init=False, default=None)  # the row of a command that Claude answers
    task_answer: TaskAnswer | None = field(init=False, default=None)  # once it is composed
    cited: Sequence[Citation] = field(init=False, default=())  # by the text so far
    begun: bool = field(init=False, default=False)  # whether words of Claude's have come, also such as it took back
    waiting: Answer | None = field(init=False, default=None)  # what is shown of it, where it waits for a person
    scheduled: ScheduledRun | None = field(init=False, default=None)  # what it is, if it is the run of a schedule
    visible: bool = field(init=False, default=False)  # whether words, ours or a predecessor's, may be on the platform

    async def run(self) -> None:
        """Answer, or ignore what is not for us, and close the question."""
        async with self.responder.composer.tend_asides(self.question):
            outcome = Outcome.EXPIRED
            try:
                await self._open()
                decision = await self._decide()
                outcome = await (self._ignore(decision) if isinstance(decision, Ignore) else self._show(decision))
            except TokenRefused:  # it stays open until a token works, unless nobody waits for it any more
                if not self.lease.stop.is_set():
                    raise
            except PlaceClosed as error:
                tell, answer = self.responder.fallback.notify_asker, self._find_whole_text()
                if not self.lease.stop.is_set() and await tell(self.question, error, answer):
                    outcome = Outcome.REFUSED
            except QuestionDeleted:
                outcome = Outcome.WITHDRAWN
            except (CannotShow, NotShown) as error:
                log.warning("can't be shown an answer: %s", error)
            if self.waiting is not None:
                await park_answer(self.responder.store, self.claim, self.waiting)
                return
            await self.lease.end(self.responder.store.questions.close, self.claim, outcome)
            self.responder.emit(QuestionClosed(self.question, outcome))
            log.info("closed: %s", outcome.value)

    @property
    def question(self) -> Question:
        return self.claim.question

    def _find_whole_text(self) -> str:
        """The answer where it is whole: as it was stored, also before a restart, or as it was to be shown."""
        final = self.claim.final_text or self.lease.final_text
        return final.text if final else self.reply.without_files if self.reply.whole else ""

    async def _open(self) -> None:
        """All that an answer begins with, asked for at once."""
        store, key, self.task = self.responder.store, self.question.key, find_task(self.question)
        self.surface, (self.thread, versions) = await asyncio.gather(
            self.responder.composer.platforms[key.platform].surface(self.question), store.threads.open(key)
        )
        self.persona, self.version = resolve_versions(versions, self.responder.composer.rules.defaults)
        self.scheduled = await store.schedules.find_run(self.question) if self.question.schedule is not None else None
        if self.claim.resumed and not self.claim.final_text:  # it may have been added to since this claim was made
            self.claim = await store.questions.join_waiting(self.claim)
        self.visible = bool(self.claim.pages) and self.claim.earlier is None
        self.reply = Reply(
            self.question,
            self._record_page,
            self.claim.pages,
            self.persona.answers == "thread",
            self.lease.ensure_held,
            drop=partial(store.questions.drop_page, self.claim),
            stop=self.lease.stop.set,
            brief=self.persona.long == "file",
            resumed=self.claim.resumed,
            replaced=list_replaced_files(self.claim.earlier, reopened=may_reopen_code(self.question, self.thread)),
            stoppable=self.question.command is None or self.task is not None,
            heading=await write_heading(self.scheduled, self.question, self.surface),
        )
        if self.claim.told is not None and not self.claim.final_text:
            await self.responder.heartbeat()  # it may have been withdrawn while it waited
            self.reply.take_up(self.claim.so_far, stopped=self.lease.stop.is_set())

    async def _decide(self) -> Decision:
        """The policy's decision; what hinders it is a refusal. What was decided and answered before is shown."""
        if final := self.claim.final_text:
            if final == DECLINED:
                return Ignore()
            restored = restore_answer(final, command=self.question.command is not None)
            return AnswerWith(await tell_who_asked(restored, self.question, self.surface))
        try:
            if self.question.schedule is not None:
                return await self.responder.runs.decide(self.scheduled, self.claim, self.surface)
            decide = partial(self.responder.policy.decide, persona=self.persona, version=self.version)
            return await decide(self.claim, self.thread, self.surface, changed=self.lease.changed)
        except CannotAnswer as error:
            return AnswerWith(refuse(str(error)))

    async def _ignore(self, decision: Ignore) -> Outcome:
        """Show nothing. Who may not ask gets no answer by somebody else's question either."""
        if decision.declined:
            await self.responder.store.questions.store_final_text(self.claim, DECLINED)
        return decision.outcome

    async def _show(self, decision: Decision) -> Outcome:
        """Show the reply while it grows; its final text is stored before it is shown.

        What the platform does not take is shown in a simpler way; another error on either side ends both, raised.
        """
        showing = asyncio.create_task(self.responder.fallback.show(self.surface, self.reply, self.claim))
        try:
            composed = await self._compose_unless_stopped(decision, showing)
            answer = await self.responder.runs.temper(composed, self.scheduled, self.claim)
            if self.visible or self.claim.earlier:  # words that stand there already are replaced for everybody
                answer = replace(answer, whispered=False)
            answer = await self._keep_earlier(await self._tell_acts(answer))
            if not has_failed(showing):
                await self._finish(answer)
            shown = await showing
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
        if answer.whispered and answer.unanswered is Unanswered.DECLINED:
            await self.responder.store.questions.store_final_text(self.claim, DECLINED)
            if shown:
                await self.responder.policy.note_told(self.question, answer)
        self.waiting = answer if shown and answer.unfinished else None
        return answer.outcome if shown else Outcome.REFUSED

    async def _list_files(self, answer: Answer) -> tuple[str, Sequence[File]]:
        """The text of an answer, with a note on files that can't be had, and all files. What stands keeps its own."""
        if not answer.keeps_made:
            self.reply.replaced = ()
            return answer.text, ()
        listed = answer.list_files(self.persona, reopened=may_reopen_code(self.question, self.thread))
        told, files = await fetch_files(answer, listed, self.question, self.responder.composer.made_files)
        if told.made != answer.made:  # before they are posted
            final = replace(answer.final_text, made=told.made)
            await self.responder.store.questions.store_final_text(self.claim, final)
        return told.text, files

    async def _finish(self, answer: Answer) -> None:
        """Let the reply be whole: its final text, once it is stored, or what there is of it while a call waits."""
        if not answer.unfinished:
            await self._store_final_text(answer)
        text, files = (answer.text, ()) if answer.unfinished else await self._list_files(answer)
        whispered, controls = answer.whispered, choose_controls(self.question, answer)
        self.reply.finish(text, answer.notice, files, whispered=whispered, controls=controls, call=answer.awaits)

    async def _keep_earlier(self, answer: Answer) -> Answer:
        """The answer, or what stood there before it was tried again, unless somebody has deleted that meanwhile."""
        if self.claim.earlier is None:
            return answer
        now = await self.responder.store.questions.join_waiting(self.claim)
        return keep_earlier(now.earlier, answer) if now.earlier else answer

    async def _tell_acts(self, answer: Answer) -> Answer:
        """The answer; where it ended before Claude told what its tools did, it says so itself."""
        if self.claim.final_text or self.question.command is not None or not answer.ends_early:
            return answer
        acts = [one for one in await self.responder.store.calls.list_acts(self.claim) if not one.closed]
        questions = self.responder.store.questions
        if acts and not answer.text and await questions.is_deleted(self.question.key, self.question.name):
            return answer
        return tell_acts(answer, list_sources(self.reply.text, self.cited), self.claim.earlier, acts)

    async def _store_final_text(self, answer: Answer) -> None:
        """On disk, and in the lease for another try, if the disk is full. What is whispered is decided anew."""
        known = self.claim.final_text and not self.claim.earlier
        if answer.text and not (known or answer.files or answer.whispered):
            self.lease.final_text = answer.final_text
        if self.lease.final_text is not None and not answer.stored:
            await self.responder.store.questions.store_final_text(self.claim, self.lease.final_text)

    async def _compose_unless_stopped(self, decision: Decision, showing: "asyncio.Task[bool]") -> Answer:
        """The answer, whatever happens: an error is told in a sentence, and a stop ends it with what there is.

        So does `showing` where it fails. While nothing of it is visible it begins again when its question changes.
        """
        stop, changed = self.lease.stop, self.lease.changed
        composing, stopping = asyncio.create_task(self._compose(decision)), asyncio.create_task(stop.wait())
        changing = asyncio.create_task(changed.wait())
        try:
            while True:
                watched = {composing, stopping, changing, *([] if showing.done() else [showing])}
                await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
                if composing.done() and (answer := composing.result()) is not None:
                    return answer
                if stop.is_set() and self.task_answer:
                    return await self.task_answer.end_stopped(composing)
                if stop.is_set() or has_failed(showing):
                    return cut_short(list_sources(self.reply.text, self.cited), visible=bool(self.reply.pages))
                if changing.done():
                    changed.clear()
                    changing = asyncio.create_task(changed.wait())
                if composing.done() or await self._is_changed(decision, self.claim):
                    composing = await self._begin_again(composing, decision)
        except Exception as error:
            return explain_error(error)
        finally:
            for task in (composing, stopping, changing):
                task.cancel()  # what Claude was asked is still settled
            await asyncio.gather(composing, stopping, changing, return_exceptions=True)

    async def _is_changed(self, decision: Decision, before: Claim) -> bool:
        """Whether the question was added to or edited since `before`, while nothing of its answer is visible."""
        settled = self.question.stands_alone or self.visible or self.begun_again >= BEGUN_AGAIN
        if settled or not isinstance(decision, Proceed):
            return False
        if self.lease.may_have_changed:
            self.claim = await self.lease.look(partial(self.responder.store.questions.join_waiting, self.claim))
        return (self.claim.together, self.claim.edited) != (before.together, before.edited)

    async def _begin_again(self, composing: Composing, decision: Decision) -> Composing:
        """Drop the request that is under way, which is settled, and compose the answer to all of the question.

        What acts goes on to its end. An edit may have made it somebody else's; then it is answered no more.
        """
        await self.lease.cancel_between_acts(composing)
        self.begun_again += 1
        log.info("begun again, for the question was added to or edited")
        self.thread = await self.responder.store.threads.thread(self.question.key)
        ours = is_for_us(self.claim, self.thread, follow_ups=self.persona.follow_ups != "never")
        if not ours or (is_doubtful(self.claim, self.persona) and isinstance(await self._decide(), Ignore)):
            self.lease.stop.set()
        return asyncio.create_task(self._compose(decision))

    async def _compose(self, decision: Decision) -> Answer | None:
        """What was answered before, a refusal, a command's or Claude's words; None where it is another question now."""
        stale = self.thread.stale and self.question.command is None and not self.claim.final_text
        if (self.claim.resumed and not (self.task and self.question.private)) or stale:
            await self._recover()
        if self.lease.stop.is_set() and not self.claim.final_text:
            return cut_short(list_sources(self.reply.text, self.cited), visible=bool(self.reply.pages))
        if isinstance(decision, AnswerWith):
            return decision.answer
        if self.question.command is not None and self.task is None:
            return await self._run_command()
        await self.reply.wait_until_showable()
        composition = self._begin_composition()
        async with (
            self.responder.semaphore.slot(self.question.key, self.question.person, self.reply.wait) as slot,
            aclosing(await composition.ask(slot)) as events,
        ):
            async for event in events:
                if isinstance(event, TextSoFar):
                    if not self.reply.text and await self._is_changed(decision, composition.claim):
                        return None
                    self._grow(event)
                elif isinstance(event, Waiting):
                    self.reply.wait(event.note)
                elif isinstance(event, Activity):
                    self.reply.act(event.words, note=True)
                elif isinstance(event, Retraction):
                    self.reply.take_back()
                elif isinstance(event, LeftOut):
                    await composition.leave_out(event)
                else:
                    answer = event
        return await composition.conclude(answer)

    def _begin_composition(self) -> Composition | TaskAnswer:
        of = self.responder.composer, self.claim, self.thread, self.surface, self.persona, self.version
        if self.task is None:
            return Composition(*of, self.unread, self.reply)
        self.task_answer = TaskAnswer(*of, self.reply, self.responder.commands, self.lease.stop)
        return self.task_answer

    def _grow(self, said: TextSoFar) -> None:
        if not self.begun:
            self.responder.emit(AnswerBegun(self.question))
        self.begun = self.visible = True
        self.cited = said.citations
        self.reply.say(said.text)

    async def _run_command(self) -> Answer:
        command, call = registry.read_invocation(self.question, self.surface, self.responder.commands)
        result = await registry.run_command(command, call)
        answer = Answer(result.text, Outcome.CARRIED_OUT, files=result.files)
        return replace(answer, offers=result.offers, waits=result.waits)

    async def _recover(self) -> None:
        """Refresh the thread, where our copy may be out of date, and adopt a predecessor's pages.

        The question may turn out to be deleted, or was withdrawn while nobody answered it. A history that can't be
        read holds up no answer, unless a predecessor's pages may stand in it and the platform may show them later.
        """
        composer, together = self.responder.composer, self.claim.together
        patience = None if self.claim.resumed else composer.rules.patience
        try:
            self.thread, history = await refresh_conversation(
                composer.store.threads, self.thread, self.surface, together, composer.platforms, patience=patience
            )
        except CannotAnswer as error:
            if self.claim.resumed and isinstance(error, NoAnswer) and error.may_come:
                raise
            log.warning("a history could not be read: %s", error)
            self.unread = error
            return
        for page in find_orphaned_pages(history, self.thread, self.question):
            self.visible = self.visible or page.id not in self.reply.pages  # ours may be one that was posted to try
            await self.reply.record_page(page.id, page.at)
        if self.claim.resumed or shows_otherwise(history, self.thread, self.claim):
            await asyncio.gather(self.responder.heartbeat(), self._join_read())

    async def _join_read(self) -> None:
        """Answer also what the history brought: an edit that was read with it is no later one."""
        if self.question.command is None and not self.claim.final_text:
            before, self.claim = self.claim, await self.responder.store.questions.join_waiting(self.claim)
            if self.claim != before:
                self.thread = await self.responder.store.threads.thread(self.question.key)

    async def _record_page(self, page: str, at: datetime | None) -> None:
        await self.responder.store.questions.record_page(self.claim, page, at or self.responder.composer.clock())
