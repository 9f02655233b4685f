"""Completions: one answer of Claude's, out of as many requests as it takes, with retries and fallback models."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import NoReturn, TypeAlias

from core.answering.final_answer import Answer, conclude, decline, interrupt, refuse
from core.answering.refused_prompts import RefusedPrompts
from core.billing.budgets import dollars
from core.billing.cache_lifetimes import PauseRecord
from core.billing.ledger_rows import BudgetRefusal
from core.claude.citations import Citation, append_sources, insert_numbers
from core.claude.client import Activity, Claude, Completion, TextSoFar
from core.claude.errors import ClaudeError
from core.claude.files import list_made_files
from core.claude.metering import MeteredRequest, Metering, Renew, dump_completion
from core.claude.model_catalog import ModelCatalog
from core.claude.retry import RetryPolicy
from core.claude.sender import LeftOut, Sender, Waiting
from core.claude.structured import StructuredOutput
from core.domain.clock import Clock, Sleep
from core.domain.messages import MadeFile, Outcome, Question, Unanswered
from core.domain.models import Model
from core.domain.personas import Version
from core.domain.tools import ASKS_EACH_TIME, ToolCall
from core.prompting.code_requests import continue_request
from core.prompting.continuation import ANEW, Continuation
from core.prompting.request import Request
from core.store.protocols import Notes, Step, StepEnd
from core.store.records.claims import Claim
from core.tools.approvals import explain_expired, write_request
from core.tools.runner import Awaiting, Carried, Expired, ToolRunner
from core.worker.fair_semaphore import FairSlot

ROUNDS = 25  # requests that one answer may take, of all models together: Claude pauses, or calls tools
MAX_COST = 1_000_000  # micro-dollars that one answer may cost: then it goes on only if somebody lets it
TOO_MANY = "This took {} steps, as many as one answer may have. Continue goes on from here."
TOO_DEAR = "This answer has cost {}, as much as one answer may. Continue goes on from here."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retraction:
    """The text so far is taken back: Claude refused after it, and no part of it is an answer."""


Build: TypeAlias = Callable[[Model], Request]
Event: TypeAlias = TextSoFar | Activity | Waiting | Retraction | LeftOut | Answer
Shown: TypeAlias = TextSoFar | Activity | Waiting | LeftOut | BudgetRefusal


@dataclass(frozen=True, slots=True)
class Run:
    """The steps of an answer, which are stored: those that are done, and what the last one becomes for people."""

    claim: Claim
    steps: Mapping[str, Step]
    finish: Callable[[Answer], Answer]
    joined: Continuation = ANEW
    """How the text joins an earlier one."""
    renew: Renew | None = None
    """Uploads files again that Claude's API has no more."""
    tools: ToolRunner | None = None
    """Carries out the calls of tools that we run, where the conversation has any."""
    after: str | None = None
    """The message behind which the answer stands, where that is another one than the newest that Claude is told."""
    api_key: str = ""
    """The fingerprint of the key with which Anthropic keeps what Claude's code makes."""
    slot: FairSlot | None = None
    """That of its requests to Claude: others may have it while tools run."""
    pause: PauseRecord | None = None
    """How its question came."""

    async def carry_out(self, calls: Sequence[ToolCall]) -> Carried | Awaiting | Expired:
        """Carry out the calls of a step, as far as they may be. Raises LeaseLost, StoreUnavailable."""
        if not (self.tools and calls):
            return Carried(())
        if self.slot:
            self.slot.release()
        carried = await self.tools.carry_out(calls)
        if self.slot and isinstance(carried, Carried):  # else nothing is asked any more
            await self.slot.take()
        return carried


