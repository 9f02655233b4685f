"""Collection: batches that run are watched; what they brought is kept, settled exactly, and deleted at Anthropic."""

import logging
from dataclasses import dataclass, field

from core.billing.budgets import dollars
from core.billing.ledger_rows import Settlement
from core.claude.batches.message_batches import BatchResult, MessageBatches, ResultKind
from core.claude.errors import BatchError
from core.claude.metering import Metering
from core.domain.clock import Clock
from core.domain.models import is_model_id
from core.domain.usage import Usage
from core.jobs.pace import PACE, JobPace
from core.prompting.row_prompts import read_answer
from core.store.records.jobs import Batch, BatchWork, JobPlan, RowResult, write_reply
from core.telemetry import RequestEnded

SLICE = 100  # results that are kept at once
ENDED = "batch"  # how the requests of a batch ended, in the ledger

EXPIRED = "it was not answered within 24 hours"
CANCELED = "stopped"
REFUSED = "Claude's API refused this {}"
TROUBLE = "Claude had trouble with this {}"
LOST = "nothing came back for this {}"
GONE = "the batch is gone at Anthropic"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Spent:
    """What the results of a batch have used so far, and what that costs: None where no price is known."""

    usage: Usage = field(default_factory=Usage)
    micro_usd: int | None = 0
    results: int = 0
    model: str | None = None


@dataclass(slots=True)
class Told:
    """Which rows of a batch have a result by now: each has one at most, whatever is told."""

    batch: Batch
    rows: set[int] | None
    """All of them; None where nobody keeps them any more."""
    seen: set[int] = field(default_factory=set)

    def take(self, custom_id: str) -> int | None:
        """The row of a result; None where it is not of this batch, or has one already."""
        number = self.batch.find_row(custom_id)
        known = self.rows is None or number in self.rows
        if number is None or number in self.seen or not known or len(self.seen) == self.batch.requests:
            log.warning("a batch brought a result of no row of its own, or one that came before: %.80s", custom_id)
            return None
        self.seen.add(number)
        return number


@dataclass(frozen=True, slots=True)
class Collection:
    """Watches and collects batches."""

    work: BatchWork
    api: MessageBatches
    metering: Metering
    clock: Clock
    pace: JobPace = PACE

    async def watch(self, batch: Batch) -> bool:
        """Look at a batch that runs, and collect it if it has ended. Whether its job is shown anew. BatchError."""
        assert batch.name is not None
        try:
            status = await self.api.describe(batch.name)
            if status.ended:
                await self._collect(batch, batch.name)
                return True
        except BatchError as error:
            if not error.missing:
                raise
            await self._write_off(batch)
            return True
        if (batch.canceled or batch.doomed) and not status.canceling:
            await self.api.cancel(batch.name)
        await self.work.postpone(batch, self.pace.poll)
        return await self.work.tell_progress(batch, self.pace.shown) is not None

    async def delete(self, batch: Batch) -> None:
        """Delete what has ended, at Anthropic and here. Raises BatchError."""
        if batch.name is not None:
            await self.api.delete(batch.name)
        await self.work.remove(batch)

    async def _collect(self, batch: Batch, name: str) -> None:
        """Keep all results, a slice at a time, and settle the batch to what they cost. Raises BatchError."""
        plan, spent, kept = await self.work.read_plan(batch), Spent(), list[RowResult]()
        told = Told(batch, await self.work.list_sent(batch))
        async for result in self.api.read_results(name):
            number = told.take(result.custom_id)
            if number is None:
                continue
            micro_usd, usage = self._price(batch, result)
            spent = _add(spent, result, usage, micro_usd)
            if plan is not None and not batch.doomed:
                kept.append(_read_result(plan, number, result, micro_usd))
            if len(kept) == SLICE:
                await self.work.keep_results(batch, kept)
                kept = []
        if kept:
            await self.work.keep_results(batch, kept)
        await self._settle(batch, name, spent, plan.unit if plan else "row")

    async def _settle(self, batch: Batch, name: str, spent: Spent, unit: str) -> None:
        """What was set aside for requests of which nothing came back stays an estimate."""
        lost = max(0, batch.requests - spent.results)
        estimate = batch.estimate_lost(lost)
        cost = None if spent.micro_usd is None or estimate is None else spent.micro_usd + estimate
        model = spent.model or batch.model
        settled = Settlement(spent.usage, ENDED, self.clock(), model, name, cost, estimate=estimate or 0)
        if lost:
            log.warning("a batch brought %d results less than it has requests", lost)
        await self._end(batch, settled, LOST.format(unit))

    async def _write_off(self, batch: Batch) -> None:
        """It is gone, and nobody knows what it cost: it stands at its bound."""
        log.warning("a batch is gone at Anthropic; it stands at its bound")
        await self._end(batch, Settlement(None, "gone", self.clock(), batch.model), GONE)

    async def _end(self, batch: Batch, settled: Settlement, problem: str) -> None:
        nearly = await self.work.end(batch, settled, problem)
        self.metering.emit(RequestEnded(batch.model, settled.outcome, settled.usage, settled.micro_usd))
        cost = "unknown" if settled.micro_usd is None else dollars(settled.micro_usd)
        log.info("a batch of %d requests has ended, cost %s", batch.requests, cost, extra={"request": batch.name})
        if self.metering.warn is not None:
            for status in nearly:
                await self.metering.warn(status)

    def _price(self, batch: Batch, result: BatchResult) -> tuple[int | None, Usage]:
        """What one request cost, by the prices of the model that answered, and what it used. An error costs nothing."""
        if result.kind is not ResultKind.SUCCEEDED or (result.stop == "refusal" and result.empty):
            return 0, Usage()
        day, named = self.clock().date(), result.model if is_model_id(result.model) else batch.model
        costs = (
            self.metering.prices.cost(one, result.usage, day, result.geo, batch=True) for one in (named, batch.model)
        )
        cost = next((one for one in costs if one), None)
        return cost.micro_usd if cost else None, result.usage


def _add(spent: Spent, result: BatchResult, usage: Usage, micro_usd: int | None) -> Spent:
    sums = {name: getattr(spent.usage, name) + getattr(usage, name) for name in Usage.__slots__}
    cost = None if spent.micro_usd is None or micro_usd is None else spent.micro_usd + micro_usd
    model = spent.model or (result.model if is_model_id(result.model) else None)
    return Spent(Usage(**sums), cost, spent.results + 1, model)


def _read_result(plan: JobPlan, number: int, result: BatchResult, micro_usd: int | None) -> RowResult:
    """A row's answer, or why it has none."""
    match result.kind:
        case ResultKind.SUCCEEDED if plan.task is not None:
            return RowResult(number, write_reply(result.text, result.stop, result.model), micro_usd=micro_usd)
        case ResultKind.SUCCEEDED:
            text, problem = read_answer(plan.prompt, result.text, result.stop)
            return RowResult(number, text, problem, micro_usd)
        case ResultKind.EXPIRED:
            return RowResult(number, "", EXPIRED)
        case ResultKind.CANCELED:
            return RowResult(number, "", CANCELED)
    return RowResult(number, "", (REFUSED if result.stop == "invalid_request_error" else TROUBLE).format(plan.unit))
