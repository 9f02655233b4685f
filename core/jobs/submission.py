"""Submission: rows become batches, each with its money set aside before it is given in, once."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from tempfile import TemporaryFile
from typing import IO

from core.billing.ledger_rows import PlannedRequest, Settlement, list_scopes
from core.claude.batches.message_batches import BatchStatus, MessageBatches
from core.claude.errors import BatchError
from core.claude.metering import Metering
from core.domain.clock import Clock
from core.domain.usage import Usage
from core.jobs.pace import PACE, JobPace
from core.store.records.jobs import Batch, BatchTerms, BatchWork, Job, JobPlan, JobRow

BYTES = 200_000_000  # of one batch; the API takes 256 MB, and rows are measured before they are sent
BEGINNING = '{"requests": ['
SLICE = 200  # rows that are written at once
SKEW = timedelta(minutes=5)  # by which Anthropic's clock may be behind ours
LONGEST = timedelta(minutes=10)  # between two tries of one that is refused for now

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """Gives batches in."""

    work: BatchWork
    api: MessageBatches
    metering: Metering
    clock: Clock
    pace: JobPace = PACE

    async def plan(self, job: Job) -> None:
        """Set money aside for batches with all rows of a job, as far as budgets allow it."""
        if job.plan is None:
            return
        planned = PlannedRequest(
            job.key,
            "",
            job.person,
            job.plan.model,
            job.persona,
            0,
            job.plan.prompt.max_tokens,
            self.clock(),
            direct=job.homes is not None,
            persona_wide=None,
        )
        scopes = list_scopes(job.key, job.person, job.homes)
        prices, day, geo = self.metering.prices, self.clock().date(), self.metering.geo

        def price(model: str, longest: int, prompts: int, answers: int) -> int | None:
            return prices.worst_batch_cost(model, longest, (prompts, answers), day, geo)

        terms = BatchTerms(self.pace.requests, BYTES, self.api.api_key, price)
        while await self.work.plan(job, planned, scopes, terms):
            pass

    async def send(self, batch: Batch) -> None:
        """Give a batch in. Until its name is written down nobody knows whether Anthropic has it."""
        if not await self.work.begin_sending(batch):
            return
        plan = await self.work.read_plan(batch)
        with TemporaryFile() as body:
            size, requests = await self._write_body(body, batch, plan) if plan else (0, 0)
            if not requests:
                await self.work.plan_again(batch, timedelta(), "it has no rows")
                return
            try:
                name = await self.api.create(body, size)
            except BatchError as error:
                await self._take_refusal(batch, error)
                return
        if not await self.work.note_name(
            batch, name, requests, self.pace.soon
        ):  # this process slept, and another gave it in
            log.error("batch %s was given in twice, and is cancelled", name)
            await self.api.cancel(name)
        else:
            log.info("a batch of %d requests is given in", requests)

    async def find(self, batch: Batch) -> None:
        """Look for a batch that may be at Anthropic: by its requests' ids, once it has ended. Raises BatchError."""
        assert batch.begun_at is not None
        found = await self.api.list_since(batch.begun_at - SKEW)
        known = await self.work.list_known([one.id for one in found])
        others = [one for one in found if one.id not in known and one.requests <= batch.requests]
        for one in others:
            if one.ended and await self._is_ours(batch, one):
                log.info("a batch whose name was lost is found again")
                await self.work.note_name(batch, one.id, one.requests, timedelta())
                return
        running = any(not one.ended for one in others)
        if not running and batch.age > self.pace.linger:
            await self.work.plan_again(batch, timedelta(), "it was never made")
        else:
            await self.work.postpone(batch, self.pace.soon)

    async def _is_ours(self, batch: Batch, listed: BatchStatus) -> bool:
        results = self.api.read_results(listed.id)
        try:
            async for result in results:
                return batch.find_row(result.custom_id) is not None
        finally:
            await results.aclose()
        return False

    async def _take_refusal(self, batch: Batch, error: BatchError) -> None:
        """What nobody knows the outcome of is looked for; what may go well later is sent again; all else ends."""
        log.warning("a batch is not given in: %s", error)
        if not error.certain:
            await self.work.postpone(batch, self.pace.soon, str(error))
        elif error.passing:
            seconds = timedelta(seconds=error.retry_after or 2 ** min(batch.tries + 2, 9))
            await self.work.plan_again(batch, min(seconds, LONGEST), str(error))
        else:
            await self.work.end(batch, Settlement(Usage(), error.kind, self.clock(), micro_usd=0), error.sentence)
            await self.work.remove(batch)

    async def _write_body(self, body: IO[bytes], batch: Batch, plan: JobPlan) -> tuple[int, int]:
        """Write the JSON of all requests into a file. Its size in bytes, and how many there are."""
        after, count = 0, 0
        while rows := await self.work.read_requests(batch, after, SLICE):
            await asyncio.to_thread(_write_requests, body, batch, plan, rows, count > 0)
            after, count = rows[-1].number, count + len(rows)
        await asyncio.to_thread(body.write, b"]}")
        size = body.tell()
        body.seek(0)
        return size, count


def _write_requests(body: IO[bytes], batch: Batch, plan: JobPlan, rows: Sequence[JobRow], begun: bool) -> None:
    requests = (
        json.dumps({"custom_id": batch.name_row(row.number), "params": plan.build_body(row.cells)}) for row in rows
    )
    body.write(((", " if begun else BEGINNING) + ", ".join(requests)).encode())
