"""Inbox: events are stored, once each, before they are acknowledged; questions in them wake the worker."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from core.answering.bot_loop_guard import BotLoopGuard
from core.domain.clock import Clock
from core.domain.events import Deleted, Event, MissedRange, Pressed, Receipt, WorkspaceEnded
from core.domain.messages import Asks
from core.store.protocols import Questions
from core.worker.worker import Worker

LATE = timedelta(minutes=10)  # by which an event may come after one that was said later; Slack tries for six


class Inbox:
    """Ingests events. `backfill` is how far back is looked for what was missed."""

    def __init__(
        self,
        questions: Questions,
        worker: Worker,
        loop_guard: BotLoopGuard,
        clock: Clock,
        backfill: timedelta,
    ) -> None:
        self._questions = questions
        self._worker = worker
        self._loop_guard = loop_guard
        self._clock = clock
        self._backfill = backfill

    async def ingest(self, event: Event) -> Receipt:
        """Store an event: when this returns it is safe on disk, and may be acknowledged. Raises StoreUnavailable.

        After a gap it says where to look for what was missed, as far back as `backfill`.
        """
        admitted = self._loop_guard.admit(event)
        certain = getattr(admitted, "asks", None) is Asks.CERTAINLY
        if (
            certain
        ):  # the worker's look waits behind this unit, and claims the question in the transaction that keeps it
            self._worker.wake()
        receipt = await self._questions.ingest(admitted)
        self._loop_guard.reset_after(event, receipt)
        if receipt.question and not certain:
            self._worker.wake()
        if isinstance(event, Deleted | Pressed | WorkspaceEnded):
            await self._worker.heartbeat()
        return replace(receipt, missed=self._limit_ranges(receipt.missed)) if receipt.missed else receipt

    def _limit_ranges(self, missed: Sequence[MissedRange]) -> tuple[MissedRange, ...]:
        """Since a while before the last event, for they come in any order, but no longer ago than `backfill`."""
        earliest = self._clock() - self._backfill
        ranges = (replace(one, since=max(one.since - LATE, earliest)) for one in missed)
        return tuple(ranges) if self._backfill else ()
