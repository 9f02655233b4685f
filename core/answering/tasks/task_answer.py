"""The answer to a command that Claude answers: composed as every answer is, but of what the command has read."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from core.answering.completions import Event, Run
from core.answering.composition import Composer
from core.answering.conversation import name_persona, read_knowledge, tell_notes
from core.answering.final_answer import STOPPED, Answer, cut_off
from core.answering.reply import Reply
from core.answering.tasks.past_questions import read_past_turns
from core.answering.tasks.scheduled_runs import wait_out
from core.billing.budgets import dollars
from core.claude.client import TextSoFar
from core.claude.sender import LeftOut
from core.commands import RUNS, TABLE
from core.commands.craft.task import TaskPrompt, TaskResult, TaskRun, TaskStopped
from core.commands.registry import (
    Command,
    CommandContext,
    Invocation,
    UsageError,
    check_rank,
    find_command,
    read_invocation,
)
from core.domain.errors import CannotAnswer
from core.domain.messages import Outcome, Question
from core.domain.personas import Persona, Version
from core.domain.platform import Surface
from core.prompting.personas.check import refuse_model
from core.rendering.reply_notes import append_note, close_text
from core.store.protocols import Step, Thread
from core.store.records.claims import Claim
from core.tools.runner import ToolRunner
from core.tools.tool import Tool, ToolScope
from core.worker.fair_semaphore import FairSlot

ENDING = 4.0  # seconds in which a task that is stopped tells what is done; a terminal waits for a second more


def find_task(question: Question) -> Command | None:
    """The row of a command that Claude answers; None for every other question."""
    if not question.command:
        return None
    try:
        row, _ = find_command(RUNS if question.schedule is not None else TABLE, question.command)
    except UsageError:
        return None
    return row if row.task is not None else None


@dataclass(slots=True)
class TaskAnswer:
    """One answer to a command that Claude answers."""

    composer: Composer
    claim: Claim
    thread: Thread
    surface: Surface
    persona: Persona
    version: Version | None
    reply: Reply
    """Is told what takes a while."""
    context: CommandContext
    stop: asyncio.Event
    """Is set when it shall end with what is done."""
    grows: bool = field(init=False, default=False)
    """Whether Claude's words are the answer, as they come."""

    async def ask(self, slot: FairSlot) -> AsyncGenerator[Event, None]:
        """The events of Claude's answer. Raises CannotAnswer, UsageError where the command can't be given so."""
        question, composer = self.claim.question, self.composer
        context = replace(self.context, table=RUNS) if question.schedule is not None else self.context
        row, call = read_invocation(question, self.surface, context)
        assert row.task is not None
        await check_rank(row, call)
        allowed = composer.rules.models
        if allowed and self.persona.model not in allowed:
            raise CannotAnswer(refuse_model(self.persona.model or "", allowed))
        steps: Mapping[str, Step] = {}
        if self.claim.resumed:
            steps = await composer.store.ledger.list_steps(question.key, question.name)
        return self._stream(row.task, await self._build_run(row, call, steps), slot)

    async def conclude(self, answer: Answer) -> Answer:
        return answer

    async def leave_out(self, left_out: LeftOut) -> None:
        """There are no files that could be left out."""

    async def end_stopped(self, composing: "asyncio.Task[Answer | None]") -> Answer:
        """What is done of a task that was stopped, and what all of it cost."""
        if self.grows:
            composing.cancel()
        await asyncio.wait({composing}, timeout=ENDING)
        composing.cancel()
        (ended,) = await asyncio.gather(composing, return_exceptions=True)
        if isinstance(ended, Exception) and not isinstance(ended, TaskStopped):
            raise ended
        whole, question = ended if isinstance(ended, Answer) and not ended.unfinished else None, self.claim.question
        _, micro_usd = await self.composer.store.ledger.sum_steps(question.key, question.name)
        micro_usd += await self.composer.store.jobs.sum_cost(question.key, question.name)
        cost = f"All of it cost {dollars(micro_usd)}." if micro_usd else ""
        words = " ".join(filter(None, ("" if whole else STOPPED, cost)))
        text = whole.text if whole else close_text(self.reply.text)
        done = whole or Answer("")
        return replace(done, text=append_note(text, words) if words else text, outcome=Outcome.WITHDRAWN, draft=None)

    async def _build_run(self, row: Command, call: Invocation, steps: Mapping[str, Step]) -> TaskRun:
        composer, question = self.composer, self.claim.question
        persona = await self._name_persona(self.persona)
        notes, _ = await tell_notes(composer.store.threads, self.thread, self.surface)
        return TaskRun(
            question=replace(question, homes=await self.surface.homes()),
            values=call.values,
            surface=self.surface,
            store=composer.store,
            clock=composer.clock,
            persona=persona,
            version=self.version,
            models=list(dict.fromkeys([persona.model or "", *composer.rules.fallbacks])),
            instructions=composer.platforms[question.key.platform].instructions,
            notes=notes,
            structured=composer.completions.structured_output,
            claim=self.claim,
            steps=steps,
            act=partial(self.reply.act, note=True),
            find_zone=partial(composer.find_zone, question, self.surface, self.thread),
            row=row,
            call=call,
            read_turns=partial(read_past_turns, composer, self.surface),
            name_persona=self._name_persona,
            read_knowledge=partial(read_knowledge, composer.store.personas, question.key),
            check_rank=partial(check_rank, row, call),
            stop=self.stop,
            list_tools=self._list_tools,
        )

    async def _list_tools(self) -> Sequence[Tool]:
        return await self.composer.tools.list_tools(self.thread, self.persona.tools, private=True)

    def _make_runner(self, run: TaskRun, tools: Sequence[Tool]) -> ToolRunner:
        scope = ToolScope(run.question, self.surface, run.store, run.clock, run.find_zone)
        return ToolRunner(run.store.calls, self.claim, {tool.name: tool for tool in tools}, scope, run.act)

    async def _name_persona(self, persona: Persona) -> Persona:
        named, _ = await name_persona(self.composer.store.threads, self.thread, persona, self.surface)
        return named

    async def _stream(
        self, task: Callable[[TaskRun], Awaitable[object]], run: TaskRun, slot: FairSlot
    ) -> AsyncGenerator[Event, None]:
        """What the task brings: its whole answer, or Claude's words as they grow."""
        scheduled, sleep = run.question.schedule is not None, self.composer.completions.sender.sleep
        made = await (wait_out(partial(task, run), sleep) if scheduled else task(run))
        await run.ensure_allowed()
        if isinstance(made, TaskResult):
            answer = Answer(made.text, made=made.made, draft=made.draft, offers=made.offers, waits=made.waits)
            yield answer if made.waits is None else replace(answer, outcome=Outcome.CARRIED_OUT)
            return
        assert isinstance(made, TaskPrompt)
        self.grows = True
        runner = self._make_runner(run, made.tools) if made.tools else None
        key = self.composer.api_key
        told = Run(self.claim, run.steps, partial(_finish, made), tools=runner, api_key=key, slot=slot)
        stream = self.composer.completions.stream(run.question, run.version, made.models, made.build, told)
        async with aclosing(stream) as events:
            async for event in events:
                yield replace(event, text=made.finish(event.text)) if isinstance(event, TextSoFar) else event


def _finish(prompt: TaskPrompt, answer: Answer) -> Answer:
    """The answer as people are shown it, before it is stored."""
    if answer.outcome is not Outcome.SHOWN:
        return answer
    text = prompt.finish(answer.text)
    return replace(answer, text=cut_off(text, prompt.note).text if prompt.note else text)
