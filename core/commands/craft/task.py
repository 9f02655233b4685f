"""Task: a command that Claude answers, to who gave it alone. What Claude is told is read when its turn comes.

Nothing of that is stored: the command is, like every question, and what it says in the end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from core.billing.ledger_rows import BudgetRefusal
from core.claude.client import Completion
from core.claude.errors import ClaudeError
from core.claude.metering import MeteredRequest, dump_completion
from core.claude.retry import RetryPolicy
from core.claude.structured import LONGEST, StructuredOutput
from core.commands.registry import Command, Invocation
from core.domain.clock import Clock
from core.domain.content import Text
from core.domain.controls import Control
from core.domain.errors import BudgetForbids, CannotAnswer, ConfabError
from core.domain.messages import CommandResult, MadeFile, Question
from core.domain.models import Model
from core.domain.personas import Draft, Persona, Version
from core.domain.platform import Surface
from core.prompting.request import Request, build_request
from core.prompting.turns import Turn
from core.store.protocols import Step, StepEnd, Store
from core.store.records.claims import Claim
from core.store.records.trials import PastQuestion
from core.tools.tool import Tool

Form = TypeVar("Form", bound=BaseModel)
Made = TypeVar("Made")

HIDDEN = "You may not read what this is about any more, so you are not shown what came of it."


class TaskStopped(ConfabError):
    """Somebody has stopped the task; what is done so far is shown."""


ENDINGS = (BudgetForbids, ClaudeError, TaskStopped)
"""What ends a task before it is whole, and leaves what is done."""


def explain_end(error: Exception) -> str:
    """Why a task ends before it is whole."""
    if isinstance(error, TaskStopped):
        return "I was asked to."
    return error.sentence if isinstance(error, ClaudeError) else str(error)


def keep_words(text: str) -> str:
    """Claude's words are shown as they are."""
    return text


async def leave_to_claude(_call: object) -> CommandResult:
    """What a task has in the place of a function that answers: it never runs."""
    raise AssertionError("Claude answers this command")


