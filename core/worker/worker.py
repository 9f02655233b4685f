"""The floor: who speaks where. Questions are claimed, answered side by side, and left to others at the end."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from core.domain.clock import Clock, Sleep, system_clock
from core.domain.errors import LeaseLost, StoreUnavailable
from core.domain.messages import Outcome
from core.store.protocols import Claim, Questions
from core.telemetry import Emit, HeartbeatSent, QuestionClosed, current_question, discard_event, ids_of
from core.worker.lease import ProcessLease, QuestionLease, current_lease

BEAT = 2.0  # seconds between two signs of life, at most
GLANCE = 0.01  # seconds between two looks whether all is answered
LOOK = 1.0  # seconds after which we look for questions that nobody told us of
PLACES = 256  # questions taken up at the same time: Discord may be told 50 times a second that we write, each 8 s
TRIES = 3  # times that a question is begun again after a bug
LONGEST_PAUSE = 30.0  # seconds between two tries
GRACE = 20.0  # seconds that answers under way get when we drain

log = logging.getLogger(__name__)

Speak = Callable[[Claim, QuestionLease], Awaitable[None]]


class Worker:
    """Gives the floor to one question a thread. `speak` answers one, as long as its hold lasts.

    `platforms` are those that can be shown an answer now; questions of the others wait without taking a place.
    """

    def __init__(
        self,
        questions: Questions,
        speak: Speak,
        process: str,
        platforms: Callable[[], Collection[str]],
        *,
        places: int = PLACES,
        clock: Clock = system_clock,
        sleep: Sleep = asyncio.sleep,
        emit: Emit = discard_event,
    ) -> None:
        self._questions = questions
        self._speak = speak
        self._process = process
        self._platforms = platforms
        self._sleep = sleep
        self._places = asyncio.Semaphore(places)
        self._emit = emit
        self._woken = asyncio.Event()
        self._open = True
        self._clock = clock
        self._process_lease = ProcessLease(clock)
        self._looking = asyncio.Lock()
        self._speaking: dict[asyncio.Task[None], tuple[Claim, QuestionLease]] = {}

    def wake(self) -> None:
        """There may be a question."""
        self._woken.set()

    async def run(self) -> None:
        """Answer questions until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._claim())

    async def look(self) -> None:
        """Say that we live, and stop what was withdrawn or taken over."""
        async with self._looking:  # a beat that is not late may not be told before the late one that it follows
            before = set(self._speaking)
            said_at = self._clock()
            heartbeat = await self._questions.heartbeat(self._process)
            self._emit(HeartbeatSent())
            for task, (claim, lease) in list(self._speaking.items()):
                if heartbeat.late and (
                    task in before or claim.id in heartbeat.freed
                ):  # what is claimed after the beat is ours
                    lease.drop()  # what the task does before the cancellation reaches all of it is not shown any more
                    task.cancel()
                elif claim.id in heartbeat.withdrawn:
                    lease.stop.set()
            self._process_lease.renew(said_at + heartbeat.lease)

    async def drain(self, seconds: float = GRACE) -> None:
        """Take no more questions, let those under way end for `seconds`, and leave the rest to whoever comes next."""
        self._open = False
        tasks = list(self._speaking)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._questions.heartbeat(self._process, leaving=True)

    async def idle(self) -> None:
        """Wait until no question is open."""
        while (await self._questions.count_open())[0]:
            await asyncio.gather(*self._speaking, return_exceptions=True)
            await asyncio.sleep(GLANCE)

    async def _beat(self) -> None:
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.error("could not say that we live: %s", error)
            await asyncio.sleep(min(BEAT, self._process_lease.left / 2) or BEAT)

    async def _claim(self) -> None:
        while True:
            await self._places.acquire()
            claim = await self._next() if self._open else None
            if claim is not None and self._open:  # one that came while we began to drain is left, as all others are
                self._begin(claim)
                continue
            self._places.release()
            await self._rest()

    async def _next(self) -> Claim | None:
        try:
            return await self._questions.claim_next(self._process, self._platforms())
        except StoreUnavailable as error:
            log.error("could not look for questions: %s", error)
            return None

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(LOOK):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    def _begin(self, claim: Claim) -> None:
        lease = QuestionLease(self._process_lease)
        task = asyncio.create_task(self._lease(claim, lease), name=f"reply to {claim.question.name}")
        self._speaking[task] = claim, lease
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        """Give the floor back, also when the task was cancelled before it began."""
        del self._speaking[task]
        self._places.release()
        self.wake()

    async def _lease(self, claim: Claim, lease: QuestionLease) -> None:
        """Answer one question, however often it takes."""
        current_question.set(ids_of(claim.question))
        current_lease.set(lease)
        log.info("taken up again" if claim.resumed else "taken up")
        for attempt in itertools.count(1):
            if await self._spoken(claim, lease, attempt):
                return
            await self._sleep(min(2.0**attempt, LONGEST_PAUSE))
            claim = replace(claim, resumed=True)

    async def _spoken(self, claim: Claim, lease: QuestionLease, attempt: int) -> bool:
        """Whether that was all for this claim. A full disk is waited for; a bug is tried three times.

        A library may raise a cancellation that nobody asked for: that ends no claim either.
        """
        try:
            await self._speak(claim, lease)
        except LeaseLost:
            log.warning("taken over by another process")
        except StoreUnavailable as error:
            log.error("waits for the database: %s", error)
            return False
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _cancelled():
                raise
            log.exception("could not be answered")
            return attempt >= TRIES and await self._given_up(claim)
        return True

    async def _given_up(self, claim: Claim) -> bool:
        """Whether the question could be closed without an answer, or is another's to close."""
        try:
            await self._questions.close(claim, Outcome.EXPIRED)
        except (LeaseLost, StoreUnavailable) as error:
            log.warning("could not be closed: %s", error)
            return isinstance(error, LeaseLost)
        self._emit(QuestionClosed(claim.question, Outcome.EXPIRED))
        return True


def _cancelled() -> bool:
    """Whether somebody cancelled the task that runs."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
