"""Inbox: events are stored, once each, before they are acknowledged; questions in them wake the worker."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from cachetools import TTLCache

from core.answering.bot_loop_guard import BotLoopGuard
from core.domain.clock import Clock
from core.domain.events import (
    Backfilled,
    Deleted,
    Edited,
    Event,
    Missed,
    MissedRange,
    Posted,
    Pressed,
    Receipt,
    WorkspaceEnded,
    locate_message,
)
from core.domain.messages import MESSAGE, Asks
from core.store.protocols import Questions
from core.worker.worker import Worker

LATE = timedelta(minutes=10)  # by which an event may come after one that was said later; Slack tries for six
REMEMBERED = 10_000  # deletions
SUBJECT_GONE = "The message that you ask about was deleted meanwhile, so there is no answer."


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
        self._deleted: TTLCache[tuple[str, str, str], None] = TTLCache(
            REMEMBERED, LATE.total_seconds(), lambda: clock().timestamp()
        )
        """Messages that were deleted before they came: the store keeps nothing of a thread that it does not hold."""

    async def ingest(self, event: Event) -> Receipt:
        """Store an event: when this returns it is safe on disk, and may be acknowledged. Raises StoreUnavailable.

        After a gap it says where to look for what was missed, as far back as `backfill`.
        """
        if isinstance(event, Posted) and event.by_form and await self._is_about_deleted(event):
            return Receipt(new=False, ours=False, question=False, key=event.key, faults={"": SUBJECT_GONE})
        if isinstance(event, Posted | Edited) and locate_message(event) in self._deleted:
            return Receipt(new=False, ours=False, question=False, key=event.key)
        admitted = self._loop_guard.admit(event)
        asks = getattr(admitted, "asks", None) is Asks.CERTAINLY
        early = (
            asks and self._questions.in_order
        )  # the claim follows at once, in the transaction that keeps the question
        if early:
            self._worker.wake()
        receipt = await self._questions.ingest(
            admitted, full=self._is_full(admitted), attended=self._loop_guard.is_attended(event)
        )
        if isinstance(event, Deleted) and not receipt.ours:
            self._deleted[locate_message(event)] = None
        if receipt.question and not early:
            self._worker.wake()
        taken_back = isinstance(event, Edited) and event.asks is Asks.NO and receipt.ours
        if taken_back or isinstance(event, Deleted | Pressed | WorkspaceEnded):
            await self._worker.heartbeat()
            if receipt.new:  # what waits for a person and is withdrawn now is closed by the next claim
                self._worker.wake()
        if receipt.question or (receipt.new and isinstance(event, Edited | Deleted)):
            self._worker.note_change(receipt.key, event.message.id if isinstance(event, Posted) else "")
        return replace(receipt, missed=self._limit_ranges(receipt.missed)) if receipt.missed else receipt

    def _is_full(self, event: Event) -> bool:
        """Whether a question in it would wait here, while another process may have a place."""
        if isinstance(event, Missed | Backfilled | WorkspaceEnded):
            return False
        return not self._worker.has_room(event.key.workspace)

    async def _is_about_deleted(self, event: Posted) -> bool:
        """Whether the message that a question is about was deleted meanwhile, as far as anybody told us."""
        about = event.values.get(MESSAGE, "")
        here = event.key.workspace, event.key.channel, about
        return here in self._deleted or await self._questions.is_deleted(event.key, about)

    def _limit_ranges(self, missed: Sequence[MissedRange]) -> tuple[MissedRange, ...]:
        """Since a while before the last event, for they come in any order, but no longer ago than `backfill`."""
        earliest = self._clock() - self._backfill
        ranges = (replace(one, since=max(one.since - LATE, earliest)) for one in missed)
        return tuple(ranges) if self._backfill else ()
