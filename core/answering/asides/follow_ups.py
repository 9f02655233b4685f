"""Follow-ups: whether a message that mentions nobody is meant for Claude, on the word of the cheapest model."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from core.answering.conversation import introduce_people
from core.claude.metering import dump_completion
from core.claude.structured import StructuredOutput
from core.domain.content import Text
from core.domain.errors import CannotAnswer, ConfabError, LeaseLost, StoreUnavailable
from core.domain.personas import Persona, Version
from core.domain.platform import Surface
from core.prompting.asides.follow_ups import (
    INSTRUCTION,
    TOKENS,
    FollowUp,
    mentions_somebody,
    select_messages,
    write_messages,
)
from core.prompting.personas.check import refuse_model
from core.prompting.speakers import collect_people
from core.prompting.turns import Turn
from core.store.protocols import Step, StepEnd, Store, Thread
from core.store.records.claims import Claim
from core.worker.fair_semaphore import FairSemaphore

PATIENCE = 10.0  # seconds that a thread waits for the word of a model; then the message is not answered
JUDGED = 8  # requests at the same time, beside those of answers

log = logging.getLogger(__name__)


def _tell_nobody(_note: str) -> None:
    """Nobody is told that a message waits which may be meant for somebody else."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A claim of which nobody knows whether it is meant for Claude, in its thread, under a version of a persona."""

    claim: Claim
    thread: Thread
    surface: Surface
    persona: Persona
    version: Version | None


@dataclass(frozen=True, slots=True)
class FollowUpJudge:
    """Asks a model whether claimed messages are meant for Claude. It is paid by who wrote them, and shown nowhere."""

    store: Store
    asking: StructuredOutput
    allowed: Sequence[str] = ()
    semaphore: FairSemaphore = field(default_factory=partial(FairSemaphore, JUDGED))
    patience: float = PATIENCE

    async def is_meant(self, doubt: Doubt, changed: asyncio.Event) -> bool:
        """Whether any of it is, asked once whatever is killed. Where nobody can say it is not, and the log says why.

        When the thread has `changed`, and somebody waits there who certainly asks, it is not asked any more: Claude is
        told these messages with that question. Raises LeaseLost, StoreUnavailable.
        """
        claim = doubt.claim
        if claim.pages or claim.told is not None or claim.earlier is not None:
            return True  # what was begun goes on
        steps: Mapping[str, Step] = {}
        if claim.resumed:
            steps = await self.store.ledger.list_steps(claim.question.key, claim.question.name)
        if not all(step.aside for step in steps.values()):
            return True
        if await self._is_passed_over(claim):
            return False
        judging, heard = asyncio.create_task(self._judge(doubt, steps)), False
        try:
            while not judging.done() and await self._wait_for_change(judging, changed):
                heard = True
                if await self._is_passed_over(claim):
                    return False
            return await judging
        finally:
            if heard:
                changed.set()  # it may be an edit, of which who answers has to know
            judging.cancel()  # what the model was asked is still settled
            await asyncio.gather(judging, return_exceptions=True)

    async def _is_passed_over(self, claim: Claim) -> bool:
        passed = await self.store.questions.pass_over(claim)
        if passed:
            log.info("somebody asks Claude for certain behind a message that may be meant for it: both are one answer")
        return passed

    async def _wait_for_change(self, judging: "asyncio.Task[bool]", changed: asyncio.Event) -> bool:
        """Wait for the verdict, or until the thread changes; whether it did."""
        changing = asyncio.create_task(changed.wait())
        try:
            await asyncio.wait({judging, changing}, return_when=asyncio.FIRST_COMPLETED)
            if judging.done():
                return False  # who goes on with it looks at the change
            changed.clear()
            return True
        finally:
            changing.cancel()

    async def _judge(self, doubt: Doubt, steps: Mapping[str, Step]) -> bool:
        try:
            if self.allowed and doubt.persona.model not in self.allowed:
                raise CannotAnswer(refuse_model(doubt.persona.model or "", self.allowed))
            async with asyncio.timeout(self.patience):
                return await self._ask(doubt, steps)
        except (LeaseLost, StoreUnavailable):
            raise
        except (ConfabError, TimeoutError) as error:
            why = str(error) or f"no answer in {self.patience:g} seconds"
            log.info("whether a message is meant for Claude is not known, so it is not answered: %s", why)
            return False

    async def _ask(self, doubt: Doubt, steps: Mapping[str, Step]) -> bool:
        claim, thread, surface = doubt.claim, doubt.thread, doubt.surface
        question = claim.question
        names = {one.name for one in (question, *claim.together)}
        asked = {one.id for one in thread.messages if one.id in names and not mentions_somebody(one)}
        around = thread.replies, thread.parked
        selected = select_messages(thread.messages, asked, *around)
        thread = await introduce_people(self.store.threads, thread, sorted(collect_people(selected)), surface)
        told = Turn("user", tuple(map(Text, write_messages(selected, asked, thread.names, *around))))
        async with self.semaphore.slot(question.key, question.person, _tell_nobody):
            model = await self.asking.catalog.find_cheapest(doubt.persona.model or "", self.allowed)
            made = await self.asking.request(
                FollowUp,
                replace(question, homes=await surface.homes()),
                model,
                INSTRUCTION,
                [told],
                max_tokens=TOKENS,
                persona=doubt.version,
                steps=steps,
                end=lambda completion: StepEnd(claim, content=dump_completion(completion)),
                cached=True,
                once=True,
            )
        return made.for_claude
