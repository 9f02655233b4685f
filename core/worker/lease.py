"""Leases: the right of this process to answer its questions, for as long as its last heartbeat counts."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from core.domain.clock import Clock
from core.domain.errors import LeaseLost
from core.domain.messages import FinalText, Outcome
from core.store.records.claims import Claim

T = TypeVar("T")


class Close(Protocol):
    """What closes a claim, as `Questions.close` does."""

    def __call__(self, claim: Claim, outcome: Outcome, *, patient: bool) -> Awaitable[bool]: ...


class ProcessLease:
    """Until when other processes leave to this one what it has claimed, as its last heartbeat has it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = datetime.min.replace(tzinfo=UTC)
        self._renewed = asyncio.Event()
        self.hears_all = False
        """Whether this process is told of every change to a thread: it hears the others, or is alone."""
        self.left_some = True
        """Whether questions may wait that the last look for them left, or the one that goes on."""

    @property
    def may_leave_some(self) -> bool:
        """Whether questions may wait, also such as another process keeps for a thread that is answered in here."""
        return self.left_some or not self.hears_all

    @property
    def left(self) -> float:
        """Seconds; they pass also while the process is stopped."""
        return max(0.0, (self._until - self._clock()).total_seconds())

    def renew(self, until: datetime) -> None:
        """The process has said that it lives."""
        self._until = until
        self._renewed.set()
        self._renewed = asyncio.Event()

    async def ensure_held(self) -> None:
        """Wait for the next heartbeat, unless the last one still counts."""
        while not self.left:
            await self._renewed.wait()


class QuestionLease:
    """The lease of one question. `stop` is set when its answer shall end with what was said.

    `changed` is set when something was said, edited or deleted in its thread since it was looked at.
    """

    def __init__(self, process_lease: ProcessLease) -> None:
        self.stop = asyncio.Event()
        self.changed = asyncio.Event()
        self.acting = asyncio.Lock()
        """Held while a tool acts for the answer."""
        self.final_text: FinalText | None = None
        """Set once it is known: another try shows it, and asks for no other."""
        self.ended = False
        """Set once all that it was for is closed, so that nothing of it is to be claimed again."""
        self._process_lease = process_lease
        self._dropped = False
        self._changes = self._looked_at = 0

    def note_change(self) -> None:
        """Something was said, edited or deleted in the thread."""
        self._changes += 1
        self.changed.set()

    async def look(self, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` finds of the question and its thread now: changes that were told of before are in it."""
        seen = self._changes
        found = await read()
        self._looked_at = seen
        return found

    async def end(self, close: Close, claim: Claim, outcome: Outcome) -> None:
        """Close a claim, in no hurry where no other question waits. Raises LeaseLost.

        What a command leaves to be done is looked for in any case.
        """
        closed = await close(claim, outcome, patient=not self._process_lease.may_leave_some)
        self.ended = closed and claim.question.command is None

    @property
    def may_have_changed(self) -> bool:
        """Whether the question may be another since it was claimed, or since the last look."""
        return self._changes != self._looked_at or not self._process_lease.hears_all

    def drop(self) -> None:
        """It is another process's from here on."""
        self._dropped = True

    async def cancel_between_acts(self, answering: asyncio.Task[Any]) -> None:
        """Cancel what makes the answer, once no tool acts for it; at once where the answer is to stop."""
        acquiring, stopping = asyncio.create_task(self.acting.acquire()), asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({acquiring, stopping}, return_when=asyncio.FIRST_COMPLETED)
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        finally:
            stopping.cancel()
            acquiring.cancel()
            if True in await asyncio.gather(acquiring, return_exceptions=True):
                self.acting.release()

    async def ensure_held(self) -> None:
        """Return while it is surely ours; wait where only the next heartbeat can tell. Raises LeaseLost."""
        await self._process_lease.ensure_held()
        if self._dropped:
            raise LeaseLost


current_lease: ContextVar[QuestionLease | None] = ContextVar("current_lease", default=None)
"""The lease of the question that a task answers."""


async def ensure_answer_held() -> None:
    """Return while the question that this task answers, if any, is surely ours. Raises LeaseLost."""
    lease = current_lease.get()
    if lease is not None:
        await lease.ensure_held()
