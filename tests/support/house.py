"""The whole house over a database, Claude's loopback server and any platform, put together for a test."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from core.answering.assistant import Assistant
from core.answering.budget_alerts import BudgetAlerts
from core.answering.completions import MAX_COST, Completions
from core.answering.policy import Rules
from core.billing import prices
from core.billing.ledger_rows import Scope
from core.billing.reports import sum_rows
from core.claude.client import SILENCE, Claude
from core.claude.metering import Metering
from core.domain.clock import Clock, Sleep, system_clock
from core.domain.personas import Persona
from core.domain.platform import Platform
from core.files.made_files import MadeFiles
from core.files.reader import FileReader
from core.files.uploads import FileUploads
from core.jobs.collection import Collection
from core.jobs.pace import JobPace
from core.jobs.submission import Submission
from core.jobs.worker import JobWorker
from core.store.protocols import Store
from core.telemetry import Emit, QuestionClosed, TelemetryEvent, discard_event
from core.tools.registry import ToolRegistry
from core.worker.fair_semaphore import FairSemaphore
from core.worker.worker import SLOTS, Worker
from tests.fakes.claude.server import ClaudeFake


class Haste:
    """Seconds that pass `times` as fast as they do."""

    def __init__(self, times: float = 1000.0) -> None:
        self._times = times

    def seconds(self) -> float:
        return time.monotonic() * self._times

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._times)


async def at_once(_seconds: float) -> None:
    """A pause that nobody waits for."""
    await asyncio.sleep(0)


@asynccontextmanager
async def working(worker: Worker, *beside: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A worker at work while this lasts, with what runs beside it; in the end it leaves what is open to others."""
    tasks = [asyncio.create_task(one) for one in (worker.run(), *beside)]
    try:
        yield
    finally:
        await worker.drain(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def house(
    store: Store,
    fake: ClaudeFake,
    *platforms: Platform,
    persona: Persona = Persona(model="claude-haiku-5-5"),  # noqa: B008  frozen
    clock: Clock = system_clock,
    process: str = "p1",
    sleep: Sleep = asyncio.sleep,
    emit: Emit = discard_event,
    haste: Haste = Haste(),  # noqa: B008  keeps nothing
    silence: float = SILENCE,
    semaphore: FairSemaphore | None = None,
    patience: float = 30.0,
    upload_seconds: Callable[[], float] = time.monotonic,
    deletion_sleep: Sleep = asyncio.sleep,
    inline: bool = False,
    tools: ToolRegistry | None = None,
    max_cost: int = MAX_COST,
    alone: bool = True,
    pause: float = 0.02,
    linger: timedelta = timedelta(seconds=-1),
    batch_requests: int = 100_000,
    slots: int = SLOTS,
    **rules: object,
) -> AsyncIterator[Assistant]:
    """An assistant that answers while this lasts. Claude is waited for in haste, histories with patience.

    At the end the ledger must hold, to the micro-dollar, what was billed; of requests that died, at least that. Where
    it is not `alone`, another house spends at the same time, and the test looks itself.
    """
    began, billed, workspaces = clock(), len(fake.billed), set[str]()

    def watching(sign: TelemetryEvent) -> None:
        if isinstance(sign, QuestionClosed):
            workspaces.add(sign.question.key.workspace)
        emit(sign)

    claude = Claude(fake.key, fake.url, silence=silence)
    named = {platform.name: platform for platform in platforms}
    metering = Metering(
        claude, store.ledger, prices.read_prices(), clock, emit=watching, warn=BudgetAlerts(named), sleep=haste.sleep
    )
    assert claude.files
    uploads = FileUploads(store.files, claude.files, inline=inline, sleep=deletion_sleep, seconds=upload_seconds)
    completions = Completions(
        claude, metering, store.notes, clock, sleep=haste.sleep, seconds=haste.seconds, max_cost=max_cost
    )
    assistant = Assistant(
        store,
        completions=completions,
        platforms=named,
        rules=Rules(persona, patience=patience, **rules),  # type: ignore[arg-type]  # their own
        clock=clock,
        process=process,
        semaphore=semaphore,
        sleep=sleep,
        emit=watching,
        files=FileReader(uploads=uploads),
        made_files=MadeFiles(claude.files, haste.sleep),
        tools=tools,
        slots=slots,
    )
    assert claude.batches
    pace = JobPace(pause, timedelta(seconds=20), timedelta(), timedelta(), timedelta(minutes=1), linger, batch_requests)
    jobs = JobWorker(
        store.batches,
        Submission(store.batches, claude.batches, metering, clock, pace),
        Collection(store.batches, claude.batches, metering, clock, pace),
        assistant.worker.wake,
        pace=pace,
    )
    running = [asyncio.create_task(one) for one in (assistant.worker.run(), uploads.run(), jobs.run())]
    try:
        yield assistant
    finally:
        await assistant.worker.drain(1)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await claude.close()
    if not alone:
        return
    await fake.settled()
    await _accounted(store, began, workspaces, sum(one.micro_usd for one in fake.billed[billed:]))


async def _accounted(store: Store, since: datetime, workspaces: set[str], billed: int) -> None:
    lines = [line for name in workspaces for line in await store.ledger.sum_usage(Scope(name), since, "model")]
    whole = sum_rows(lines)
    if workspaces:  # where no answer ended there is nothing to compare yet
        cost = whole.micro_usd - whole.estimate
        assert cost >= billed if whole.died else cost == billed
