"""Repositories of jobs: the protocols over any engine. Each method runs one unit of work."""

from collections.abc import Sequence
from datetime import timedelta

from core.billing.budgets import BudgetStatus
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Scopes, Settlement
from core.domain.messages import Question, ThreadKey
from core.store.records.claims import Claim
from core.store.records.jobs import Batch, BatchTerms, Job, JobPlan, JobProgress, JobRow, NewRow, RowResult
from core.store.rules.jobs import batches, jobs
from core.store.rules.jobs.endings import drop_old_jobs
from core.store.rules.jobs.records import read_job
from core.store.sql_port import Engine, Sql


class JobRepository:
    """Keeps the protocol `Jobs`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def begin(self, claim: Claim, plan: JobPlan, source: str, persona: int) -> int:
        return await self._engine.unit(lambda sql: jobs.begin_job(sql, claim, plan, source, persona))

    async def add_rows(self, claim: Claim, job: int, rows: Sequence[NewRow]) -> None:
        await self._engine.unit(lambda sql: jobs.add_rows(sql, claim, job, rows))

    async def offer(self, claim: Claim, job: int, planned: PlannedRequest, scopes: Scopes) -> BudgetRefusal | None:
        return await self._engine.unit(lambda sql: jobs.offer_job(sql, claim, job, planned, scopes))

    async def wait_for(self, claim: Claim, job: int, planned: PlannedRequest, scopes: Scopes) -> BudgetRefusal | None:
        return await self._engine.unit(lambda sql: jobs.wait_for_job(sql, claim, job, planned, scopes))

    async def sum_cost(self, key: ThreadKey, name: str) -> int:
        return await self._engine.unit(lambda sql: jobs.sum_job_costs(sql, key, name))

    async def find(self, key: ThreadKey, name: str) -> Job | None:
        return await self._engine.unit(lambda sql: _find_job(sql, key, name))

    async def find_numbered(self, key: ThreadKey, number: int | None) -> Job | None:
        return await self._engine.unit(lambda sql: jobs.find_numbered(sql, key, number))

    async def list_newest(self, key: ThreadKey, most: int) -> Sequence[Job]:
        return await self._engine.unit(lambda sql: jobs.list_newest(sql, key, most))

    async def measure(self, job: int) -> JobProgress:
        return await self._engine.unit(lambda sql: jobs.measure_job(sql, job))

    async def read_rows(self, job: int, after: int, most: int) -> Sequence[JobRow]:
        return await self._engine.unit(lambda sql: jobs.list_rows(sql, job, after, most))

    async def start(self, command: Question, job: int) -> str:
        return await self._engine.unit(lambda sql: jobs.start_job(sql, command, job))

    async def retry(self, command: Question, job: int) -> str:
        return await self._engine.unit(lambda sql: jobs.retry_job(sql, command, job))

    async def cancel(self, job: int) -> str:
        return await self._engine.unit(lambda sql: jobs.cancel_job(sql, job))

    async def note_portion(self, job: int, last: int) -> None:
        await self._engine.unit(lambda sql: jobs.note_portion(sql, job, last))

    async def post_again(self, job: int) -> str:
        return await self._engine.unit(lambda sql: jobs.post_again(sql, job))

    async def park(self, claim: Claim, changes: int) -> None:
        await self._engine.unit(lambda sql: jobs.park_job(sql, claim, changes))


class BatchRepository:
    """Keeps the protocol `BatchWork`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def is_due(self) -> bool:
        return await self._engine.unit(batches.is_due)

    async def claim_job(self, lease: timedelta) -> Job | None:
        return await self._engine.unit(lambda sql: batches.claim_job(sql, lease))

    async def plan(self, job: Job, planned: PlannedRequest, scopes: Scopes, terms: BatchTerms) -> bool:
        return await self._engine.unit(lambda sql: batches.plan_batch(sql, job, planned, scopes, terms))

    async def claim_batches(self, most: int, lease: timedelta) -> Sequence[Batch]:
        return await self._engine.unit(lambda sql: batches.claim_batches(sql, most, lease))

    async def extend(self, batch: Batch, lease: timedelta) -> None:
        await self._engine.unit(lambda sql: batches.extend_lease(sql, batch, lease))

    async def begin_sending(self, batch: Batch) -> bool:
        return await self._engine.unit(lambda sql: batches.begin_sending(sql, batch))

    async def read_plan(self, batch: Batch) -> JobPlan | None:
        return await self._engine.unit(lambda sql: batches.read_plan(sql, batch))

    async def read_requests(self, batch: Batch, after: int, most: int) -> Sequence[JobRow]:
        return await self._engine.unit(lambda sql: batches.list_requests(sql, batch, after, most))

    async def list_sent(self, batch: Batch) -> set[int] | None:
        return await self._engine.unit(lambda sql: batches.list_sent(sql, batch))

    async def note_name(self, batch: Batch, name: str, requests: int, due: timedelta) -> bool:
        return await self._engine.unit(lambda sql: batches.note_name(sql, batch, name, requests, due))

    async def list_known(self, names: Sequence[str]) -> frozenset[str]:
        return await self._engine.unit(lambda sql: batches.list_known(sql, names))

    async def postpone(self, batch: Batch, pause: timedelta, problem: str = "") -> None:
        await self._engine.unit(lambda sql: batches.postpone_batch(sql, batch, pause, problem))

    async def plan_again(self, batch: Batch, pause: timedelta, problem: str) -> None:
        await self._engine.unit(lambda sql: batches.plan_again(sql, batch, pause, problem))

    async def tell_progress(self, batch: Batch, pace: timedelta) -> str | None:
        return await self._engine.unit(lambda sql: batches.tell_progress(sql, batch, pace))

    async def keep_results(self, batch: Batch, results: Sequence[RowResult]) -> None:
        await self._engine.unit(lambda sql: batches.keep_results(sql, batch, results))

    async def end(self, batch: Batch, settled: Settlement, problem: str) -> Sequence[BudgetStatus]:
        return await self._engine.unit(lambda sql: batches.end_batch(sql, batch, settled, problem))

    async def remove(self, batch: Batch) -> None:
        await self._engine.unit(lambda sql: batches.remove_batch(sql, batch))

    async def drop_old(self) -> None:
        await self._engine.unit(drop_old_jobs)

    async def count_due(self) -> int:
        return await self._engine.unit(batches.count_due)


def _find_job(sql: Sql, key: ThreadKey, name: str) -> Job | None:
    row = jobs.find_job(sql, key, name)
    return read_job(row) if row else None
