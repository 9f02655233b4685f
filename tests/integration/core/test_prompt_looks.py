"""Random schedules at the queue: each question is answered once, as soon as it may be, though no heartbeat tells of it.

Polls never come, and heartbeats say that nothing waits: a look that a worker leaves out is missed here for ever.
"""

import asyncio
import random
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from core.answering.bot_loop_guard import BotLoopGuard
from core.answering.inbox import Inbox
from core.domain.errors import StoreUnavailable
from core.domain.events import Commanded, Deleted, Edited, Event
from core.domain.messages import Outcome
from core.store import open_store
from core.store.records.claims import Claim
from core.store.records.heartbeat import News, Topic
from core.store.repositories import QuestionRepository
from core.store.sql_port import stamp
from core.worker.worker import Worker
from tests.support import postgres
from tests.support.house import at_once, working
from tests.support.waiting import let_others_run, until

NEVER = 3600.0  # seconds
ROUNDS, ASKED = 8, 4
PAUSES = [0, 0, 0.001, 0.003, 0.01]  # seconds
SLOWEST = 0.004  # seconds until a call begins, and until its result is told


class Untold:
    """Questions of a store whose heartbeats tell of none that wait. Where it is `late`, results come in any order."""

    def __init__(self, within, chance: random.Random, *, late: bool = False) -> None:
        self._within, self._chance, self._late = within, chance, late
        self.in_order = within.in_order and not late
        self.held: dict[str, asyncio.Event] = {}
        self.calls = Counter[str]()

    async def heartbeat(self, process, leaving=False):
        return replace(await self._within.heartbeat(process, leaving), waiting=False, doubtful=None)

    def __getattr__(self, name):
        found = getattr(self._within, name)

        async def call(*given, **named):
            await self._dally()
            result = await found(*given, **named)
            self.calls[name] += 1
            if name in self.held:
                await self.held[name].wait()
            await self._dally()
            return result

        return call

    async def _dally(self) -> None:
        if self._late:
            await asyncio.sleep(self._chance.random() * SLOWEST)


@dataclass
class World:
    """What was edited and answered, by all processes."""

    chance: random.Random
    began: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    edits: dict[str, str] = field(default_factory=dict)  # the newest of each message, once it is stored
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, times: int = 1) -> None:
        for _ in range(times):
            await asyncio.sleep(self.chance.choice(PAUSES))


class Process:
    """It ingests and answers; before it shows a word it looks at what changed, as answers do."""

    def __init__(self, name, store, board, world, *, slots=64, late=False, poll=NEVER) -> None:
        self._store, self._world = store, world
        self.questions = Untold(store.questions, world.chance, late=late)
        options = {"slots": slots, "sleep": at_once, "poll": poll, "signals": store.signals}
        self.worker = Worker(self.questions, self._answer, name, lambda: ["board"], **options)
        self.inbox = Inbox(self.questions, self.worker, BotLoopGuard((), store.bot_answers), board.now, timedelta())

    async def _answer(self, claim, lease) -> None:
        names = [one.name for one in (claim.question, *claim.together)]
        self._world.began += names
        await self._world.go.wait()
        await self._world.pause(5)
        known = dict(self._world.edits)
        if lease.may_have_changed:
            claim = await lease.look(lambda: self.questions.join_waiting(claim))
            names = [one.name for one in (claim.question, *claim.together)]
        newest = max((known[one] for one in names if one in known), default="")
        if (claim.edited or "") < newest and not lease.stop.is_set():
            self._world.faults.append(f"an edit of one of {names} was missed")
        await self._world.pause()
        stopped = lease.stop.is_set()
        await lease.end(self.questions.close, claim, Outcome.WITHDRAWN if stopped else Outcome.SHOWN)
        self._world.ended += names[:1] if stopped else names

    @asynccontextmanager
    async def running(self):
        async with working(self.worker, self._store.signals.listen(self.worker.hear)):
            if not self._store.questions.in_order:
                await until(lambda: self.worker._hears)
            yield self


@asynccontextmanager
async def living(world, board, *stores, **options):
    """Processes that know of each other."""
    async with AsyncExitStack() as stack:
        found = [Process(f"p{number}", one, board, world, **options) for number, one in enumerate(stores)]
        for process in found:
            await stack.enter_async_context(process.running())
        for process in [*found, *found]:  # the first ones learn of the last ones with their next
            await process.worker.heartbeat()
        yield found


@asynccontextmanager
async def stores(engine, folder, count):
    """So many processes' stores of one database."""
    url = postgres.create_database() if engine == "postgres" else f"sqlite:///{folder}/confab.db"
    opened = [await open_store(url) for _ in range(count)]
    yield opened
    for store in opened:
        await store.shut()
    if engine == "postgres":
        postgres.drop_database(url)


def choose_events(board, chance: random.Random) -> tuple[str, list[Event]]:
    """A question or a command, and what becomes of it at once; the name of what is to be answered, if it is."""
    person = chance.choice(["U1", "U2", "U3"])
    said = board.said(f"t{chance.randint(1, 2)}", person, "hi")
    name = said.message.id
    kind = chance.random()
    if kind < 0.1:
        return name, [Commanded(name, said.key, person, "usage", board.now())]
    if kind < 0.4:
        return name, [said, Edited(f"x{name}", said.key, replace(said.message, text="hello", edited=board.now()))]
    if kind < 0.5:
        return "", [said, Deleted(f"d{name}", said.key, name, board.now())]
    return name, [said]


