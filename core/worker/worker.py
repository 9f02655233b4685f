"""Worker: claims questions from the queue, answers them side by side under leases, and leaves the rest to others."""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import replace

from core.domain import backoff
from core.domain.clock import Clock, Sleep, steady_clock
from core.domain.errors import LeaseLost, StoreUnavailable, TokenRefused
from core.domain.messages import Outcome, ThreadKey
from core.store.protocols import Questions
from core.store.records.claims import Claim
from core.store.records.heartbeat import News, Signals, Topic
from core.telemetry import Emit, HeartbeatSent, QuestionClosed, current_question, discard_event, ids_of
from core.worker.lease import ProcessLease, QuestionLease, current_lease

HEARTBEAT = 2.0  # seconds between two heartbeats, at most
GLANCE = 0.01  # seconds between two looks whether all is answered
POLL = 1.0  # seconds after which the queue is polled for questions that nobody told us of, where no news is heard
CALL = 1.0  # seconds between two calls for others that take up what waits
SLOTS = 256  # questions claimed at the same time: Discord may be told 50 times a second that we write, each 8 s
SHARE = 2  # times the slots that are free which one workspace may hold: where its platform is slow, others have theirs
TRIES = 3  # times that a question is begun again after a bug
SHORTEST_PAUSE, LONGEST_PAUSE = 2.0, 30.0  # seconds between two tries
GRACE = 20.0  # seconds that answers under way get when we drain

log = logging.getLogger(__name__)

Respond = Callable[[Claim, QuestionLease], Awaitable[None]]
GiveUp = Callable[[Claim, BaseException], Awaitable[bool]]


async def say_nothing(_claim: Claim, _error: BaseException) -> bool:
    """Nobody is told that a question gets no answer."""
    return False


