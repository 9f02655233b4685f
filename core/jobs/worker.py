"""Job worker: takes up what is to be done about jobs and batches, one of many processes at a time, by leases."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from core.claude.errors import BatchError
from core.domain.backoff import grow_pause
from core.domain.clock import Sleep
from core.domain.errors import StoreUnavailable
from core.jobs.collection import Collection
from core.jobs.pace import PACE, JobPace
from core.jobs.submission import Submission
from core.store.records.heartbeat import News, Topic
from core.store.records.jobs import Batch, BatchState, BatchWork

MOST = 4  # batches that are worked on at once
FIRST, LONGEST = 5.0, 1_800.0  # seconds between two tries of one at which something went wrong
QUIET = 60.0  # seconds without anything to do, after which it is looked less often
SWEEP = 600.0  # seconds between two looks for jobs that nobody wants any more
OTHER_KEY = timedelta(hours=1)  # until a batch of another API key is looked at again

log = logging.getLogger(__name__)


@contextmanager
def _telling_trouble() -> Iterator[None]:
    """What goes wrong is in the log, and is tried again."""
    try:
        yield
    except StoreUnavailable as error:
        log.info("what is to be done about batches can't be looked up: %s", error)
    except Exception:
        log.exception("a bug kept batches from their work")


@dataclass(slots=True)
class JobWorker:
    """Does what is due, in every process. `wake` has questions looked for that wait no more."""

    work: BatchWork
    submission: Submission
    collection: Collection
    wake: Callable[[], None]
    sleep: Sleep = asyncio.sleep
    pace: JobPace = PACE
    swept: float = SWEEP
    quiet: float = QUIET
    hears: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    working: set["asyncio.Task[None]"] = field(default_factory=set)
    """Batches that are worked on: a slow one holds up no other."""

    def hear(self, news: News) -> None:
        """Look at once where there is something to do, and less often as long as others would say so."""
        if news.topic in {Topic.HEARING, Topic.DEAF}:
            self.hears = news.topic is Topic.HEARING
        if news.topic in {Topic.HEARING, Topic.JOB}:
            self.woken.set()
        if news.topic is Topic.JOB:
            self.quiet = 0.0

    async def run(self) -> None:
        """Do what is due, until cancelled."""
        try:
            while True:
                idle = self.hears and self.quiet >= QUIET
                with _telling_trouble():
                    while (not idle or await self.work.is_due()) and await self.work_once():
                        self.quiet, idle = 0.0, False
                await self._rest(self.pace.idle if idle else self.pace.pause)
        finally:
            for task in self.working:
                task.cancel()
            await asyncio.gather(*self.working, return_exceptions=True)

    async def work_once(self) -> bool:
        """Take up what is due now. Whether more may be."""
        job = await self.work.claim_job(self.pace.lease)
        if job is not None:
            await self.submission.plan(job)
            self.wake()
        free = MOST - len(self.working)
        due = await self.work.claim_batches(free, self.pace.lease) if free else ()
        for batch in due:
            task = asyncio.create_task(self._work_on(batch))
            self.working.add(task)
            task.add_done_callback(self.working.discard)
        if self.working:
            await asyncio.wait(self.working, timeout=self.pace.pause, return_when=asyncio.FIRST_COMPLETED)
        return job is not None or bool(due)

    async def _work_on(self, batch: Batch) -> None:
        with _telling_trouble():
            async with self._hold(batch):
                try:
                    await self._advance(batch)
                except BatchError as error:
                    pause = timedelta(seconds=error.retry_after or grow_pause(batch.tries + 1, FIRST, LONGEST))
                    log.log(logging.INFO if batch.tries else logging.WARNING, "a batch has to wait: %s", error)
                    await self.work.postpone(batch, pause, str(error))

    async def _advance(self, batch: Batch) -> None:
        """The next thing to be done about a batch. Raises BatchError."""
        if batch.state is not BatchState.PLANNED and batch.api_key != self.submission.api.api_key:
            await self.work.postpone(batch, OTHER_KEY, "it was given in with another API key")
            return
        match batch.state:
            case BatchState.PLANNED:
                await self.submission.send(batch)
                self.wake()
            case BatchState.SENDING:
                await self.submission.find(batch)
            case BatchState.RUNNING:
                if await self.collection.watch(batch):
                    self.wake()
            case BatchState.COLLECTED:
                await self.collection.delete(batch)

    @asynccontextmanager
    async def _hold(self, batch: Batch) -> AsyncIterator[None]:
        """Keep the batch this process's while it is worked on."""
        holding = asyncio.create_task(self._extend(batch))
        try:
            yield
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)

    async def _extend(self, batch: Batch) -> None:
        while True:
            await asyncio.sleep(self.pace.lease.total_seconds() / 4)
            with suppress(StoreUnavailable):
                await self.work.extend(batch, self.pace.lease)

    async def _rest(self, seconds: float) -> None:
        """Until it is time for the next look, or somebody says that there is something to do."""
        self.quiet += seconds
        self.swept += seconds
        if self.swept >= SWEEP:  # what nobody wants any more is dropped now and then
            self.swept = 0.0
            with _telling_trouble():
                await self.work.drop_old()
        resting = [asyncio.ensure_future(self.sleep(seconds)), asyncio.create_task(self.woken.wait())]
        try:
            await asyncio.wait(resting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in resting:
                task.cancel()
            await asyncio.gather(*resting, return_exceptions=True)
        self.woken.clear()