class Completions:
    """Asks Claude on behalf of a question. `sleep` waits seconds, and `seconds` counts them."""

    def __init__(
        self,
        claude: Claude,
        metering: Metering,
        notes: Notes,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
        seconds: Callable[[], float] = time.monotonic,
        max_cost: int = MAX_COST,
    ) -> None:
        self._max_cost = max_cost
        self._ledger = metering.ledger
        self.takes_batches = claude.batches is not None
        self.sender = Sender(metering, sleep=sleep, seconds=seconds)
        self.catalog = ModelCatalog(claude, notes, clock, metering.prices)
        self.structured_output = StructuredOutput(self.sender, self.catalog)
        self.refused_prompts = RefusedPrompts()

    async def stream(
        self, question: Question, persona: Version | None, models: Sequence[str], build: Build, run: Run
    ) -> AsyncGenerator[Event, None]:
        """The text as it grows, why it does not, what Claude is not shown, and at last the answer.

        Raises ClaudeError when no model answers.

        Each of `models` is asked with what `build` makes for it, the next when one is limited, in trouble, gone, or
        refuses; when none answers at once, the one that may soonest is waited for. Text may begin again. What refused
        the beginning of this conversation is asked last.
        """
        failed: dict[str, ClaudeError | None] = {}
        refused: Answer | None = None
        models = self.refused_prompts.order_models(models, build(Model(models[0])))
        for name, hurried in _plan_attempts(models, failed):
            retry_policy = RetryPolicy(self.sender.seconds, hurried)
            try:
                if (error := failed.get(name)) and (pause := retry_policy.back_off(error)):
                    if pause.note:
                        yield Waiting(pause.note)
                    await self.sender.sleep(pause.seconds)
                request = build(await self.catalog.describe(name))
                order = self.sender.simplify(MeteredRequest(question, persona, request, run.steps, renew=run.renew))
                if order.request.left_out or failed:
                    yield LeftOut(order.request.left_out)
                async with aclosing(self._stream_turns(order, retry_policy, run, hurried)) as events:
                    async for event in events:
                        if isinstance(event, BudgetRefusal):
                            reason, personal = event.reason, event.personal
                        elif not isinstance(event, Answer):
                            yield event
                        elif is_passed_on(event, hurried):
                            refused, reason = event, "it refuses"
                        else:
                            yield event
                            return
                if refused is None and not (hurried and failed):
                    yield decline(reason, whispered=personal)
                    return
                log.warning("%s does not answer this: %s", name, reason)
                failed[name] = None
            except ClaudeError as error:
                if refused is None and not (hurried and (failed or error.other_model)):
                    raise
                log.warning("%s; asking another model instead", error)
                failed[name] = error
        yield refused or _raise_first(failed)

    async def model(self, name: str) -> Model:
        """What a model can do: as last told by the Models API, also when that can't be asked just now."""
        return await self.catalog.describe(name)

    async def _stream_turns(
        self, order: MeteredRequest, retry_policy: RetryPolicy, run: Run, hurried: bool
    ) -> AsyncGenerator[Event | BudgetRefusal, None]:
        """One answer of a model, or why a budget forbids it; when Claude pauses its turn, it is asked to go on.

        What it calls is carried out, and it is told what came of that. A refusal is remembered, whether it comes as an
        answer or as an error.
        """
        asked, end = order.request, _TurnEnd(run, order.request.last, hurried)
        if run.tools:
            run.tools.begin_run()
        for number in range(1, ROUNDS + 1):
            completion: Completion | None = None
            order = replace(order, end=end.store, abandon=end.abandon)
            try:
                async with aclosing(self.sender.stream(order, retry_policy)) as events:
                    async for event in events:
                        if isinstance(event, Completion):
                            completion = event
                        elif shown := end.show(event):
                            yield shown
                        if isinstance(event, BudgetRefusal):
                            return
            except ClaudeError as error:
                if error.kind == "refused":
                    self.refused_prompts.record(asked)
                    yield Retraction()
                raise
            assert completion is not None
            if completion.stop == "refusal":
                self.refused_prompts.record(asked)
                yield Retraction()
            if (answer := end.conclude(completion)) is not None:
                yield answer
                return
            end = end.go_on(completion)
            if why := await self._explain_end(order, number):  # before a tool acts that nobody would tell of
                yield end.interrupt(why)
                return
            carried = await run.carry_out(completion.calls)
            if not isinstance(carried, Carried):
                yield end.wait(carried)
                return
            order = replace(order, request=end.continue_request(order.request, completion, carried))

    async def _explain_end(self, order: MeteredRequest, number: int) -> str:
        """Why an answer may not go on; empty where it has not taken or cost so much yet.

        This request is the one of that `number` of its model. What an earlier process had asked is gone through first.
        """
        done = order.steps.get(order.request.digest)
        rounds, cost = await self._ledger.sum_steps(order.question.key, order.question.name)
        if done and done.content is not None and number < min(rounds, ROUNDS):
            return ""
        if max(number, rounds) >= ROUNDS:
            return TOO_MANY.format(ROUNDS)
        return TOO_DEAR.format(dollars(cost)) if cost >= self._max_cost else ""


