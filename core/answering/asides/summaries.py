"""Summaries of long threads: made by the cheapest model beside an answer, once a step, and kept."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.claude.model_catalog import ModelCatalog
from core.claude.structured import StructuredOutput
from core.domain.clock import Clock
from core.domain.errors import ConfabError
from core.domain.messages import Question, ThreadKey
from core.domain.personas import Version
from core.prompting.asides.summaries import INSTRUCTION, TOKENS, CutStep, ThreadSummary, clean_summary, write_content
from core.store.records.summaries import Summaries

PATIENCE = 10.0  # seconds that an answer waits for a summary; then it is given with the note alone
LINGER = 60.0  # seconds that a summary has to end behind the answer that needed it
AGAIN = timedelta(minutes=10)  # after which one that could not be made is tried again

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SummaryOrder:
    """Whose answer needs a summary: its question pays, with its persona's model where none is cheaper."""

    question: Question
    persona: Version | None
    model: str
    known: Mapping[str, str]
    """The summaries that the thread has."""


class SummaryMaker:
    """Makes summaries; those that several answers need at once are made once."""

    def __init__(
        self,
        store: Summaries,
        asking: StructuredOutput,
        catalog: ModelCatalog,
        clock: Clock,
        *,
        allowed: Collection[str] = (),
        patience: float = PATIENCE,
    ) -> None:
        self._store = store
        self._asking = asking
        self._catalog = catalog
        self._clock = clock
        self._allowed = allowed
        self._patience = patience
        self._making: dict[tuple[ThreadKey, str], asyncio.Task[Mapping[str, str]]] = {}
        self._needed: defaultdict[str, set[asyncio.Task[Mapping[str, str]]]] = defaultdict(set)
        """What is made beside each answer, by its question."""
        self._failed: dict[tuple[ThreadKey, str], datetime] = {}

    async def find(self, order: SummaryOrder, key: ThreadKey, steps: Sequence[CutStep]) -> Mapping[str, str]:
        """The summaries of a thread; that of the last step is made where it is missing, and waited for a while.

        Where it can't be made, or takes longer, it is missing: nobody is told of that.
        """
        if not steps or steps[-1].digest in order.known:
            return order.known
        name = key, steps[-1].digest
        if self._clock() - self._failed.get(name, datetime.min.replace(tzinfo=self._clock().tzinfo)) < AGAIN:
            return order.known
        task = self._making.get(name)
        if task is None:
            task = self._making[name] = asyncio.create_task(self._make(order, key, steps), name="summary")
            task.add_done_callback(lambda _: self._making.pop(name, None))
            self._needed[order.question.name].add(task)
        done, _ = await asyncio.wait({task}, timeout=self._patience)
        return task.result() if done and not task.cancelled() else order.known

    @asynccontextmanager
    async def tend(self, question: Question) -> AsyncIterator[None]:
        """Let what is made beside an answer end a while behind it; where that is broken off it ends at once."""
        try:
            yield
            if self._needed.get(question.name):
                await asyncio.wait(self._needed[question.name], timeout=LINGER)
        finally:
            begun = self._needed.pop(question.name, set())
            for task in begun:
                task.cancel()  # what Claude was asked is still settled
            await asyncio.gather(*begun, return_exceptions=True)

    async def _make(self, order: SummaryOrder, key: ThreadKey, steps: Sequence[CutStep]) -> Mapping[str, str]:
        """Make those that are missing behind the last one that is there; each is kept as soon as it is made."""
        known = order.known
        first = next((at for at in range(len(steps), 0, -1) if steps[at - 1].digest in known), 0)
        try:
            for at in range(first, len(steps)):
                before = known[steps[at - 1].digest] if at else ""
                words = await self._sum_up(order, before, steps[at])
                known = await self._store.keep(key, steps[at].digest, words, steps[at].messages)
                if steps[at].digest not in known:  # a message was edited or deleted meanwhile
                    break
        except ConfabError as error:
            log.info("no summary was made: %s", error)
            self._failed[key, steps[-1].digest] = self._clock()
        except Exception:  # a bug there loses no answer
            log.exception("no summary was made")
            self._failed[key, steps[-1].digest] = self._clock()
        return known

    async def _sum_up(self, order: SummaryOrder, summary: str, step: CutStep) -> str:
        """The summary of a step, and of the summary of what was before it. Raises ClaudeError, BudgetForbids."""
        model = await self._catalog.find_cheapest(order.model, self._allowed)
        for words in step.list_parts():
            made = await self._asking.request(
                ThreadSummary,
                order.question,
                model,
                INSTRUCTION,
                write_content(summary, words),
                max_tokens=TOKENS,
                persona=order.persona,
            )
            summary = clean_summary(made.summary) or summary
        return summary