@dataclass(frozen=True, slots=True)
class TaskPrompt:
    """What Claude is asked in the end: its words are the answer, and grow as it writes them.

    The first of `models` that answers is asked with what `build` makes for it. People are shown what `finish` makes of
    all words so far.
    """

    models: Sequence[str]
    build: Callable[[Model], Request]
    finish: Callable[[str], str] = keep_words
    note: str = ""
    """Sentences of ours that stand below the whole answer."""
    tools: Sequence[Tool] = ()
    """What Claude may use, as `build` tells it."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The answer where it is known whole: what other requests to Claude brought, and files that were made of it."""

    text: str
    made: tuple[MadeFile, ...] = ()
    draft: Draft | None = None
    """A persona that was tried for it, and may be kept."""
    offers: tuple[Control, ...] = ()
    """What people may do with the batch that it is about."""
    waits: int | None = None
    """It is no answer yet: the task goes on once more than so many changes happened to its batch."""


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One task while it is carried out: who gave it and where, with what, and how Claude is asked for it."""

    question: Question
    values: Mapping[str, str]
    surface: Surface
    store: Store
    clock: Clock
    persona: Persona
    """The one in force, with names in the place of ids."""
    version: Version | None
    models: Sequence[str]
    """The persona's model, and those that answer in its place."""
    instructions: str
    """What Claude is told of the platform."""
    notes: str
    """What Claude is told of the channel's notes."""
    structured: StructuredOutput
    claim: Claim
    steps: Mapping[str, Step]
    """What processes before this one asked for it."""
    act: Callable[[str], None]
    """Tell people what takes a while."""
    find_zone: Callable[[], Awaitable[str]]
    """The asker's time zone."""
    row: Command
    """What was given."""
    call: Invocation
    """The same as commands are given that Confab answers itself."""
    read_turns: Callable[[PastQuestion, Persona], Awaitable[Sequence[Turn]]]
    """What Claude was told when this was asked, as far as it stands, up to the question, and as much as a persona is
    told. Raises CannotAnswer."""
    name_persona: Callable[[Persona], Awaitable[Persona]]
    """A persona with names in the place of ids."""
    read_knowledge: Callable[[Persona], Awaitable[str]]
    """What a persona knows of files, as Claude is told it."""
    check_rank: Callable[[], Awaitable[None]]
    """Raises RankTooLow where the platform does not let its giver give it now."""
    stop: asyncio.Event
    """Is set when it shall end with what is done."""
    list_tools: Callable[[], Awaitable[Sequence[Tool]]]
    """The persona's tools, without those that act: nobody could be asked whether they may."""
    read: dict[str, bool] = field(default_factory=dict)
    """The threads whose past it has read, each with whether it has the name of a message of the channel."""
    answered: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The text and the model of whole answers that it has got, by what was asked."""

    @property
    def batched(self) -> bool:
        """Whether all is to be asked in a batch."""
        return self.values.get("batch") == "yes"

    async def describe_model(self) -> Model:
        """The model that is asked first."""
        return await self.structured.catalog.describe(self.models[0])

    async def request(self, form: type[Form], instruction: str, content: str, *, max_tokens: int = LONGEST) -> Form:
        """What Claude makes of `content`, as an instance of `form`. It is a step: done once, whatever is killed.

        Raises ClaudeError, BudgetForbids, TaskStopped, and as `ensure_allowed`.
        """
        return await self._ask_unless_stopped(
            lambda: self.structured.request(
                form,
                self.question,
                self.models[0],
                instruction,
                content,
                max_tokens=max_tokens,
                persona=self.version,
                steps=self.steps,
                end=self._end_step,
            )
        )

    async def complete(self, request: Request, version: Version | None = None) -> Completion:
        """What Claude answers to a whole request, beside the answer itself. It is a step too; raises as `request`."""
        return await self._ask_unless_stopped(lambda: self._complete(request, version))

    async def ensure_allowed(self) -> None:
        """Ask the platform again: its giver may have lost their rank, or left the channel, since it was begun.

        Raises RankTooLow, CannotAnswer.
        """
        await self.check_rank()
        if self.read and self.read.keys() - await self.surface.list_readable(self.question.person, self.read):
            raise CannotAnswer(HIDDEN)

    async def _ask_unless_stopped(self, ask: Callable[[], Coroutine[Any, Any, Made]]) -> Made:
        """What Claude is asked for, unless a stop comes first; what is under way then is settled."""
        await self.ensure_allowed()
        if self.stop.is_set():
            raise TaskStopped
        asking, stopping = asyncio.create_task(ask()), asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise TaskStopped
            return asking.result()
        finally:
            asking.cancel()
            stopping.cancel()
            await asyncio.gather(asking, stopping, return_exceptions=True)

    async def _complete(self, request: Request, version: Version | None) -> Completion:
        sender = self.structured.sender
        order = self._order(request, version)
        retry_policy = RetryPolicy(sender.seconds, another=False)
        async with aclosing(sender.stream(order, retry_policy)) as events:
            async for event in events:
                if isinstance(event, BudgetRefusal):
                    raise BudgetForbids(event.reason, personal=event.personal)
                if isinstance(event, Completion):
                    return event
        raise AssertionError("a request ended without a completion")

    def fit(self, request: Request) -> Request:
        """The request as it is sent."""
        return self._order(request, None).request

    def find_digest(self, request: Request) -> str:
        """By what a request is known among those of this task."""
        return self.fit(request).digest

    async def find_cost(self, request: Request) -> int | None:
        """What a request that was completed has cost, in micro-dollars; None where no price is known."""
        steps = await self.store.ledger.list_steps(self.question.key, self.question.name)
        step = steps.get(self.find_digest(request))
        return step.micro_usd if step else None

    async def sum_cost(self) -> int:
        """What was asked for it so far has cost, in micro-dollars."""
        key, name = self.question.key, self.question.name
        _, micro_usd = await self.store.ledger.sum_steps(key, name)
        return micro_usd + await self.store.jobs.sum_cost(key, name)

    def ask(
        self,
        instruction: str,
        content: str | Sequence[Turn],
        finish: Callable[[str], str] = keep_words,
        note: str = "",
        *,
        knowledge: str = "",
        tools: Sequence[Tool] = (),
    ) -> TaskPrompt:
        """The prompt that asks the persona in force to do what `instruction` says with `content`."""
        turns = (Turn("user", (Text(content),)),) if isinstance(content, str) else tuple(content)
        words = "\n\n".join(filter(None, (self.instructions, instruction)))

        def build(model: Model) -> Request:
            around = {"instructions": words, "knowledge": knowledge, "notes": self.notes}
            definitions = [tool.definition for tool in tools]
            return leave_uncached(build_request(self.persona, turns, model, "5m", **around, tools=definitions))

        return TaskPrompt(self.models, build, finish, note, tools)

    def _order(self, request: Request, version: Version | None) -> MeteredRequest:
        """A request as it is sent, within the budgets of who gave the task."""
        order = MeteredRequest(
            self.question, version or self.version, request, self.steps, end=self._end_step, aside=True
        )
        return self.structured.sender.simplify(order)

    def _end_step(self, completion: Completion) -> StepEnd:
        """What is kept of a request until the task is done, so that it is asked once."""
        return StepEnd(self.claim, content=dump_completion(completion))


def leave_uncached(request: Request) -> Request:
    """The same without cache marks: writing to the cache costs more, and nobody asks the same again."""
    system = [
        {name: value for name, value in block.items() if name != "cache_control"} for block in request.body["system"]
    ]
    body = {name: value for name, value in request.body.items() if name != "cache_control"}
    return replace(request, body=body | {"system": system}, uncached=True)
