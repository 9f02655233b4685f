"""Follow-ups: whether a message that mentions nobody is meant for Claude, on the word of the cheapest model."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from core.answering.conversation import introduce_people
from core.claude.metering import dump_completion
from core.claude.structured import StructuredOutput
from core.domain.content import Text
from core.domain.errors import ConfabError, LeaseLost, StoreUnavailable
from core.domain.personas import Persona, Version
from core.domain.platform import Surface
from core.prompting.asides.follow_ups import INSTRUCTION, TOKENS, FollowUp, write_messages
from core.prompting.speakers import collect_people
from core.prompting.turns import Turn
from core.store.protocols import Step, StepEnd, Store, Thread
from core.store.records.claims import Claim
from core.worker.fair_semaphore import FairSemaphore

PATIENCE = 30.0  # seconds that a thread waits for the word of a model; then the message is not answered

log = logging.getLogger(__name__)


def _tell_nobody(_note: str) -> None:
    """Nobody is told that a message waits which may be meant for somebody else."""


@dataclass(frozen=True, slots=True)
class FollowUpJudge:
    """Asks a model whether a claimed message is meant for Claude. It is paid by who wrote it, and shown nowhere."""

    store: Store
    asking: StructuredOutput
    semaphore: FairSemaphore
    allowed: Collection[str] = ()
    patience: float = PATIENCE

    async def is_meant(
        self, claim: Claim, thread: Thread, surface: Surface, persona: Persona, version: Version | None
    ) -> bool:
        """Whether it is, asked once whatever is killed. Where that can't be found out it is not, and the log says why.

        Raises LeaseLost, StoreUnavailable.
        """
        try:
            async with asyncio.timeout(self.patience):
                return await self._ask(claim, thread, surface, persona, version)
        except (LeaseLost, StoreUnavailable):
            raise
        except (ConfabError, TimeoutError) as error:
            why = str(error) or f"no answer in {self.patience:g} seconds"
            log.info("whether a message is meant for Claude is not known, so it is not answered: %s", why)
            return False

    async def _ask(
        self, claim: Claim, thread: Thread, surface: Surface, persona: Persona, version: Version | None
    ) -> bool:
        if claim.pages or claim.told is not None or claim.earlier is not None:
            return True  # what was begun goes on
        question = claim.question
        steps: Mapping[str, Step] = {}
        if claim.resumed:
            steps = await self.store.ledger.list_steps(question.key, question.name)
        if len(steps) > 1:  # this one, and a first one of the answer
            return True
        people = sorted(collect_people(thread.messages))
        thread = await introduce_people(self.store.threads, thread, people, surface)
        asked = {one.name for one in (question, *claim.together)}
        told = Turn("user", tuple(map(Text, write_messages(thread.messages, asked, thread.names, thread.replies))))
        async with self.semaphore.slot(question.key, question.person, _tell_nobody):
            model = await self.asking.catalog.find_cheapest(persona.model or "", self.allowed)
            made = await self.asking.request(
                FollowUp,
                replace(question, homes=await surface.homes()),
                model,
                INSTRUCTION,
                [told],
                max_tokens=TOKENS,
                persona=version,
                steps=steps,
                end=lambda completion: StepEnd(claim, content=dump_completion(completion)),
                cached=True,
                once=True,
            )
        return made.for_claude
