"""Backfill: what was said to us during a gap is looked for and ingested, behind what is said now."""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from bots.delivery.at_least_once import persist
from core.domain.clock import Sleep, count_seconds
from core.domain.events import Backfilled, Deleted, Edited, Event, Ingest, MissedRange, Posted, Receipt, locate_message
from core.domain.wording import count_noun
from core.telemetry import BackfillAdvanced, Emit, discard_event

SETTLE = 3.0  # seconds in which a platform sends by itself what it kept for us
BETWEEN = 0.5  # seconds between two questions that are found, so that those of now find a free slot
TRIES = 5  # more looks after one that failed
MINUTE = 60.0  # seconds between two lines of the log that say how far it is
PLACE = "channel or thread", "channels and threads"
ROUND = 60.0  # seconds from the end of one look to the next one, however often we connect anew

log = logging.getLogger(__name__)

Find = Callable[[MissedRange, "BackfillProgress"], Awaitable[Sequence[Event]]]
"""Everything in a workspace that asks us and that we have not answered, oldest first; it tells how far it is."""

Seconds = Callable[[], float]

Place = tuple[str, str, str]
"""Workspace and channel of a message, and its id."""


class BackfillProgress:
    """How far a workspace is looked through, which the log says at the beginning and once a minute.

    Platforms let us read 30 threads a minute. `seconds` is a monotonic clock.
    """

    def __init__(self, missed: MissedRange, emit: Emit = discard_event, seconds: Seconds = count_seconds) -> None:
        self._workspace, self._since = missed.workspace, missed.since
        self._emit, self._seconds = emit, seconds
        self._read, self._all = 0, 0
        self._begun_at = self._told_at = seconds()

    def expect(self, places: int) -> None:
        """So many channels and threads more are to be read; fewer than it was told before where that is below 0."""
        begins = self._all == 0 < places
        self._all += places
        if begins:
            log.info("looking for what was missed in %s since %s: %s", *self._name(), count_noun(places, *PLACE))
        self._tell()

    def advance(self) -> None:
        """One of them was read."""
        self._read += 1
        now = self._seconds()
        if now - self._told_at >= MINUTE and self._read < self._all:
            self._told_at = now
            minutes = (now - self._begun_at) / MINUTE * (self._all - self._read) / self._read
            log.info(
                "looking for what was missed in %s since %s: %d of %s read, about %s to go",
                *self._name(), self._read, count_noun(self._all, *PLACE), count_noun(max(1, round(minutes)), "minute"),
            )  # fmt: skip
        self._tell()

    def end(self) -> None:
        """Nothing more is read."""
        self._emit(BackfillAdvanced(self._workspace, 0))

    def _name(self) -> tuple[str, str]:
        return self._workspace, f"{self._since:%H:%M:%S}"

    def _tell(self) -> None:
        self._emit(BackfillAdvanced(self._workspace, max(0, self._all - self._read)))


class Backfill:
    """Ingests for a platform, and after each gap looks for what was missed in it, one workspace after the other."""

    def __init__(
        self,
        ingest: Ingest,
        find: Find,
        sleep: Sleep = asyncio.sleep,
        emit: Emit = discard_event,
        seconds: Seconds = count_seconds,
    ) -> None:
        self._ingest, self._find = ingest, find
        self._sleep, self._emit, self._seconds = sleep, emit, seconds
        self._wanted: dict[str, MissedRange] = {}
        self._looking: set[str] = set()
        """Workspaces of the round that is under way, until they were looked through."""
        self._running: asyncio.Task[None] | None = None
        self._failures: Counter[str] = Counter()
        self._changes: dict[Place, Edited | Deleted] | None = None
        """What became of messages since a look began: what it finds may be older. None while nobody looks."""

    async def ingest(self, event: Event) -> Receipt:
        """Ingest an event; what a gap leaves to look for is looked for later. Raises StoreUnavailable."""
        if isinstance(event, Edited | Deleted):
            self._note_change(event)
        receipt = await self._ingest(event)
        self._start(receipt.missed)
        return receipt

    @property
    def unfinished(self) -> frozenset[str]:
        """Workspaces of which gaps have been told, and not all of what was missed is ingested yet."""
        return frozenset(self._wanted.keys() | self._looking)

    async def stop(self) -> None:
        """Look no further. What was not ingested yet is looked for after the next gap."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._looking.clear()

    def _start(self, missed: Iterable[MissedRange]) -> None:
        self._wanted.update({one.workspace: one for one in missed})
        if self._wanted and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(self._run(), name="catching up")

    async def _run(self) -> None:
        """Look until no gap is left. What connects every few seconds is looked through once a minute."""
        while self._wanted:
            await self._sleep(SETTLE)
            wanted, self._wanted = self._wanted, {}
            self._looking = set(wanted)
            for missed in wanted.values():
                self._changes = {}
                try:
                    await self._fill_gap(missed)
                except Exception:
                    log.exception("what was missed in %s could not be looked for", missed.workspace)
                    self._retry_later(missed)
                finally:
                    self._changes = None
                self._looking.discard(missed.workspace)
            await self._sleep(ROUND)

    async def _fill_gap(self, missed: MissedRange) -> None:
        """Look through one workspace. A gap that came meanwhile leaves it behind, to be looked through again."""
        questions, progress = 0, BackfillProgress(missed, self._emit, self._seconds)
        try:
            found = await self._find(missed, progress)
        finally:
            progress.end()
        for event in found:
            if await self._ingest_found(event):
                questions += 1
                await self._sleep(BETWEEN)
        if missed.workspace not in self._wanted:
            self._failures.pop(missed.workspace, None)
            await persist(self._ingest, Backfilled(secrets.token_hex(8), missed.workspace), self._sleep)
        log.info("caught up in %s: %d missed since %s", missed.workspace, questions, f"{missed.since:%H:%M:%S}")

    def _retry_later(self, missed: MissedRange) -> None:
        """Look again after a round, a few times; after that the next gap will."""
        self._failures[missed.workspace] += 1
        if self._failures[missed.workspace] <= TRIES:
            self._wanted.setdefault(missed.workspace, missed)

    def _note_change(self, event: Edited | Deleted) -> None:
        """Remember, while we look, what became of a message. What is deleted says nothing any more."""
        place = locate_message(event)
        if self._changes is not None and not isinstance(self._changes.get(place), Deleted):
            self._changes[place] = event

    async def _ingest_found(self, event: Event) -> bool:
        """Ingest what was found, as it is now; whether it left a question.

        The news of an edit or a deletion meant nothing to the store while it did not hold the message.
        """
        if isinstance(self._change(event), Deleted):
            return False
        receipt = await persist(self._ingest, event, self._sleep)
        change = self._change(event)
        if change is not None:
            await persist(self._ingest, change, self._sleep)
        return receipt.question

    def _change(self, event: Event) -> Edited | Deleted | None:
        return self._changes.get(locate_message(event)) if self._changes and isinstance(event, Posted) else None