class Worker:
    """Answers one question a thread at a time. `respond` answers one, as long as its lease lasts.

    `give_up` tells people that one gets no answer, and returns whether it could.
    `platforms` are those that can be shown an answer now; questions of the others wait without taking a slot.
    """

    def __init__(
        self,
        questions: Questions,
        respond: Respond,
        process: str,
        platforms: Callable[[], Collection[str]],
        *,
        give_up: GiveUp = say_nothing,
        slots: int = SLOTS,
        poll: float = POLL,
        clock: Clock = steady_clock,
        sleep: Sleep = asyncio.sleep,
        emit: Emit = discard_event,
        signals: Signals | None = None,
    ) -> None:
        """Leases count on `clock`, which no change of the time of day may move."""
        self._questions = questions
        self._respond = respond
        self._give_up = give_up
        self._process = process
        self._platforms = platforms
        self._sleep = sleep
        self._most = slots
        self._slots = asyncio.Semaphore(slots)
        self._poll = poll
        self._emit = emit
        self._woken = asyncio.Event()
        self._open = True
        self._clock = clock
        self._process_lease = ProcessLease(clock)
        self._beating = asyncio.Lock()
        self._answering: dict[asyncio.Task[None], tuple[Claim, QuestionLease]] = {}
        self._signals = signals
        self._hears = False
        self._beat_soon = asyncio.Event()
        self._called_at = -CALL
        self._looking = False
        self._failed = False
        """Whether the last look failed: what it may have claimed no heartbeat tells of."""
        self._noted: list[tuple[ThreadKey | None, str]] = []
        """What changed since the look that goes on began, of which its claim may know nothing."""

    def has_room(self, workspace: str) -> bool:
        """Whether a question of this workspace would be taken up here, as soon as its turn comes."""
        connected = workspace.partition(":")[0] in self._platforms()
        return self._open and connected and not self._slots.locked() and workspace not in self._list_full()

    def hear(self, news: News) -> None:
        """Do what another process, or the connection to the others, gives cause for."""
        if news.topic is Topic.DEAF or news.topic is Topic.HEARING:
            self._hears = news.topic is Topic.HEARING
            self._process_lease.hears_all = False  # another may have begun meanwhile
            self._trust(hears_all=self._hears)
        if news.process not in ("", self._process):
            return
        if news.topic is Topic.CHANGE and news.key:
            self.note_change(news.key)
            self.wake()  # what another process kept for a thread that is answered in here may wait for its end
        elif news.topic in {Topic.WITHDRAWAL, Topic.HEARING}:
            self._beat_soon.set()  # a heartbeat learns what was withdrawn, and whether anything waits
        elif news.topic is Topic.QUESTION:
            self.wake()

    def wake(self) -> None:
        """There may be a question in the queue."""
        self._woken.set()

    def note_change(self, key: ThreadKey | None, asked: str = "") -> None:
        """Something was said, edited or deleted in this thread, or in any: who answers a question in it has to look.

        To those who answer it, that a question was `asked` is no news.
        """
        if self._looking:
            self._noted.append((key, asked))
        for claim, lease in self._answering.values():
            if _concerns(claim, key, asked):
                lease.note_change()

    async def run(self) -> None:
        """Answer questions until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_alive())
            group.create_task(self._claim_questions())

    async def heartbeat(self) -> None:
        """Renew the leases of this process, and stop what was withdrawn or taken over."""
        async with self._beating:  # one that is not late may not be told of before the late one that it follows
            before = set(self._answering)
            said_at = self._clock()
            heartbeat = await self._questions.heartbeat(self._process)
            self._emit(HeartbeatSent(heartbeat.processes))
            if heartbeat.late and before:
                log.info("was silent for so long that others may have taken over its answers: %d", len(before))
            for task, (claim, lease) in list(self._answering.items()):
                taken_over = heartbeat.late and (
                    task in before or claim.id in heartbeat.freed
                )  # not what came after it
                if taken_over:
                    lease.drop()  # what the task does before the cancellation reaches all of it is not shown any more
                    task.cancel()
                elif claim.id in heartbeat.withdrawn:
                    lease.stop.set()
            self._process_lease.renew(said_at + heartbeat.lease)
            self._trust(hears_all=self._hears or heartbeat.processes <= 1)
        if heartbeat.waiting:
            self.wake()
        if heartbeat.doubtful is not None:
            asyncio.get_running_loop().call_later(heartbeat.doubtful.total_seconds() + GLANCE, self.wake)

    async def drain(self, seconds: float = GRACE) -> None:
        """Take no more questions, let those under way end for `seconds`, and leave the rest to whoever comes next."""
        self._open = False
        tasks = list(self._answering)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._questions.heartbeat(self._process, leaving=True)

    async def idle(self) -> None:
        """Wait until no question is open."""
        while (await self._questions.count_open())[0]:
            await asyncio.gather(*self._answering, return_exceptions=True)
            await asyncio.sleep(GLANCE)

    async def _keep_alive(self) -> None:
        while True:
            self._beat_soon.clear()
            try:
                await self.heartbeat()
            except StoreUnavailable as error:
                log.error("heartbeat failed: %s", error)
            await _wait_for(self._beat_soon, min(HEARTBEAT, self._process_lease.left / 2) or HEARTBEAT)

    async def _claim_questions(self) -> None:
        while True:
            self._process_lease.left_some = True  # until the next look has told
            if self._slots.locked():
                await self._call_others()
            await self._slots.acquire()
            claim = await self._claim_next() if self._open else None
            if claim is not None and self._open:  # one that came while we began to drain is left, as all others are
                self._begin(claim)
                if self._process_lease.left_some:
                    continue
            else:
                self._slots.release()
            await self._rest()

    async def _claim_next(self) -> Claim | None:
        self._noted.clear()
        self._looking = True
        full, claim, self._failed = self._list_full(), None, False
        try:
            claim = await self._questions.claim_next(self._process, self._platforms(), full)
        except StoreUnavailable as error:
            log.error("could not look for questions: %s", error)
            self._failed = True
        self._looking = False
        self._process_lease.left_some = claim is None or claim.more or bool(full)
        return claim

    def _trust(self, *, hears_all: bool) -> None:
        """What nobody told us while not all was heard may have changed any thread."""
        if hears_all and not self._process_lease.hears_all:
            self.note_change(None)
        self._process_lease.hears_all = hears_all

    async def _call_others(self) -> None:
        """What waits was kept while there was a place, so that nobody else has heard of it."""
        now = asyncio.get_running_loop().time()
        if self._signals and self._hears and now >= self._called_at + CALL:
            self._called_at = now
            with suppress(StoreUnavailable):
                await self._signals.call_others()

    def _list_full(self) -> list[str]:
        """The workspaces that have their share of the slots (dynamic threshold: so many times what is free)."""
        free = self._most - len(self._answering)
        if len(self._answering) < SHARE * free:
            return []
        held = Counter(claim.question.key.workspace for claim, _ in self._answering.values())
        return [workspace for workspace, count in held.items() if count >= SHARE * free]

    async def _rest(self) -> None:
        """Until there may be something to claim: others say so, or each heartbeat, or it is looked for."""
        await _wait_for(self._woken, None if self._hears and not self._failed else self._poll)
        self._woken.clear()

    def _begin(self, claim: Claim) -> None:
        lease = QuestionLease(self._process_lease)
        if any(_concerns(claim, *one) for one in self._noted):
            lease.note_change()
        task = asyncio.create_task(self._answer(claim, lease), name=f"reply to {claim.question.name}")
        self._answering[task] = claim, lease
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        """Free the slot, also when the task was cancelled before it began."""
        _, lease = self._answering.pop(task)
        self._slots.release()
        if self._process_lease.may_leave_some or not lease.ended:
            self.wake()

    async def _answer(self, claim: Claim, lease: QuestionLease) -> None:
        """Answer one question, however often it takes: a full disk and a token are waited for, a bug is tried thrice.

        A library may raise a cancellation that nobody asked for: that ends no claim either.
        """
        current_question.set(ids_of(claim.question))
        current_lease.set(lease)
        log.info("taken up again" if claim.resumed else "taken up")
        for attempt in itertools.count(1):
            try:
                await self._respond(claim, lease)
                return
            except LeaseLost:
                log.warning("taken over by another process")
                return
            except StoreUnavailable as error:
                log.error("waits for the database: %s", error)
            except TokenRefused as error:
                log.error("waits for a token that works: %s", error)
            except (Exception, asyncio.CancelledError) as error:
                if is_cancelled():  # what came up while it ended is no bug of the answer's, and no reason to go on
                    raise asyncio.CancelledError from error
                log.exception("could not be answered")
                if attempt >= TRIES and await self._close_unanswered(claim, error):
                    return
            await self._sleep(backoff.grow_pause(attempt, SHORTEST_PAUSE, LONGEST_PAUSE))
            claim = replace(claim, resumed=True)

    async def _close_unanswered(self, claim: Claim, error: BaseException) -> bool:
        """Whether the question could be closed with a notice for an answer, or is another's to close."""
        outcome = Outcome.REFUSED if await self._give_up(claim, error) else Outcome.EXPIRED
        try:
            await self._questions.close(claim, outcome)
        except (LeaseLost, StoreUnavailable) as trouble:
            log.warning("could not be closed: %s", trouble)
            return isinstance(trouble, LeaseLost)
        self._emit(QuestionClosed(claim.question, outcome))
        return True


def _concerns(claim: Claim, key: ThreadKey | None, asked: str) -> bool:
    """Whether who answers a claim has to hear of a change in a thread, or in any."""
    return key in {None, claim.question.key} and asked not in {one.name for one in (claim.question, *claim.together)}


async def _wait_for(event: asyncio.Event, seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def is_cancelled() -> bool:
    """Whether somebody cancelled the task that runs; a library may raise a cancellation that nobody asked for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
