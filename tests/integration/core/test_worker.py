"""Who speaks where: claims, beats, draining and trouble, over a real store."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from core.answering.bot_loop_guard import BotLoopGuard
from core.answering.inbox import Inbox
from core.domain.controls import Control
from core.domain.errors import LeaseLost, StoreUnavailable
from core.domain.events import Pressed
from core.domain.messages import Outcome, ThreadKey
from core.store import open_store
from core.telemetry import QuestionClosed
from core.worker.worker import Worker
from tests.support import postgres
from tests.support.house import at_once


class Speaker:
    """Answers by writing down whom it answered; `held` threads wait, `trouble` is raised in order first."""

    def __init__(self, store) -> None:
        self.store = store
        self.spoken: list[str] = []
        self.began: asyncio.Queue[str] = asyncio.Queue()
        self.stopped: list[str] = []
        self.held = False
        self.trouble: list[Exception] = []
        self.trouble_at_end: Exception | None = None
        self.let_go = asyncio.Event()

    async def __call__(self, claim, lease) -> None:
        self.began.put_nowait(claim.question.name)
        if self.trouble:
            raise self.trouble.pop(0)
        self.lease = lease
        if self.held:
            waiting = {asyncio.create_task(lease.stop.wait()), asyncio.create_task(self.let_go.wait())}
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting:
                    task.cancel()
                if trouble := self.trouble_at_end:
                    self.trouble_at_end = None
                    raise trouble
        if lease.stop.is_set():
            self.stopped.append(claim.question.name)
        await self.store.questions.close(claim, Outcome.SHOWN)
        self.spoken.append(claim.question.name)


@pytest.fixture
def speaker(store):
    return Speaker(store)


@asynccontextmanager
async def open_floor(store, speaker, process="p1", **options):
    worker = Worker(store.questions, speaker, process, lambda: ["board"], sleep=at_once, **options)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.drain(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ask(store, board, *threads: str) -> list[str]:
    names = []
    for thread in threads:
        event = board.said(thread, "U1", "hello")
        await store.questions.ingest(event)
        names.append(event.message.id)
    return names


async def heard(speaker, count: int) -> list[str]:
    async with asyncio.timeout(30):
        return [await speaker.began.get() for _ in range(count)]


async def test_a_question_that_nobody_told_of_is_found(store, board, speaker):
    (name,) = await ask(store, board, "t1")

    async with open_floor(store, speaker) as worker:
        assert await heard(speaker, 1) == [name]
        await worker.idle()

    assert speaker.spoken == [name]


@pytest.fixture
async def on_postgres(board):
    url = postgres.create_database()
    opened = await open_store(url, clock=board.now)
    yield opened
    await opened.shut()
    postgres.drop_database(url)


class SlowToIngest:
    """Questions, each of which is kept only after others have tried to claim one `looks` times."""

    def __init__(self, questions, looks):
        self._questions, self._looks = questions, looks
        self.in_order = questions.in_order

    async def ingest(self, event, **how):
        for _ in range(self._looks):
            assert await self._questions.claim_next("another process", ["board"]) is None
        return await self._questions.ingest(event, **how)


async def test_a_question_that_is_ingested_slowly_is_answered_as_soon_as_it_is_kept(on_postgres, board):
    speaker, looks = Speaker(on_postgres), 20  # of another's, in which ours has long looked too
    async with open_floor(on_postgres, speaker, poll=3600) as worker:
        guard = BotLoopGuard((), on_postgres.bot_answers)
        inbox = Inbox(SlowToIngest(on_postgres.questions, looks), worker, guard, board.now, timedelta())
        event = board.said("t1", "U1", "hello")
        await inbox.ingest(event)

        assert await heard(speaker, 1) == [event.message.id]
        await worker.idle()


async def test_no_more_than_its_places_speak_at_once(store, board, speaker):
    speaker.held = True
    names = await ask(store, board, "t1", "t2", "t3")

    async with open_floor(store, speaker, slots=2) as worker:
        assert await heard(speaker, 2) == names[:2]
        worker.wake()
        await asyncio.sleep(0.02)
        assert speaker.began.empty()
        speaker.let_go.set()
        assert await heard(speaker, 1) == names[2:]
        await worker.idle()


async def test_a_workspace_whose_answers_do_not_end_leaves_a_third_of_the_places_to_others(store, board, speaker):
    speaker.held = True
    flood = await ask(store, board, *(f"t{number}" for number in range(9)))
    other = replace(board.said("t1", "U1", "hello"), key=ThreadKey("board:w2", "c1", "t1"))

    async with open_floor(store, speaker, slots=9) as worker:
        assert await heard(speaker, 6) == flood[:6]
        await store.questions.ingest(other)
        worker.wake()
        assert await heard(speaker, 1) == [other.message.id]
        speaker.let_go.set()
        assert sorted(await heard(speaker, 3)) == flood[6:]
        await worker.idle()


async def test_draining_lets_answers_end_and_takes_no_more(store, board, speaker):
    speaker.held = True
    (first,) = await ask(store, board, "t1")

    async with open_floor(store, speaker) as worker:
        await heard(speaker, 1)
        draining = asyncio.create_task(worker.drain(5))
        await asyncio.sleep(0)
        await ask(store, board, "t2")
        worker.wake()
        speaker.let_go.set()
        await draining

    assert speaker.spoken == [first]
    assert (await store.questions.count_open())[0] == 1


class Slow:
    """A store that tells of claims or of beats, once they are written down, only when it is let go."""

    def __init__(self, store, *slow: str) -> None:
        self.questions, self._within, self._slow = self, store.questions, slow
        self.written, self.let_go = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str):
        return getattr(self._within, name)

    async def claim_next(self, process, platforms, full=()):
        return await self._told("claim", await self._within.claim_next(process, platforms, full))

    async def heartbeat(self, process, leaving=False):
        return await self._told("beat", await self._within.heartbeat(process, leaving))

    def hold(self, *slow: str) -> None:
        self._slow = slow

    async def _told(self, what: str, answer):
        if what in self._slow:
            self.written.set()
            await self.let_go.wait()
        return answer


async def test_what_is_claimed_just_when_draining_begins_is_left_to_the_next_process(store, board, speaker):
    slow = Slow(store, "claim")
    (name,) = await ask(store, board, "t1")
    async with open_floor(slow, speaker) as worker:
        await slow.written.wait()
        await worker.drain(5)
        slow.let_go.set()
        await asyncio.sleep(0.01)
    assert speaker.began.empty()

    second = Speaker(store)
    async with open_floor(store, second, "p2") as worker:
        assert await heard(second, 1) == [name]
        await worker.idle()


async def test_what_drains_too_long_is_left_to_the_next_process_at_once(store, board, speaker):
    speaker.held = True
    (name,) = await ask(store, board, "t1")
    async with open_floor(store, speaker):
        await heard(speaker, 1)

    second = Speaker(store)
    async with open_floor(store, second, "p2") as worker:
        assert await heard(second, 1) == [name]
        await worker.idle()

    assert (speaker.spoken, second.spoken) == ([], [name])


async def test_what_goes_wrong_while_an_answer_is_being_ended_keeps_it_no_longer(store, board, speaker, caplog):
    speaker.held = True
    speaker.trouble_at_end = ValueError("while it ended")
    (name,) = await ask(store, board, "t1")
    async with open_floor(store, speaker) as worker:
        await heard(speaker, 1)
        async with asyncio.timeout(5):
            await worker.drain(0)

    assert (speaker.spoken, speaker.began.qsize(), "could not be answered" in caplog.text) == ([], 0, False)
    assert (await store.questions.claim_next("p2", ["board"])).question.name == name


async def test_a_bug_is_tried_three_times_and_then_the_question_is_closed(store, board, speaker, caplog):
    speaker.trouble = [RuntimeError("bug")] * 3
    names = await ask(store, board, "t1", "t2")

    signs = []
    async with open_floor(store, speaker, slots=1, emit=signs.append) as worker:
        assert await heard(speaker, 4) == [names[0]] * 3 + [names[1]]
        await worker.idle()

    assert speaker.spoken == [names[1]]
    assert caplog.text.count("could not be answered") == 3
    assert [(sign.question.name, sign.outcome) for sign in signs if isinstance(sign, QuestionClosed)] == [
        (names[0], Outcome.EXPIRED)
    ]


async def test_a_database_that_is_away_is_waited_for(store, board, speaker):
    speaker.trouble = [StoreUnavailable("disk full")] * 5
    (name,) = await ask(store, board, "t1")

    async with open_floor(store, speaker) as worker:
        assert await heard(speaker, 6) == [name] * 6
        await worker.idle()

    assert speaker.spoken == [name]


@pytest.mark.parametrize("trouble", [LeaseLost("taken over"), LeaseLost()], ids=["lost", "dropped"])
async def test_what_was_taken_over_is_dropped_without_a_second_try(store, board, speaker, trouble):
    speaker.trouble = [trouble]
    await ask(store, board, "t1")

    async with open_floor(store, speaker):
        await heard(speaker, 1)
        await asyncio.sleep(0.02)
        assert speaker.began.empty()


async def test_what_was_withdrawn_is_told_to_stop(store, board, speaker):
    speaker.held = True
    (name,) = await ask(store, board, "t1")

    async with open_floor(store, speaker) as worker:
        await heard(speaker, 1)
        await store.questions.ingest(Pressed("b", ThreadKey("board:w1", "c1", "t1"), "U1", Control.STOP))
        await worker.heartbeat()
        await worker.idle()

    assert speaker.stopped == [name]


async def test_a_process_that_finds_its_beat_late_drops_what_it_was_saying(store, board, speaker):
    speaker.held = True
    (name,) = await ask(store, board, "t1")

    async with open_floor(store, speaker) as worker:
        await heard(speaker, 1)
        speaker.held = False
        board.slept(60)
        await worker.heartbeat()
        await worker.idle()

    assert speaker.began.get_nowait() == name, "it was begun again"
    assert len(speaker.spoken) <= 1


async def test_what_is_claimed_while_a_late_beat_is_on_its_way_is_not_dropped(store, board, speaker):
    speaker.held = True
    (name,) = await ask(store, board, "t1")
    slow = Slow(store)

    async with open_floor(slow, speaker) as worker, asyncio.timeout(30):
        await heard(speaker, 1)
        await worker.heartbeat()  # the first beat is told by now
        slow.hold("beat")
        board.slept(60)
        looking = asyncio.create_task(worker.heartbeat())
        await slow.written.wait()
        worker.wake()
        assert await heard(speaker, 1) == [name]
        slow.let_go.set()
        await looking
        speaker.let_go.set()
        await worker.idle()

    assert speaker.spoken == [name]


async def test_what_a_late_beat_freed_before_we_were_told_of_the_claim_is_dropped(store, board, speaker):
    slow = Slow(store)
    (first,) = await ask(store, board, "t0")

    async with open_floor(slow, speaker, clock=board.now) as worker, asyncio.timeout(30):
        assert await heard(speaker, 1) == [first]
        await worker.heartbeat()  # the first beat is told by now
        await worker.idle()
        slow.hold("claim", "beat")
        (name,) = await ask(store, board, "t1")
        worker.wake()
        await slow.written.wait()
        board.slept(60)
        slow.written.clear()
        looking = asyncio.create_task(worker.heartbeat())
        await slow.written.wait()
        slow.hold()
        slow.let_go.set()
        await looking
        await worker.idle()

    assert speaker.spoken == [first, name]
    assert speaker.began.qsize() == 1, "the claim that was freed was not begun"


async def test_a_process_that_was_stopped_is_sure_of_its_hold_only_after_a_beat_that_is_not_late(store, board, speaker):
    speaker.held = True
    await ask(store, board, "t1")

    async with open_floor(store, speaker, clock=board.now) as worker:
        await heard(speaker, 1)
        await worker.heartbeat()
        await speaker.lease.ensure_held()
        board.slept(60)
        looking = asyncio.create_task(speaker.lease.ensure_held())
        await asyncio.sleep(0)
        assert not looking.done()
        await worker.heartbeat()

        with pytest.raises(LeaseLost):
            await looking


async def test_a_cancellation_that_nobody_asked_for_ends_no_claim(store, board, speaker, caplog):
    speaker.trouble = [asyncio.CancelledError()]
    (name,) = await ask(store, board, "t1")

    async with open_floor(store, speaker) as worker, asyncio.timeout(30):
        await worker.idle()

    assert speaker.spoken == [name]
    assert caplog.text.count("could not be answered") == 1


async def test_what_cannot_be_answered_and_is_another_process_s_by_now_is_left_to_it(store, board, speaker, caplog):
    speaker.trouble = [RuntimeError("bug")] * 3
    (name,) = await ask(store, board, "t1")

    class Taken:
        """A store in which others have taken over what is to be closed."""

        def __getattr__(self, attribute):
            return getattr(store.questions, attribute)

        async def close(self, claim, outcome, **_more):
            raise LeaseLost("taken over")

    taken = Taken()
    taken.questions = taken
    async with open_floor(taken, speaker):
        assert await heard(speaker, 3) == [name] * 3
        await asyncio.sleep(0.02)
        assert speaker.began.empty()

    assert "could not be closed: taken over" in caplog.text