async def ask_at_random(world, board, processes) -> list[str]:
    """Let processes hear of some questions at the same time. Which are to be answered."""

    async def tell(events) -> None:
        for event in events:
            await world.chance.choice(processes).inbox.ingest(event)
            if isinstance(event, Edited):
                world.edits[event.message.id] = stamp(event.message.edited)
            await world.pause()

    telling, names = [], []
    for _ in range(ASKED):
        name, events = choose_events(board, world.chance)
        names += [name] if name else []
        telling.append(asyncio.create_task(tell(events)))
        await world.pause()
    await asyncio.gather(*telling)
    return names


async def check_world(world, board, *opened, **options) -> None:
    """Ask at random, round after round, and wait until all is answered before anything else happens."""
    world.go.set()
    wanted: list[str] = []

    def left() -> Counter[str]:
        return Counter(wanted) - Counter(world.ended)

    async with living(world, board, *opened, **options) as processes:
        for _ in range(ROUNDS):
            wanted += await ask_at_random(world, board, processes)
            await until(lambda: not left(), 10)

    counts = Counter(world.ended)
    assert {name: counts[name] for name in wanted} == dict.fromkeys(wanted, 1)
    assert world.faults == []


@pytest.mark.parametrize("slots", [1, 3, 64])
@pytest.mark.parametrize("late", [False, True], ids=["in order", "in any order"])
async def test_one_process_answers_each_question_once_and_needs_no_heartbeat_for_it(store, board, late, slots):
    await check_world(World(random.Random(slots)), board, store, slots=slots, late=late)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_two_processes_answer_each_question_once_and_need_no_heartbeat_for_it(tmp_path, board, engine):
    async with stores(engine, tmp_path, 2) as opened:
        await check_world(World(random.Random(3)), board, *opened, late=True)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_what_another_process_keeps_behind_a_question_is_answered_as_soon_as_that_is(tmp_path, board, engine):
    world = World(random.Random(1))
    async with stores(engine, tmp_path, 2) as opened, living(world, board, *opened) as (ours, theirs):
        first, second = board.said("t1", "U1", "hi"), board.said("t1", "U2", "hello")
        await ours.inbox.ingest(first)
        await until(lambda: world.began)
        looks = theirs.questions.calls["claim_next"]
        await theirs.inbox.ingest(second)
        await until(lambda: theirs.questions.calls["claim_next"] > looks)
        world.go.set()
        await until(lambda: len(world.ended) == 2, 10)

    assert world.ended == [first.message.id, second.message.id]


async def test_an_answer_that_ends_while_a_look_finds_its_thread_taken_is_followed_by_the_next(store, board):
    world = World(random.Random(1))
    async with living(world, board, store) as (process,):
        await process.inbox.ingest(board.said("t1", "U1", "hi"))
        await until(lambda: world.began)
        looks = process.questions.calls["claim_next"]
        process.questions.held["claim_next"] = told = asyncio.Event()
        await process.inbox.ingest(board.said("t1", "U2", "hello"))
        await until(lambda: process.questions.calls["claim_next"] > looks)
        world.go.set()
        await until(lambda: not process.worker._answering)
        told.set()

        await until(lambda: len(world.ended) == 2, 10)


async def test_what_a_process_heard_that_has_left_is_looked_for_before_an_answer_shows(store, board):
    world = World(random.Random(1))
    await store.questions.heartbeat("p9")
    async with living(world, board, store) as (process,):
        asked = board.said("t1", "U1", "hi")
        await process.inbox.ingest(asked)
        await until(lambda: world.began)
        edited = replace(asked.message, text="hello", edited=board.now())
        await store.questions.ingest(Edited("x", asked.key, edited))
        world.edits[asked.message.id] = stamp(edited.edited)
        await store.questions.heartbeat("p9", leaving=True)
        await process.worker.heartbeat()
        world.go.set()
        await until(lambda: world.ended)

    assert world.faults == []


class SilentOnce:
    """An engine that does the first claim for real, and can't say so."""

    def __init__(self, engine) -> None:
        self._engine, self.silent = engine, True

    def __getattr__(self, name):
        return getattr(self._engine, name)

    async def unit(self, work, *, patient=False):
        done = await self._engine.unit(work, patient=patient)
        if isinstance(done, Claim) and self.silent:
            self.silent = False
            raise StoreUnavailable("it was just lost")
        return done


async def test_a_claim_that_the_database_gave_and_could_not_tell_of_is_asked_for_again_soon(store, board):
    world = World(random.Random(1))
    world.go.set()
    engine = SilentOnce(store.questions._engine)
    questions = QuestionRepository(engine, timedelta(seconds=10))
    async with living(world, board, replace(store, questions=questions), poll=0.05) as (process,):
        process.worker.hear(News(Topic.HEARING))
        asked = board.said("t1", "U1", "hi")
        await process.inbox.ingest(asked)
        await until(lambda: world.ended, 10)

    assert (engine.silent, world.ended) == (False, [asked.message.id])


async def test_changes_are_kept_in_mind_only_while_a_look_goes_on(store, board):
    async with living(World(random.Random(1)), board, store) as (process,):
        await let_others_run()
        await until(lambda: process.questions.calls["claim_next"])
        said, before = board.said("t1", "U1", "hi"), [*process.worker._noted]
        for number in range(3):
            process.worker.note_change(said.key, str(number))

        assert process.worker._noted == before