@dataclass(frozen=True, slots=True)
class _TurnEnd:
    """What the end of a request means for the answer, of which `said` came before it, with what that `cited`."""

    run: Run
    last: str | None
    hurried: bool
    said: str = ""
    cited: tuple[Citation, ...] = ()
    made: tuple[MadeFile, ...] = ()
    """Files that came of what was before."""

    def join(self, text: str, citations: Sequence[Citation]) -> tuple[str, tuple[Citation, ...]]:
        """All of the answer and its citations, each at its place in all of it."""
        before = len(self.said)
        moved = (one if one.at is None else replace(one, at=one.at + before) for one in citations)
        return self.said + text, (*self.cited, *moved)

    def show(self, event: Shown) -> Shown | None:
        """The event as people are shown it: text as all of the answer so far; None while that is nothing."""
        if not isinstance(event, TextSoFar):
            return event
        text, citations = self.join(event.text, event.citations)
        shown = self.run.joined.join(insert_numbers(text, citations), whole=False)
        return TextSoFar(shown, citations) if shown else None

    def go_on(self, completion: Completion) -> "_TurnEnd":
        """The end of the request that goes on after a pause, or after calls, behind which a paragraph begins."""
        said, cited = self.join(completion.text, completion.citations)
        apart = completion.calls and said.strip() and not said.endswith("\n\n")
        said = f"{said.rstrip()}\n\n" if apart else said
        return replace(self, said=said, cited=cited, made=self.list_made(completion.content))

    def list_made(self, blocks: Sequence[object] = ()) -> tuple[MadeFile, ...]:
        """All files that tools made for the answer by then, those that we run among them."""
        found = (MadeFile(file_id=one, api_key=self.run.api_key) for one in list_made_files(blocks))
        return tuple(dict.fromkeys((*self.made, *(self.run.tools.files if self.run.tools else ()), *found)))

    def wait(self, carried: Awaiting | Expired) -> Answer:
        """The answer so far, where a call waits for a person, or has waited in vain."""
        if isinstance(carried, Awaiting):
            said = self.run.joined.join(self.write_sources())
            text = write_request(said, carried.tool, carried.call)
            each = carried.tool.name in ASKS_EACH_TIME
            return Answer(text, after=self.last, awaits=carried.call.number, so_far=said, asks_each_time=each)
        why = explain_expired(carried.tool.name)
        if not self.said.strip():
            return replace(refuse(f"{why}."), after=self.run.after or self.last)
        return self.interrupt(f"{why}.")

    def continue_request(self, request: Request, completion: Completion, carried: Carried) -> Request:
        """The request that goes on from a completion, with what came of its calls, and where its code runs."""
        return continue_request(request, completion.content, carried.results, completion.container)

    def interrupt(self, why: str) -> Answer:
        """The answer so far, with which Claude can go on."""
        answer = self.run.finish(interrupt(self.run.joined.join(self.write_sources()), why))
        return replace(answer, after=self.run.after or self.last, made=self.list_made())

    def write_sources(self, text: str = "", citations: Sequence[Citation] = ()) -> str:
        """All of the answer with its sources."""
        return append_sources(*self.join(text, citations))

    def conclude(self, completion: Completion) -> Answer | None:
        """The answer, if this is its end."""
        if completion.stop == "pause_turn" or (self.run.tools and completion.calls):
            return None
        text = self.run.joined.join(self.write_sources(completion.text, completion.citations))
        answer = self.run.finish(conclude(text, completion))
        made = self.list_made(completion.content) if answer.outcome is Outcome.SHOWN else ()
        return replace(answer, after=self.run.after or self.last, stored=completion.stored, made=made)

    def abandon(self, blocks: Sequence[object]) -> StepEnd | None:
        """What is stored of a request that did not end: the files that its code made by then, which are deleted."""
        made = self.list_made(blocks)
        return StepEnd(self.run.claim, made=made) if made != self.made else None

    def store(self, completion: Completion) -> StepEnd:
        """What is stored of it: the final text, unless it is not the end or another model is asked."""
        answer = self.conclude(completion)
        end = StepEnd(self.run.claim, made=self.list_made(completion.content), container=completion.container)
        if answer is None or is_passed_on(answer, self.hurried):
            called = tuple(self.run.tools.called) if self.run.tools else ()
            return replace(end, content=dump_completion(completion), called=called)
        return replace(end, final_text=answer.final_text, pause=self.run.pause)


def is_passed_on(answer: Answer, hurried: bool) -> bool:
    """Whether another model is asked in the place of one that refused, because another could answer."""
    return hurried and answer.unanswered is Unanswered.REFUSED


def _raise_first(failed: Mapping[str, ClaudeError | None]) -> NoReturn:
    raise next(error for error in failed.values() if error)


def _plan_attempts(models: Sequence[str], failed: Mapping[str, ClaudeError | None]) -> Iterator[tuple[str, bool]]:
    """Which model is asked next, and whether in a hurry, because another could answer.

    After all of them, it is the one that is waited for, if there is any: of those whose trouble passes, the one where
    it passes soonest.
    """
    if len(models) > 1:
        yield from ((name, True) for name in models)
    passing = {name: error for name, error in failed.items() if error and error.passing}
    if failed and not passing:
        return
    yield min(passing, key=lambda name: passing[name].retry_after or 0) if failed else models[0], False
